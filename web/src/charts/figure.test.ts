import { describe, expect, it } from 'vitest';
import type { QueryResult, Series } from '../api/types';
import { periodsBetween } from '../state/dates';
import { cohortRows, figureOf, reading, waterfall, waterfallFloor } from './figure';

const periods = ['2026-09', '2026-10', '2026-11'].map((label, i) => ({ label, start: `${label}-01`, end: '', complete: i < 2 }));
const series = (metric: string, values: (number | null)[], dimensions: Record<string, string> = {}): Series => ({ metric, unit: 'money', dimensions, values, reasons: values.map((v) => (v === null ? 'zero' : null)), compare: null });
const result = (list: Series[]): QueryResult => ({ grain: 'month', currency: 'USD', timezone: 'UTC', as_of: '', data_through: null, rule_version: '1', periods, compare_periods: null, series: list, warnings: [], took_ms: 1 });

describe('figures', () => {
  it('gather what is beyond the limit as other, so that the sum stays', () => {
    const many = result(Array.from({ length: 9 }, (_, i) => series('mrr', [i, i, i], { plan: `p${i}` })));
    const figure = figureOf(many, (s) => s.dimensions['plan'] ?? '', () => true, { other: 'Other' });
    expect(figure.lines).toHaveLength(7);
    expect(figure.lines.at(-1)).toMatchObject({ name: 'Other', values: [3, 3, 3] });
    expect(figure.lines.reduce((s, l) => s + (l.values[0] ?? 0), 0)).toBe(36);
  });
  it('leave the rest out where a sum has no meaning', () => {
    const many = result(Array.from({ length: 9 }, (_, i) => series('arpa', [i, i, i], { plan: `p${i}` })));
    expect(figureOf(many, () => '', () => false, { other: 'Other' }).lines).toHaveLength(6);
  });
});

describe('readings', () => {
  const r = result([series('mrr', [1, 2, 3])]);
  it('take a balance as of now and a flow of the last complete period', () => {
    expect(reading(r, r.series[0]!, true, 'previous')).toMatchObject({ value: 3, before: 2, against: '2026-10' });
    expect(reading(r, r.series[0]!, false, 'previous')).toMatchObject({ value: 2, before: 1, against: '2026-09' });
  });
  it('carry the reason of an empty value', () => {
    const empty = result([series('ltv', [1, null, null])]);
    expect(reading(empty, empty.series[0]!, false, 'none')).toMatchObject({ value: null, reason: 'zero' });
  });
});

describe('waterfalls', () => {
  const steps = waterfall({ name: 'o', value: 100 }, [{ key: 'new', name: 'n', value: 20 }, { key: 'churn', name: 'c', value: -5 }], { name: 'e', value: 115 });
  it('end where they close', () => {
    expect(steps.map((s) => [s.from, s.to])).toEqual([[0, 100], [100, 120], [120, 115], [0, 115]]);
  });
  it('start near the totals only when changes are small', () => {
    expect(waterfallFloor(steps)).toBeGreaterThan(80);
    expect(waterfallFloor(waterfall({ name: 'o', value: 10 }, [{ key: 'new', name: 'n', value: 20 }], { name: 'e', value: 30 }))).toBe(0);
  });
});

describe('cohorts', () => {
  it('divide by whoever joined, and the denominator never shrinks', () => {
    const r = result([series('customers', [8, 7, 6], { cohort: '2026-09' }), series('new_customers', [10, null, null], { cohort: '2026-09' }), series('customers', [null, 4, 4], { cohort: '2026-10' })]);
    const rows = cohortRows(r, 'customers', 'new_customers', (c, p) => periodsBetween(c, p, 'month'));
    expect(rows[0]).toMatchObject({ cohort: '2026-09', size: 10, shares: [0.8, 0.7, 0.6], running: [false, false, true] });
    expect(rows[1]).toMatchObject({ cohort: '2026-10', size: 4, shares: [1, 1] });
  });
});
