import { describe, expect, it } from 'vitest';
import { grainOf, labelOf, periodsBetween, startOf, startOfLabel } from './dates';
import { toggled } from './filters';
import { carried, earlier, parseAddress, readFilter, readSearch, shifted, spanOf, writeAddress, writeFilter } from './view';

describe('addresses', () => {
  it('are read and written without loss', () => {
    const text = '?range=90d&grain=week&where=plan:Pro,Team&where=country!:US&currency=EUR';
    expect(writeAddress(readSearch(parseAddress(text)) as Record<string, unknown>)).toBe(text);
  });
  it('drop what they do not understand', () => {
    expect(readSearch({ range: '5d', grain: 'hour', where: 'broken', page: '-3', from: '2025-99-99' })).toEqual({});
  });
  it('take an own range only when it is in order', () => {
    expect(readSearch({ from: '2025-02-01', to: '2025-01-01' })).toEqual({});
    expect(readSearch({ from: '2025-01-01', to: '2025-02-01' }).range).toBe('own');
  });
  it('hold the questions about events', () => {
    const text = '?versus=plan:Pro&step=page_view%5Bpath~/blog%5D&step=signup&exclude=refund&within=30d&mode=strict&people=step%3D2';
    expect(writeAddress(readSearch(parseAddress(text)) as Record<string, unknown>)).toBe(text);
    expect(readSearch({ step: 'one', within: '7y', mode: 'loose', kind: 'x', count: 'bounded', length: '99' })).toEqual({ step: ['one'] });
    expect(readSearch({ step: Array.from({ length: 80 }, () => 'x') }).step).toHaveLength(64);
  });
  it('hold what people did and properties of events', () => {
    const text = '?where=plan:Pro&where=did:signup,note_created&where=did!:churned&where=event.lib-version:2';
    const { where } = readSearch(parseAddress(text));
    expect(writeAddress({ where })).toBe(text);
    expect(readFilter(where![3]!)).toEqual({ dim: 'event.lib-version', not: false, values: ['2'] });
  });
  it('leave what was open behind when the page changes', () => {
    expect(carried({ range: '30d', open: 'mrr', period: '2026-01' })).toEqual({ range: '30d' });
  });
});

describe('ranges', () => {
  const today = '2026-11-20';
  it('begin with a whole period', () => {
    expect(spanOf({}, today, null)).toEqual({ range: '12m', from: '2025-11-01', to: today, grain: 'month' });
    expect(spanOf({ range: '30d', grain: 'month' }, today, null).from).toBe('2026-10-01');
    expect(spanOf({ range: '7d' }, today, null)).toMatchObject({ from: '2026-11-14', grain: 'day' });
    expect(spanOf({ range: 'qtd' }, today, null).from).toBe('2026-09-28');
  });
  it('take a coarser grain for very long days', () => {
    expect(spanOf({ range: 'all', grain: 'day' }, today, '2020-01-01').grain).toBe('week');
  });
  it('shift by their own length and never past today', () => {
    expect(shifted(spanOf({ range: '30d' }, today, null), -1, today)).toEqual({ range: 'own', from: '2026-09-22', to: '2026-10-21' });
    expect(shifted(spanOf({ range: 'ytd' }, today, null), -1, today)).toEqual({ range: 'own', from: '2025-02-01', to: '2025-12-31' });
    expect(shifted(spanOf({ range: '30d' }, today, null), 1, today)).toBeNull();
  });
});

describe('what a range is compared with', () => {
  const today = '2026-11-20';
  it('is as long, just before it, on the same weekdays for days and weeks', () => {
    expect(earlier(spanOf({ range: '7d' }, today, null), 'previous')).toEqual({ from: '2026-11-07', to: '2026-11-13' });
    expect(earlier(spanOf({ range: '30d' }, today, null), 'year_ago')).toEqual({ from: '2025-10-23', to: '2025-11-21' });
  });
  it('is as many whole periods, as far as the running one has come', () => {
    expect(earlier(spanOf({ range: 'mtd', grain: 'month' }, today, null), 'previous')).toEqual({ from: '2026-10-01', to: '2026-10-20' });
    expect(earlier({ range: 'own', from: '2026-02-01', to: '2026-02-28', grain: 'month' }, 'previous')).toEqual({ from: '2026-01-01', to: '2026-01-28' });
    expect(earlier({ range: 'own', from: '2026-03-01', to: '2026-03-31', grain: 'month' }, 'previous')).toEqual({ from: '2026-02-01', to: '2026-02-28' });
    expect(earlier(spanOf({ range: 'ytd' }, today, null), 'year_ago')).toEqual({ from: '2025-01-01', to: '2025-11-20' });
  });
});

describe('filters', () => {
  it('are set by a click and taken away by the next', () => {
    expect(toggled(['plan:Pro'], 'channel', 'direct')).toEqual(['plan:Pro', 'channel:direct']);
    expect(toggled(['plan:Pro', 'channel:direct'], 'channel', 'direct')).toEqual(['plan:Pro']);
    expect(toggled(['channel:direct,email'], 'channel', 'direct')).toEqual(['channel:direct']);
    expect(toggled(['channel!:direct'], 'channel', 'direct')).toEqual(['channel:direct']);
    expect(toggled(['channel:direct'], 'channel', 'direct')).toBeUndefined();
  });
  it('are read and written', () => {
    expect(readFilter('country!:US,DE')).toEqual({ dim: 'country', not: true, values: ['US', 'DE'] });
    expect(writeFilter({ dim: 'plan', not: false, values: ['Pro'] })).toBe('plan:Pro');
  });
});

describe('periods', () => {
  it('have labels in the forms of the API', () => {
    expect(labelOf('2026-12-28', 'week')).toBe('2026-W53');
    expect(labelOf('2026-10-01', 'quarter')).toBe('2026-Q4');
    expect(startOfLabel('2026-W01')).toBe('2025-12-29');
    expect(startOfLabel('2026-Q4')).toBe('2026-10-01');
    expect(['2026', '2026-Q1', '2026-W09', '2026-02', '2026-02-03'].map(grainOf)).toEqual(['year', 'quarter', 'week', 'month', 'day']);
  });
  it('are counted', () => {
    expect(periodsBetween('2025-11', '2026-02', 'month')).toBe(3);
    expect(periodsBetween('2025-Q4', '2026-Q2', 'quarter')).toBe(2);
  });
  it('weeks may begin on Sunday', () => {
    expect(startOf('2026-11-20', 'week', 0)).toBe('2026-11-15');
  });
});
