/** Retention: cohorts to a triangle and a curve. Pure. */
import type { EChartsOption } from 'echarts';
import type { RetentionAnswer } from '../api/events';
import type { Colours } from './colours';
import type { CohortRow } from './figure';
import { escape, FONT, type Words } from './options';

/** Rows of the heat map; the newest period of each cohort still runs when the range ends today. */
export function retentionRows(answer: RetentionAnswer, unfinished: (cohort: string, age: number) => boolean): CohortRow[] {
  return answer.cohorts.map((c) => ({
    cohort: c.cohort,
    size: c.size,
    shares: c.people.map((n) => (c.size ? n / c.size : null)),
    amounts: c.people,
    running: c.people.map((_, k) => unfinished(c.cohort, k)),
  }));
}

/** The average of the cohorts that have lived through an age, weighted by their size; unfinished cells count for nothing, and ages that nobody has finished are left out. */
export function averageCurve(rows: readonly CohortRow[]): (number | null)[] {
  const widest = Math.max(0, ...rows.map((r) => r.shares.length));
  const out = Array.from({ length: widest }, (_, k) => {
    const have = rows.filter((r) => r.shares[k] !== undefined && r.shares[k] !== null && !r.running[k]);
    const size = have.reduce((s, r) => s + r.size, 0);
    return size ? have.reduce((s, r) => s + (r.amounts[k] ?? 0), 0) / size : null;
  });
  while (out.length && out.at(-1) === null) out.pop();
  return out;
}

export interface Curve {
  key: string;
  name: string;
  shares: (number | null)[];
  dashed?: boolean;
  colour?: string;
}

/** Share of the cohort by its age; the beginning, which is always whole, is left out of the scale's concern. */
export function curves(list: readonly Curve[], age: (k: number) => string, c: Colours, w: Words): EChartsOption {
  const widest = Math.max(0, ...list.map((l) => l.shares.length));
  const colour = (l: Curve, i: number): string => l.colour ?? (l.dashed ? c.compare : c.series[i % c.series.length]!);
  return {
    animationDuration: 0,
    animationDurationUpdate: 300,
    textStyle: { fontFamily: FONT, color: c.text },
    grid: { left: 4, right: 14, top: 12, bottom: 4, containLabel: true },
    xAxis: { type: 'category', data: Array.from({ length: widest }, (_, k) => String(k)), boundaryGap: false, axisLine: { lineStyle: { color: c.line } }, axisTick: { show: false }, axisLabel: { color: c.muted, fontSize: 11, hideOverlap: true, margin: 10 } },
    yAxis: { type: 'value', min: 0, max: 1, interval: 0.25, splitLine: { lineStyle: { color: c.grid } }, axisLabel: { color: c.muted, fontSize: 11, formatter: (v: number) => w.axis(v, 'percent') } },
    tooltip: {
      trigger: 'axis', confine: true, backgroundColor: c.surface, borderColor: c.line, textStyle: { color: c.text, fontSize: 12, fontFamily: FONT }, axisPointer: { type: 'line', lineStyle: { color: c.line } },
      formatter: (params: unknown) => {
        const k = (params as { dataIndex: number }[])[0]?.dataIndex ?? 0;
        const body = list.map((l, i) => `<div style="display:flex;gap:16px;justify-content:space-between"><span><span style="display:inline-block;width:8px;height:8px;border-radius:4px;background:${colour(l, i)};margin-right:6px"></span>${escape(l.name)}</span><b>${escape(w.value(l.shares[k] ?? null, 'percent'))}</b></div>`);
        return `<div style="font-weight:600;margin-bottom:4px">${escape(age(k))}</div>${body.join('')}`;
      },
    },
    series: list.map((l, i) => ({
      id: l.key, name: l.name, type: 'line', data: l.shares, symbol: 'circle', symbolSize: 5, showSymbol: l.shares.length < 16 && !l.dashed, silent: Boolean(l.dashed),
      lineStyle: { color: colour(l, i), width: l.dashed ? 1.4 : 2, ...(l.dashed ? { type: [3, 3] } : {}) }, itemStyle: { color: colour(l, i) }, emphasis: { disabled: true },
      ...(list.filter((x) => !x.dashed).length === 1 && !l.dashed ? { areaStyle: { color: colour(l, i), opacity: 0.08 } } : {}),
    })),
  } as unknown as EChartsOption;
}
