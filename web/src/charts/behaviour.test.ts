import { describe, expect, it } from 'vitest';
import type { FunnelAnswer } from '../api/events';
import { averageCurve, retentionRows } from './curve';
import { flow, flowHeight } from './flow';
import { funnelRows, funnelTotal, weakest } from './funnel';
import { colours } from './colours';
import { lifecycleFigure, stacksBefore } from './lifecycle';
import { column, crc32, toCsv, toXlsx, zip } from './sheet';

describe('funnels', () => {
  const answer: FunnelAnswer = {
    steps: [{ step: 'a' }, { step: 'b' }, { step: 'c' }], as_of: '',
    groups: [{ value: 'x', people: [10, 4, 1], median_seconds: [null, 60, 5] }, { value: null, people: [90, 45, 45], median_seconds: [null, 30, 0] }],
  };
  it('give shares of the first step and of the step before', () => {
    const rows = funnelRows(answer);
    expect(rows.map((r) => r.bars.map((b) => b.value))).toEqual([[null, 'x'], [null, 'x'], [null, 'x']]);
    expect(rows[2]!.bars[1]).toEqual({ value: 'x', people: 1, share: 0.1, step: 0.25, dropped: 3, seconds: 5 });
    expect(funnelTotal(answer)).toEqual([100, 49, 46]);
  });
  it('are never NaN when nobody began', () => {
    const rows = funnelRows({ steps: answer.steps, groups: [{ value: null, people: [0, 0, 0], median_seconds: [null, null, null] }], as_of: '' });
    expect(rows.map((r) => r.bars[0]!.share)).toEqual([null, null, null]);
    expect(weakest([0, 0, 0])).toBeNull();
  });
  it('name the step that loses the largest share', () => {
    expect(weakest([100, 60, 10, 9])).toBe(2);
    expect(weakest([5, 5])).toBeNull();
  });
});

describe('retention', () => {
  const answer = { as_of: '', cohorts: [{ cohort: '2026-01', size: 10, people: [10, 5, 2] }, { cohort: '2026-02', size: 30, people: [30, 3] }] };
  it('weighs cohorts by their size and leaves unfinished cells out', () => {
    const rows = retentionRows(answer, (cohort, age) => (cohort === '2026-02' && age === 1) || (cohort === '2026-01' && age === 2));
    expect(rows[0]!.shares).toEqual([1, 0.5, 0.2]);
    expect(averageCurve(rows)).toEqual([1, 0.5]);
    expect(averageCurve(retentionRows(answer, () => false))).toEqual([1, 8 / 40, 0.2]);
    expect(averageCurve([])).toEqual([]);
  });
});

describe('paths', () => {
  const paths = [{ events: ['s', 'a', 'b'], visits: 6 }, { events: ['s', 'a'], visits: 3 }, { events: ['s', 'c', 'b'], visits: 1 }];
  const at = (f: ReturnType<typeof flow>, key: string) => f.nodes.find((n) => n.key === key)!;
  const way = (f: ReturnType<typeof flow>, ...events: string[]) => f.nodes.find((n) => n.way.join() === events.join())!;
  it('keep every visit at every place, and each place is one way', () => {
    const f = flow(paths, { height: 100 });
    expect(way(f, 's').visits).toBe(10);
    expect(way(f, 's', 'a')).toMatchObject({ visits: 9, ended: 3, column: 1 });
    expect(way(f, 's', 'a', 'b')).toMatchObject({ visits: 6, ended: 0, event: 'b' });
    expect(way(f, 's', 'c', 'b').visits).toBe(1);
    for (const n of f.nodes) {
      const into = f.links.filter((l) => l.to === n.key).reduce((s, l) => s + l.visits, 0);
      const out = f.links.filter((l) => l.from === n.key).reduce((s, l) => s + l.visits, 0);
      if (n.column > 0) expect(into, n.key).toBe(n.visits);
      if (n.column < f.columns - 1) expect(out + n.ended, n.key).toBe(n.visits);
    }
  });
  it('gather small places as one, so that none is lost', () => {
    const many = Array.from({ length: 12 }, (_, i) => ({ events: ['s', `e${i}`], visits: 12 - i }));
    const f = flow(many, { height: 300, most: 4 });
    const second = f.nodes.filter((n) => n.column === 1);
    expect(second).toHaveLength(5);
    expect(second.at(-1)).toMatchObject({ other: true, visits: 36, way: [] });
    expect(second.reduce((s, n) => s + n.visits, 0)).toBe(78);
  });
  it('stand at the end when they are read backwards', () => {
    const f = flow([{ events: ['x', 'y', 'end'], visits: 2 }, { events: ['end'], visits: 1 }], { height: 100, backwards: true });
    expect(way(f, 'end')).toMatchObject({ visits: 3, column: 2, ended: 1 });
    expect(way(f, 'x', 'y', 'end')).toMatchObject({ column: 0, event: 'x' });
    expect(f.links.every((l) => at(f, l.from).column + 1 === at(f, l.to).column)).toBe(true);
    expect(f.columns).toBe(3);
  });
  it('never overlap in a column, and ribbons lie within their places', () => {
    const f = flow(paths, { height: 120, gap: 8, least: 20 });
    for (let k = 0; k < f.columns; k++) {
      const own = f.nodes.filter((n) => n.column === k);
      own.slice(1).forEach((n, i) => expect(n.y).toBeGreaterThanOrEqual(own[i]!.y + own[i]!.height));
    }
    for (const l of f.links) {
      expect(l.y0 + l.height).toBeLessThanOrEqual(at(f, l.from).y + at(f, l.from).height + 1e-9);
      expect(l.y1 + l.height).toBeLessThanOrEqual(at(f, l.to).y + at(f, l.to).height + 1e-9);
    }
    expect(flowHeight(f)).toBeGreaterThanOrEqual(42);
  });
  it('are nothing when nobody went', () => expect(flow([], { height: 100 })).toEqual({ columns: 0, nodes: [], links: [], total: 0 }));
});

describe('files', () => {
  it('CSV quotes what needs it and disarms formulas', () => {
    expect(toCsv({ name: 'x', head: ['a', 'b,c'], rows: [['he said "no"', 1.5], [null, Number.NaN], ['=1+1', -2], ['line\nbreak', 0]] })).toBe('a,"b,c"\r\n"he said ""no""",1.5\r\n,\r\n\'=1+1,-2\r\n"line\nbreak",0\r\n');
  });
  it('columns are named as spreadsheets do', () => expect([0, 25, 26, 51, 701, 702].map(column)).toEqual(['A', 'Z', 'AA', 'AZ', 'ZZ', 'AAA']));
  it('the checksum is the one of ZIP', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array())).toBe(0);
  });
  it('a ZIP lists its files where they lie', () => {
    const bytes = zip([{ name: 'a.txt', text: 'first' }, { name: 'ü.txt', text: 'zwei' }]);
    const view = new DataView(bytes.buffer);
    const end = bytes.length - 22;
    expect(view.getUint32(end, true)).toBe(0x06054b50);
    expect(view.getUint16(end + 10, true)).toBe(2);
    let at = view.getUint32(end + 16, true);
    const read = (from: number, n: number) => new TextDecoder().decode(bytes.subarray(from, from + n));
    const found: [string, string][] = [];
    for (let i = 0; i < 2; i++) {
      expect(view.getUint32(at, true)).toBe(0x02014b50);
      const [size, length, local] = [view.getUint32(at + 24, true), view.getUint16(at + 28, true), view.getUint32(at + 42, true)];
      const name = read(at + 46, length);
      expect(view.getUint32(local, true)).toBe(0x04034b50);
      const body = bytes.subarray(local + 30 + length, local + 30 + length + size);
      expect(crc32(body)).toBe(view.getUint32(at + 16, true));
      found.push([name, new TextDecoder().decode(body)]);
      at += 46 + length;
    }
    expect(found).toEqual([['a.txt', 'first'], ['ü.txt', 'zwei']]);
  });
  it('a workbook holds numbers as numbers and text without harm', () => {
    const text = new TextDecoder().decode(toXlsx({ name: 'a/b', head: ['x'], rows: [['<b>&"'], [12.5], [null]] }));
    expect(text).toContain('<c r="A3"><v>12.5</v></c>');
    expect(text).toContain('&#60;b&#62;&#38;&#34;');
    expect(text).toContain('<sheet name="a b"');
    expect(text).not.toContain('<b>&"');
  });
});

describe('the lifecycle', () => {
  const period = (label: string) => ({ label, start: label, end: label, complete: true });
  const own = { periods: [period('2026-02'), period('2026-03')], series: [{ state: 'new' as const, values: [3, 4] }, { state: 'returning' as const, values: [7, 8] }, { state: 'dormant' as const, values: [2, 1] }], as_of: '' };
  const old = { periods: [period('2026-01')], series: [{ state: 'new' as const, values: [1] }, { state: 'returning' as const, values: [5] }, { state: 'dormant' as const, values: [6] }], as_of: '' };
  const name = (s: string) => s;
  it('has who went quiet below the line', () => {
    const figure = lifecycleFigure(own, undefined, name, colours('light'));
    expect(figure.lines.map((l) => [l.key, ...l.values])).toEqual([['new', 3, 4], ['returning', 7, 8], ['dormant', -2, -1]]);
    expect(stacksBefore(figure)).toEqual({ active: [null, null], quiet: [null, null] });
  });
  it('stands beside an earlier range, period by period, with nothing where that is shorter', () => {
    const figure = lifecycleFigure(own, old, name, colours('light'));
    expect(figure.comparePeriods).toEqual(old.periods);
    expect(figure.lines.map((l) => l.compare)).toEqual([[1, null], [5, null], [-6, null]]);
    expect(stacksBefore(figure)).toEqual({ active: [6, null], quiet: [-6, null] });
  });
});
