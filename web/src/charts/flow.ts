/** Paths as a tree from left to right: each place is one way to get there, so that its people are known exactly. Pure. */
import type { EChartsOption } from 'echarts';
import type { Colours } from './colours';
import { FONT, type Words } from './options';

export interface FlowNode {
  key: string;
  column: number;
  /** The way here from the anchor, the anchor included, in order of time. */
  way: string[];
  event: string;
  visits: number;
  /** Small places beside it, gathered as one; they have no way of their own. */
  other: boolean;
  /** Visits that went no further. */
  ended: number;
  y: number;
  /** The room of the place, enough for its label. */
  height: number;
  /** What its visits take to scale. */
  bar: number;
}

export interface FlowLink {
  key: string;
  from: string;
  to: string;
  visits: number;
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

interface Branch {
  event: string;
  visits: number;
  ended: number;
  children: Map<string, Branch>;
}

const branch = (event: string): Branch => ({ event, visits: 0, ended: 0, children: new Map() });

export interface FlowOptions {
  height: number;
  /** The most places that follow one place; the rest is one. */
  most?: number;
  /** Places with a smaller share of all visits are gathered with the rest. */
  share?: number;
  gap?: number;
  /** The least height of a place. */
  least?: number;
  /** All paths end with the same event, which stands in the last column. */
  backwards?: boolean;
}

export function flow(paths: readonly { events: readonly string[]; visits: number }[], { height, most = 5, share = 0.01, gap = 10, least = 3, backwards = false }: FlowOptions): Flow {
  const columns = Math.max(0, ...paths.map((p) => p.events.length));
  const root = branch('');
  for (const p of paths) {
    const events = backwards ? [...p.events].reverse() : p.events;
    let at = root;
    at.visits += p.visits;
    for (const event of events) {
      const next = at.children.get(event) ?? branch(event);
      next.visits += p.visits;
      at.children.set(event, next);
      at = next;
    }
    at.ended += p.visits;
  }
  const total = root.visits;
  const nodes: FlowNode[] = [];
  const links: FlowLink[] = [];
  const place = (depth: number): number => (backwards ? columns - 1 - depth : depth);
  const walk = (of: Branch, parent: FlowNode | null, depth: number, way: string[]): void => {
    const sorted = [...of.children.values()].sort((a, b) => b.visits - a.visits || (a.event < b.event ? -1 : 1));
    const kept = sorted.filter((b, i) => i < most && (b.visits >= share * total || i === 0));
    const rest = sorted.slice(kept.length);
    const add = (event: string, visits: number, ended: number, other: boolean): FlowNode => {
      const own = backwards ? [event, ...way] : [...way, event];
      const node: FlowNode = { key: `${depth}:${own.join('\u001f')}${other ? '~' : ''}`, column: place(depth), way: other ? [] : own, event: other ? '' : event, visits, other, ended, y: 0, height: 0, bar: 0 };
      nodes.push(node);
      if (parent) links.push({ key: `${parent.key}>${node.key}`, from: backwards ? node.key : parent.key, to: backwards ? parent.key : node.key, visits, y0: 0, y1: 0, height: 0 });
      return node;
    };
    for (const b of kept) walk(b, add(b.event, b.visits, depth < columns - 1 ? b.ended : 0, false), depth + 1, backwards ? [b.event, ...way] : [...way, b.event]);
    // One that is left needs no gathering.
    if (rest.length === 1 && kept.length < most) walk(rest[0]!, add(rest[0]!.event, rest[0]!.visits, depth < columns - 1 ? rest[0]!.ended : 0, false), depth + 1, backwards ? [rest[0]!.event, ...way] : [...way, rest[0]!.event]);
    else if (rest.length) add('', rest.reduce((s, b) => s + b.visits, 0), 0, true);
  };
  walk(root, null, 0, []);

  // Columns are filled in the order of the walk and never above the parent, so that children stand beside it and no ribbons cross.
  const fullest = Math.max(1, ...Array.from({ length: columns }, (_, k) => nodes.filter((n) => n.column === k).length));
  const scale = total ? Math.max(height * 0.35, height - gap * (fullest - 1)) / total : 0;
  const at = new Map(nodes.map((n) => [n.key, n]));
  const above = new Map(links.map((l) => (backwards ? [l.from, l.to] : [l.to, l.from])));
  for (let depth = 0; depth < columns; depth++) {
    let y = 0;
    for (const n of nodes.filter((x) => x.column === place(depth))) {
      y = Math.max(y, at.get(above.get(n.key) ?? '')?.y ?? 0);
      n.y = y;
      n.bar = n.visits * scale;
      n.height = Math.max(least, n.bar);
      y += n.height + gap;
    }
  }
  const out = new Map<string, number>();
  const into = new Map<string, number>();
  for (const l of links) {
    l.height = l.visits * scale;
    l.y0 = at.get(l.from)!.y + (out.get(l.from) ?? 0);
    l.y1 = at.get(l.to)!.y + (into.get(l.to) ?? 0);
    out.set(l.from, (out.get(l.from) ?? 0) + l.height);
    into.set(l.to, (into.get(l.to) ?? 0) + l.height);
  }
  return { columns, nodes, links, total };
}

/** The height that the flow takes, which is more than asked for when small places were widened. */
export const flowHeight = (f: Flow): number => Math.max(0, ...f.nodes.map((n) => n.y + n.height));

/** As a picture for PNG: the most travelled paths as bars. */
export function pathBars(paths: readonly { events: readonly string[]; visits: number }[], label: (events: readonly string[]) => string, c: Colours, w: Words): EChartsOption {
  const shown = paths.slice(0, 20);
  return {
    animation: false,
    textStyle: { fontFamily: FONT, color: c.text },
    grid: { left: 4, right: 64, top: 4, bottom: 4, containLabel: true },
    yAxis: { type: 'category', inverse: true, data: shown.map((p) => label(p.events)), axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: c.text, fontSize: 11, width: 620, overflow: 'truncate' } },
    xAxis: { type: 'value', show: false },
    series: [{ id: 'paths', type: 'bar', barMaxWidth: 16, data: shown.map((p) => p.visits), itemStyle: { color: c.accent, borderRadius: 2 }, label: { show: true, position: 'right', color: c.text, fontSize: 11, formatter: (p: { value: number }) => w.value(p.value, 'count') } }],
  } as unknown as EChartsOption;
}
