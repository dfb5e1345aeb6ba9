/** Options of ECharts from figures. Pure: the same figure gives the same picture. */
import type { EChartsOption } from 'echarts';
import type { Release } from '../api/types';
import type { Colours } from './colours';
import type { CohortRow, Figure, Line, Step } from './figure';

export interface Words {
  axis: (value: number, unit: string) => string;
  value: (value: number | null, unit: string) => string;
  period: (label: string, short: boolean) => string;
  unfinished: string;
  compared: string;
  /** True where little room is. */
  narrow?: boolean;
}

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif';

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

type Item = Record<string, unknown>;

function frame(figure: Figure, c: Colours, w: Words, unit: string, bars: boolean, percentRange = false): Record<string, unknown> {
  return {
    animationDuration: 0,
    animationDurationUpdate: 300,
    textStyle: { fontFamily: FONT, color: c.text },
    grid: { left: 4, right: 12, top: 14, bottom: 4, containLabel: true },
    xAxis: {
      type: 'category',
      data: figure.periods.map((p) => p.label),
      boundaryGap: bars,
      axisLine: { lineStyle: { color: c.line } },
      axisTick: { show: false },
      axisLabel: { color: c.muted, fontSize: 11, hideOverlap: true, margin: 10, formatter: (label: string) => w.period(label, true) },
    },
    yAxis: {
      type: 'value',
      scale: !bars && !percentRange,
      splitNumber: 4,
      splitLine: { lineStyle: { color: c.grid } },
      axisLabel: { color: c.muted, fontSize: 11, formatter: (v: number) => w.axis(v, unit) },
    },
  };
}

function tip(c: Colours): Item {
  return {
    trigger: 'axis',
    confine: true,
    backgroundColor: c.surface,
    borderColor: c.line,
    borderWidth: 1,
    padding: [8, 10],
    textStyle: { color: c.text, fontSize: 12, fontFamily: FONT },
    extraCssText: 'box-shadow:0 4px 16px rgba(0,0,0,.12);border-radius:8px;max-width:320px;font-variant-numeric:tabular-nums',
    axisPointer: { type: 'line', lineStyle: { color: c.line } },
  };
}

function head(figure: Figure, index: number, w: Words, releases: readonly Release[]): string {
  const p = figure.periods[index];
  if (!p) return '';
  const flags = releasesIn(releases, p.start, p.end).map((r) => `<div style="margin-top:2px">⚑ ${escape(r.name)}</div>`);
  return `<div style="font-weight:600;margin-bottom:4px">${escape(w.period(p.label, false))}${p.complete ? '' : ` · ${escape(w.unfinished)}`}</div>${flags.join('')}`;
}

const row = (mark: string, name: string, value: string, strong = false): string =>
  `<div style="display:flex;gap:16px;justify-content:space-between;${strong ? 'font-weight:600' : ''}"><span style="white-space:nowrap;overflow:hidden;text-overflow:ellipsis">${mark}${escape(name)}</span><span style="white-space:nowrap">${escape(value)}</span></div>`;

const dot = (colour: string): string => `<span style="display:inline-block;width:8px;height:8px;border-radius:4px;background:${colour};margin-right:6px"></span>`;

export function releasesIn(releases: readonly Release[], start: string, end: string): Release[] {
  return releases.filter((r) => (r.date ?? r.at.slice(0, 10)) >= start.slice(0, 10) && (r.date ?? r.at.slice(0, 10)) < end.slice(0, 10));
}

/** Small flags where something was released, priced or broken. */
function flags(figure: Figure, releases: readonly Release[], c: Colours): Item | undefined {
  const data = figure.periods
    .filter((p) => releasesIn(releases, p.start, p.end).length > 0)
    .map((p) => ({ xAxis: p.label, label: { formatter: '⚑', position: 'end', distance: 0, color: c.muted, fontSize: 11 } }));
  if (!data.length) return undefined;
  return { silent: true, symbol: 'none', animation: false, lineStyle: { color: c.line, type: 'dotted', width: 1 }, data };
}

export const colourOf = (line: Line, i: number, c: Colours): string => line.colour ?? (line.other ? c.other : c.series[i % c.series.length]!);

/** True when the figures use so much of the room above zero that an axis from zero costs little. */
export function wide(figure: Figure): boolean {
  const all = figure.lines.flatMap((l) => [...l.values, ...(l.compare ?? [])]).filter((v): v is number => v !== null);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return all.length > 0 && low >= 0 && high > 0 && low / high < 0.6;
}

/** Lines: rates and balances. The unfinished end is dashed, the comparison thin and dashed. */
export function lines(figure: Figure, c: Colours, w: Words, options: { releases?: readonly Release[]; area?: boolean; zero?: boolean } = {}): EChartsOption {
  const unit = figure.lines[0]?.unit ?? 'count';
  const releases = options.releases ?? [];
  const open = figure.periods.findIndex((p) => !p.complete);
  // A filled area says "so much": it begins at zero, or is not filled.
  const zero = (options.zero ?? false) || wide(figure);
  const series: Item[] = [];
  figure.lines.forEach((line, i) => {
    const colour = colourOf(line, i, c);
    const single = figure.lines.length === 1;
    const cut = open < 0 ? line.values : line.values.map((v, k) => (k < open ? v : null));
    series.push({
      id: line.key, name: line.name, type: 'line', data: cut, symbol: 'circle', symbolSize: 5, showSymbol: cut.filter((v) => v !== null).length < 3,
      lineStyle: { color: colour, width: 2 }, itemStyle: { color: colour }, emphasis: { disabled: true }, connectNulls: false,
      ...(options.area && single && zero ? { areaStyle: { color: colour, opacity: 0.08 } } : {}),
      ...(i === 0 ? { markLine: flags(figure, releases, c) } : {}),
    });
    if (open >= 0)
      series.push({
        id: `${line.key}~open`, name: line.name, type: 'line', data: line.values.map((v, k) => (k >= open - 1 ? v : null)), symbol: 'circle', symbolSize: 6,
        showSymbol: false, lineStyle: { color: colour, width: 2, type: [4, 4] }, itemStyle: { color: colour }, emphasis: { disabled: true },
      });
    if (line.compare)
      series.push({
        id: `${line.key}~compare`, name: line.name, type: 'line', data: line.compare, showSymbol: false, silent: true, z: 1,
        lineStyle: { color: single ? c.compare : colour, width: 1.2, type: [3, 3], opacity: 0.8 }, itemStyle: { color: c.compare }, emphasis: { disabled: true },
      });
  });
  const base = frame(figure, c, w, unit, false, zero);
  return {
    ...base,
    tooltip: {
      ...tip(c),
      formatter: (params: unknown) => {
        const index = (params as { dataIndex: number }[])[0]?.dataIndex ?? 0;
        const body = figure.lines.map((line, i) => {
          const compared = line.compare ? row('', `${w.compared} · ${figure.comparePeriods?.[index] ? w.period(figure.comparePeriods[index].label, false) : ''}`, w.value(line.compare[index] ?? null, unit)) : '';
          return row(dot(colourOf(line, i, c)), line.name, w.value(line.values[index] ?? null, unit), true) + compared;
        });
        return head(figure, index, w, releases) + body.join('');
      },
    },
    series,
  } as unknown as EChartsOption;
}

const hatch = (c: Colours): Item => ({ symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 3], rotation: Math.PI / 4, color: c.surface });

/** Stacked bars around zero; the unfinished period is hatched. */
export function bars(figure: Figure, c: Colours, w: Words, options: { releases?: readonly Release[]; net?: { name: string; values: (number | null)[] }; sum?: string; before?: readonly { name: string; values: (number | null)[] }[] } = {}): EChartsOption {
  const unit = figure.lines[0]?.unit ?? 'count';
  const releases = options.releases ?? [];
  const series: Item[] = figure.lines.map((line, i) => ({
    id: line.key, name: line.name, type: 'bar', stack: 'all', barMaxWidth: 36, barCategoryGap: '28%',
    data: line.values.map((v, k) => (figure.periods[k]?.complete === false ? { value: v, itemStyle: { color: colourOf(line, i, c), decal: hatch(c), opacity: 0.85 } } : v)),
    itemStyle: { color: colourOf(line, i, c) }, emphasis: { focus: 'none', itemStyle: { opacity: 0.8 } },
    ...(i === 0 ? { markLine: flags(figure, releases, c) } : {}),
  }));
  if (options.net)
    series.push({ id: 'net', name: options.net.name, type: 'line', data: options.net.values, symbol: 'circle', symbolSize: 5, z: 5, silent: true, lineStyle: { color: c.text, width: 1.5 }, itemStyle: { color: c.text, borderColor: c.surface, borderWidth: 1 }, emphasis: { disabled: true } });
  // What is compared with: thin dashed steps over the stacks.
  for (const [k, b] of (options.before ?? []).entries())
    series.push({ id: `before~${k}`, name: b.name, type: 'line', step: 'middle', data: b.values, showSymbol: false, silent: true, z: 4, lineStyle: { color: c.text, width: 1.4, type: [3, 3] }, itemStyle: { color: c.text }, emphasis: { disabled: true } });
  return {
    ...frame(figure, c, w, unit, true),
    tooltip: {
      ...tip(c),
      axisPointer: { type: 'shadow', shadowStyle: { color: c.line, opacity: 0.2 } },
      formatter: (params: unknown) => {
        const index = (params as { dataIndex: number }[])[0]?.dataIndex ?? 0;
        const body = figure.lines.map((line, i) => row(dot(colourOf(line, i, c)), line.name, w.value(line.values[index] ?? null, unit)));
        if (options.net) body.push(row('', options.net.name, w.value(options.net.values[index] ?? null, unit), true));
        for (const b of options.before ?? []) if (b.values[index] !== null && b.values[index] !== undefined) body.push(row('', b.name, w.value(b.values[index] ?? null, unit)));
        if (!options.net && options.sum) body.push(row('', options.sum, w.value(figure.lines.reduce((s, l) => s + (l.values[index] ?? 0), 0), unit), true));
        return head(figure, index, w, releases) + body.join('');
      },
    },
    series,
  } as unknown as EChartsOption;
}

/** A zigzag gap in a bar: what lies below it is left out. */
const TORN = 'path://M0 4 L4 0 L8 4 L12 0 L16 4 L20 0 L24 4 L24 8 L20 4 L16 8 L12 4 L8 8 L4 4 L0 8 Z';

/** Opening, what moved it, closing. Where the axis does not begin at zero, the bars of the totals are torn. */
export function falls(steps: readonly Step[], floor: number, colour: (step: Step) => string, c: Colours, w: Words, unit: string): EChartsOption {
  const top = Math.max(...steps.map((s) => Math.max(s.from, s.to)));
  const base = (s: Step): number => (s.total ? floor : Math.max(floor, Math.min(s.from, s.to)));
  return {
    animationDuration: 0,
    textStyle: { fontFamily: FONT, color: c.text },
    grid: { left: 4, right: 8, top: 22, bottom: 4, containLabel: true },
    xAxis: {
      type: 'category', data: steps.map((s) => s.name), axisLine: { lineStyle: { color: c.line } }, axisTick: { show: false },
      axisLabel: { color: c.muted, fontSize: 11, interval: 0, overflow: 'truncate', width: 92, ...(steps.length > 5 ? { rotate: 32 } : {}) },
    },
    yAxis: { type: 'value', min: floor, splitNumber: 3, splitLine: { lineStyle: { color: c.grid } }, axisLabel: { color: c.muted, fontSize: 11, formatter: (v: number) => (floor > 0 && v === floor ? '≈' : w.axis(v, unit)) } },
    tooltip: {
      ...tip(c), trigger: 'axis', axisPointer: { type: 'shadow', shadowStyle: { color: c.line, opacity: 0.2 } },
      formatter: (params: unknown) => {
        const s = steps[(params as { dataIndex: number }[])[0]?.dataIndex ?? 0];
        return s ? row('', s.name, w.value(s.value, unit), true) : '';
      },
    },
    series: [
      { id: 'base', type: 'bar', stack: 'fall', silent: true, itemStyle: { color: 'transparent' }, data: steps.map((s) => (s.total ? 0 : base(s))), barCategoryGap: '30%', tooltip: { show: false } },
      {
        id: 'step', type: 'bar', stack: 'fall', labelLayout: { hideOverlap: true }, barMaxWidth: 44, emphasis: { disabled: true },
        ...(floor > 0 ? { markPoint: { silent: true, symbol: TORN, symbolSize: [54, 9], itemStyle: { color: c.surface }, label: { show: false }, data: steps.flatMap((s, i) => (s.total ? [{ coord: [i, floor + (top - floor) * 0.09] }] : [])) } } : {}),
        data: steps.map((s) => ({ value: s.total ? s.to : Math.max(s.from, s.to) - base(s), itemStyle: { color: colour(s), borderRadius: 2 } })),
        label: { show: true, position: 'top', color: c.text, fontSize: 11, formatter: (p: { dataIndex: number }) => { const s = steps[p.dataIndex]; return s ? w.axis(s.value, unit) : ''; } },
      },
    ],
  } as unknown as EChartsOption;
}

/** Horizontal bars, largest on top. */
export function ranks(items: { name: string; value: number; colour?: string }[], c: Colours, w: Words, unit: string): EChartsOption {
  return {
    animationDuration: 0,
    textStyle: { fontFamily: FONT, color: c.text },
    grid: { left: 4, right: 56, top: 4, bottom: 4, containLabel: true },
    yAxis: { type: 'category', inverse: true, data: items.map((i) => i.name), axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: c.text, fontSize: 12, width: 130, overflow: 'truncate' } },
    xAxis: { type: 'value', show: false },
    tooltip: { ...tip(c), trigger: 'item', formatter: (p: unknown) => { const i = items[(p as { dataIndex: number }).dataIndex]; return i ? row('', i.name, w.value(i.value, unit), true) : ''; } },
    series: [{ id: 'rank', type: 'bar', barMaxWidth: 18, barCategoryGap: '35%', emphasis: { disabled: true }, data: items.map((i) => ({ value: i.value, itemStyle: { color: i.colour ?? c.accent, borderRadius: 2 } })), label: { show: true, position: 'right', color: c.text, fontSize: 11, formatter: (p: { value: number }) => w.axis(p.value, unit) } }],
  } as unknown as EChartsOption;
}

/** Cohorts as a picture; on the page they are a table. */
export function cohorts(rows: readonly CohortRow[], c: Colours, w: Words): EChartsOption {
  const widest = Math.max(0, ...rows.map((r) => r.shares.length));
  const data = rows.flatMap((r, y) => r.shares.map((v, x) => [x, y, v]));
  return {
    animation: false,
    textStyle: { fontFamily: FONT, color: c.text },
    grid: { left: 4, right: 12, top: 24, bottom: 4, containLabel: true },
    xAxis: { type: 'category', position: 'top', data: Array.from({ length: widest }, (_, i) => String(i)), axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: c.muted, fontSize: 11 } },
    yAxis: { type: 'category', inverse: true, data: rows.map((r) => w.period(r.cohort, false)), axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: c.muted, fontSize: 11 } },
    visualMap: { show: false, min: 0, max: 1.2, inRange: { color: [c.surface, c.accent] } },
    series: [{ type: 'heatmap', data, label: { show: true, fontSize: 10, formatter: (p: { value: [number, number, number] }) => w.value(p.value[2], 'percent') } }],
  } as unknown as EChartsOption;
}
