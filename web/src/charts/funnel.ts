/** Funnels: from the answer to the rows that the page shows, and the picture. Pure. */
import type { EChartsOption } from 'echarts';
import type { FunnelAnswer, FunnelGroup } from '../api/events';
import type { Colours } from './colours';
import { FONT, type Words } from './options';

export interface FunnelBar {
  value: string | null;
  people: number;
  /** Of those who began. */
  share: number | null;
  /** Of those at the step before. */
  step: number | null;
  dropped: number;
  seconds: number | null;
}

export interface FunnelRow {
  step: string;
  bars: FunnelBar[];
}

const part = (a: number | undefined, b: number | undefined): number | null => (b ? (a ?? 0) / b : null);

/** Rows of a funnel, one bar a group; the groups that most people began with, at most `most`. */
export function funnelRows(answer: FunnelAnswer, most = 6): FunnelRow[] {
  const groups = biggest(answer.groups, most);
  return answer.steps.map(({ step }, i) => ({
    step,
    bars: groups.map((g) => ({
      value: g.value,
      people: g.people[i] ?? 0,
      share: part(g.people[i], g.people[0]),
      step: i ? part(g.people[i], g.people[i - 1]) : null,
      dropped: i ? Math.max(0, (g.people[i - 1] ?? 0) - (g.people[i] ?? 0)) : 0,
      seconds: g.median_seconds[i] ?? null,
    })),
  }));
}

export const biggest = (groups: readonly FunnelGroup[], most: number): FunnelGroup[] => [...groups].sort((a, b) => (b.people[0] ?? 0) - (a.people[0] ?? 0)).slice(0, most);

/** The whole of an answer: how many reached each step over all groups. */
export function funnelTotal(answer: FunnelAnswer): number[] {
  return answer.steps.map((_, i) => answer.groups.reduce((sum, g) => sum + (g.people[i] ?? 0), 0));
}

/** The step at which the largest share is lost, by its index; null when nobody is. */
export function weakest(people: readonly number[]): number | null {
  let worst: number | null = null;
  let low = 1;
  for (let i = 1; i < people.length; i++) {
    const rate = part(people[i], people[i - 1]);
    if (rate !== null && rate < low) [worst, low] = [i, rate];
  }
  return worst;
}

/** As a picture: one horizontal bar a step and group, longest on top. */
export function funnelBars(rows: readonly FunnelRow[], names: { step: (text: string) => string; group: (value: string | null) => string }, c: Colours, w: Words): EChartsOption {
  const groups = rows[0]?.bars ?? [];
  return {
    animation: false,
    textStyle: { fontFamily: FONT, color: c.text },
    grid: { left: 4, right: 96, top: 8, bottom: 4, containLabel: true },
    yAxis: { type: 'category', inverse: true, data: rows.map((r, i) => `${i + 1}. ${names.step(r.step)}`), axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: c.text, fontSize: 12, width: 260, overflow: 'truncate' } },
    xAxis: { type: 'value', show: false, min: 0 },
    series: groups.map((g, k) => ({
      id: `group${k}`, name: groups.length > 1 ? names.group(g.value) : undefined, type: 'bar', barMaxWidth: groups.length > 1 ? 16 : 30, itemStyle: { color: groups.length > 1 ? c.series[k % c.series.length] : c.accent, borderRadius: 2 },
      data: rows.map((r) => r.bars[k]?.people ?? 0),
      label: { show: true, position: 'right', color: c.text, fontSize: 11, formatter: (p: { dataIndex: number }) => { const bar = rows[p.dataIndex]?.bars[k]; return bar ? `${w.value(bar.people, 'count')} · ${w.value(bar.share, 'percent')}` : ''; } },
    })),
  } as unknown as EChartsOption;
}
