/** What a chart, its table and its export are made from: one figure. Pure. */
import type { Metric, Period, QueryResult, Series, Text, Unit } from '../api/types';

export interface Line {
  key: string;
  name: string;
  metric: string;
  unit: Unit;
  values: (number | null)[];
  reasons: (Text | null)[];
  compare: (number | null)[] | null;
  /** The segment of the line, by which a click filters. */
  dimensions: Record<string, string | null>;
  other?: boolean;
  colour?: string;
}

export interface Figure {
  periods: Period[];
  comparePeriods: Period[] | null;
  lines: Line[];
  currency: string;
}

export const MOST = 6;

const weight = (s: { values: (number | null)[] }): number => s.values.reduce<number>((sum, v) => sum + Math.abs(v ?? 0), 0);

/** Sum per period; null only where every part is null. */
function total(lists: (number | null)[][]): (number | null)[] {
  return (lists[0] ?? []).map((_, i) => {
    const known = lists.map((l) => l[i]).filter((v): v is number => v !== null && v !== undefined);
    return known.length ? known.reduce((a, b) => a + b, 0) : null;
  });
}

/** The lines of one answer; beyond six the rest is gathered as "other" where a sum makes sense, else left out. */
export function figureOf(result: QueryResult, name: (series: Series) => string, additive: (metric: string) => boolean, words: { other: string }, most = MOST): Figure {
  const line = (s: Series): Line => ({
    key: `${s.metric}|${Object.values(s.dimensions).join('|')}`,
    name: name(s),
    metric: s.metric,
    unit: s.unit,
    values: s.values,
    reasons: s.reasons,
    compare: s.compare,
    dimensions: s.dimensions,
  });
  let lines = result.series.map(line);
  const divided = result.series.some((s) => Object.keys(s.dimensions).length > 0);
  if (divided && lines.length > most) {
    const sorted = [...result.series].sort((a, b) => weight(b) - weight(a));
    lines = sorted.slice(0, most).map(line);
    const rest = sorted.slice(most);
    const first = rest[0];
    if (first && additive(first.metric))
      lines.push({
        key: 'other', name: words.other, metric: first.metric, unit: first.unit, values: total(rest.map((s) => s.values)), reasons: [],
        compare: first.compare ? total(rest.map((s) => s.compare ?? [])) : null, dimensions: {}, other: true,
      });
  }
  return { periods: result.periods, comparePeriods: result.compare_periods, lines, currency: result.currency };
}

/** Index of the last complete period, or −1. */
export function lastComplete(periods: readonly Period[]): number {
  for (let i = periods.length - 1; i >= 0; i--) if (periods[i]!.complete) return i;
  return -1;
}

/** Metrics that are a state at a moment: their newest value is true even while the period runs. */
const BALANCES = new Set(['mrr', 'arr', 'customers', 'arpa', 'committed_mrr', 'subscribers']);
export const isBalance = (metric: Pick<Metric, 'name' | 'type'> | { name: string; type?: string }): boolean => BALANCES.has(metric.name) || metric.type === 'cumulative';

export interface Reading {
  index: number;
  value: number | null;
  before: number | null;
  /** The label of the period compared with. */
  against: string | null;
  reason: Text | null;
}

/**
 * What a card shows: a balance as of now, a flow or a rate of the last complete period, beside what it is compared with:
 * the period before it, the same period a year ago, or the same of another segment.
 */
export function reading(result: QueryResult, series: Series, balance: boolean, compare: 'none' | 'previous' | 'year_ago' | 'segment'): Reading | null {
  const last = result.periods.length - 1;
  if (last < 0) return null;
  const complete = lastComplete(result.periods);
  const index = balance || complete < 0 ? last : complete;
  const value = series.values[index] ?? null;
  const reason = series.reasons[index] ?? null;
  if (compare === 'year_ago' || compare === 'segment') return { index, value, before: series.compare?.[index] ?? null, against: result.compare_periods?.[index]?.label ?? null, reason };
  if (compare === 'previous') return { index, value, before: series.values[index - 1] ?? null, against: result.periods[index - 1]?.label ?? null, reason };
  return { index, value, before: null, against: null, reason };
}

/** Steps of a waterfall: opening, movements, closing; each bar as [from, to]. */
export interface Step {
  key: string;
  name: string;
  value: number;
  from: number;
  to: number;
  total: boolean;
}

export function waterfall(opening: { name: string; value: number }, changes: { key: string; name: string; value: number }[], closing: { name: string; value: number }): Step[] {
  const steps: Step[] = [{ key: 'opening', name: opening.name, value: opening.value, from: 0, to: opening.value, total: true }];
  let at = opening.value;
  for (const c of changes) {
    steps.push({ ...c, from: at, to: at + c.value, total: false });
    at += c.value;
  }
  steps.push({ key: 'closing', name: closing.name, value: closing.value, from: 0, to: closing.value, total: true });
  return steps;
}

/** Where the value axis of a waterfall may begin: near the totals when the changes would be invisible otherwise. */
export function waterfallFloor(steps: readonly Step[]): number {
  const low = Math.min(...steps.map((s) => (s.total ? s.to : Math.min(s.from, s.to))));
  const high = Math.max(...steps.map((s) => Math.max(s.from, s.to)));
  const span = high - low;
  if (low <= 0 || span <= 0 || span > high * 0.35) return 0;
  const floor = low - span * 0.35;
  const unit = 10 ** Math.floor(Math.log10(span || 1));
  return Math.max(0, Math.floor(floor / unit) * unit);
}

/** Cohort rows: each cohort's figure by its age, as a share of where it began. */
export interface CohortRow {
  cohort: string;
  size: number;
  shares: (number | null)[];
  amounts: (number | null)[];
  running: boolean[];
}

export function cohortRows(result: QueryResult, metric: string, sizeMetric: string, age: (cohort: string, period: string) => number): CohortRow[] {
  const sizes = new Map<string, Series>();
  for (const s of result.series) if (s.metric === sizeMetric) sizes.set(s.dimensions['cohort'] ?? '', s);
  const rows: CohortRow[] = [];
  for (const s of result.series) {
    const cohort = s.dimensions['cohort'];
    if (s.metric !== metric || !cohort) continue;
    const row: CohortRow = { cohort, size: 0, shares: [], amounts: [], running: [] };
    const first = result.periods.findIndex((p) => age(cohort, p.label) === 0);
    if (first < 0) continue;
    // The denominator is whoever joined, also those who left within the first period; it never shrinks.
    row.size = sizes.get(cohort)?.values[first] ?? s.values[first] ?? 0;
    if (!row.size) continue;
    for (let i = first; i < result.periods.length; i++) {
      const v = s.values[i] ?? 0;
      row.amounts.push(v);
      row.shares.push(v / row.size);
      row.running.push(!result.periods[i]!.complete);
    }
    rows.push(row);
  }
  return rows.sort((a, b) => (a.cohort < b.cohort ? -1 : 1));
}
