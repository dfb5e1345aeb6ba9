/** Paths as a flow from left to right: places by step, ribbons between them. Pure. */
import type { EChartsOption } from 'echarts';
import type { Colours } from './colours';
import { FONT, type Words } from './options';

export interface FlowNode {
  key: string;
  column: number;
  event: string;
  people: number;
  /** Beyond the largest places of a column the rest is one. */
  other: boolean;
  /** Whoever went no further ends here. */
  ended: number;
  y: number;
  /** The room of the place, enough for its label. */
  height: number;
  /** What its people take to scale. */
  bar: number;
}

export interface FlowLink {
  key: string;
  from: string;
  to: string;
  people: number;
  y0: number;
  y1: number;
  height: number;
}

export interface Flow {
  columns: number;
  nodes: FlowNode[];
  links: FlowLink[];
  total: number;
}

const OTHER = '\u0000other';

/**
 * Lays paths out in a box of `height`. With `backwards`, the last event of every path stands in the last column.
 * A column shows its `most` largest places and the rest as one, so that every ribbon's people are counted somewhere.
 */
export function flow(paths: readonly { events: readonly string[]; people: number }[], options: { most?: number; height: number; gap?: number; backwards?: boolean; least?: number }): Flow {
  const { most = 6, height, gap = 10, backwards = false, least = 3 } = options;
  const columns = Math.max(0, ...paths.map((p) => p.events.length));
  const place = (p: { events: readonly string[] }, i: number): number => (backwards ? columns - p.events.length + i : i);
  const counts = Array.from({ length: columns }, () => new Map<string, number>());
  for (const p of paths) p.events.forEach((e, i) => { const at = counts[place(p, i)]!; at.set(e, (at.get(e) ?? 0) + p.people); });
  const kept = counts.map((at) => new Set([...at].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, at.size <= most + 1 ? at.size : most).map(([e]) => e)));
  const keyOf = (column: number, event: string): string => `${column}:${kept[column]!.has(event) ? event : OTHER}`;

  const nodes = new Map<string, FlowNode>();
  const links = new Map<string, FlowLink>();
  for (const p of paths) {
    p.events.forEach((event, i) => {
      const column = place(p, i);
      const key = keyOf(column, event);
      const other = !kept[column]!.has(event);
      const node = nodes.get(key) ?? { key, column, event: other ? '' : event, people: 0, other, ended: 0, y: 0, height: 0, bar: 0 };
      node.people += p.people;
      if (i === p.events.length - 1 && column < columns - 1) node.ended += p.people;
      nodes.set(key, node);
      if (i === 0) return;
      const from = keyOf(column - 1, p.events[i - 1]!);
      const id = `${from}>${key}`;
      const link = links.get(id) ?? { key: id, from, to: key, people: 0, y0: 0, y1: 0, height: 0 };
      link.people += p.people;
      links.set(id, link);
    });
  }

  const total = Math.max(0, ...Array.from({ length: columns }, (_, k) => [...nodes.values()].filter((n) => n.column === k).reduce((s, n) => s + n.people, 0)));
  const fullest = Math.max(1, ...Array.from({ length: columns }, (_, k) => [...nodes.values()].filter((n) => n.column === k).length));
  const scale = total ? Math.max(0, height - gap * (fullest - 1)) / total : 0;
  for (let k = 0; k < columns; k++) {
    let y = 0;
    const own = [...nodes.values()].filter((n) => n.column === k).sort((a, b) => Number(a.other) - Number(b.other) || b.people - a.people || (a.event < b.event ? -1 : 1));
    for (const n of own) {
      n.y = y;
      n.bar = n.people * scale;
      n.height = Math.max(least, n.bar);
      y += n.height + gap;
    }
  }
  // Ribbons leave and arrive in the order of the places they join, so that few cross.
  const out = new Map<string, number>();
  const into = new Map<string, number>();
  const list = [...links.values()];
  const at = (key: string): FlowNode => nodes.get(key)!;
  for (const l of [...list].sort((a, b) => at(a.to).y - at(b.to).y)) {
    const used = out.get(l.from) ?? 0;
    l.height = l.people * scale;
    l.y0 = at(l.from).y + used;
    out.set(l.from, used + l.height);
  }
  for (const l of [...list].sort((a, b) => at(a.from).y - at(b.from).y)) {
    const used = into.get(l.to) ?? 0;
    l.y1 = at(l.to).y + used;
    into.set(l.to, used + l.height);
  }
  return { columns, nodes: [...nodes.values()].sort((a, b) => a.column - b.column || a.y - b.y), links: list, total };
}

/** The height that the flow takes, which is more than asked for when small places were widened. */
export const flowHeight = (f: Flow): number => Math.max(0, ...f.nodes.map((n) => n.y + n.height));

/** As a picture for PNG: the most travelled paths as bars. */
export function pathBars(paths: readonly { events: readonly string[]; people: number }[], label: (events: readonly string[]) => string, c: Colours, w: Words): EChartsOption {
  const shown = paths.slice(0, 20);
  return {
    animation: false,
    textStyle: { fontFamily: FONT, color: c.text },
    grid: { left: 4, right: 64, top: 4, bottom: 4, containLabel: true },
    yAxis: { type: 'category', inverse: true, data: shown.map((p) => label(p.events)), axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: c.text, fontSize: 11, width: 620, overflow: 'truncate' } },
    xAxis: { type: 'value', show: false },
    series: [{ id: 'paths', type: 'bar', barMaxWidth: 16, data: shown.map((p) => p.people), itemStyle: { color: c.accent, borderRadius: 2 }, label: { show: true, position: 'right', color: c.text, fontSize: 11, formatter: (p: { value: number }) => w.value(p.value, 'count') } }],
  } as unknown as EChartsOption;
}
