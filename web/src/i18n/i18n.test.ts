import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fill, preferred, type Key, type Lang, type Message } from './core';
import { en as common } from './en';
import { events as eventsEn } from './events/en';
import { events as eventsRu } from './events/ru';
import { events as eventsZh } from './events/zh';
import { EMPTY, formatDelta, formatDimension, formatPeriod, formatValue } from './format';
import { ru as commonRu } from './ru';
import { zh as commonZh } from './zh';

const en = { ...common, ...eventsEn };
const ru = { ...commonRu, ...eventsRu };
const zh = { ...commonZh, ...eventsZh };
const all: Record<Lang, Record<string, Message>> = { en, ru, zh };
const forms = (m: Message): string[] => (typeof m === 'string' ? [m] : Object.values(m).filter((v): v is string => typeof v === 'string'));
const holes = (m: Message): string[] => [...new Set(forms(m).flatMap((f) => [...f.matchAll(/\{(\w+)\}/g)].map((x) => x[1]!)))].sort();

describe('languages', () => {
  for (const lang of ['ru', 'zh'] as const) {
    it(`${lang} has the keys of English, all filled, with the same values in them`, () => {
      expect(Object.keys(all[lang]).sort()).toEqual(Object.keys(en).sort());
      for (const [key, message] of Object.entries(all[lang])) {
        for (const form of forms(message)) expect(form.trim(), key).not.toBe('');
        expect(holes(message), key).toEqual(holes(en[key as Key]));
      }
    });
  }
  it('no key is both common and of events', () => {
    expect(Object.keys(common).filter((key) => key in eventsEn)).toEqual([]);
  });
  it('Russian plurals have all forms', () => {
    for (const [key, message] of Object.entries(ru)) if (typeof message !== 'string') expect(Object.keys(message).sort(), key).toEqual(['few', 'many', 'one', 'other']);
    expect(fill('ru', ru['rows.count'], { n: 1 })).toBe('1 строка');
    expect(fill('ru', ru['rows.count'], { n: 3 })).toBe('3 строки');
    expect(fill('ru', ru['rows.count'], { n: 11 })).toBe('11 строк');
  });
  it('the stored language wins, then the browser’s', () => {
    expect(preferred('zh', ['en-US'])).toBe('zh');
    expect(preferred(null, ['de-DE', 'ru-RU'])).toBe('ru');
    expect(preferred('xx', ['de'])).toBe('en');
  });
});

const files = (dir: string): string[] => readdirSync(dir).flatMap((name) => (statSync(join(dir, name)).isDirectory() ? files(join(dir, name)) : [join(dir, name)]));

describe('code', () => {
  const sources = files('src').filter((f) => /\.tsx$/.test(f)).map((f) => [f, readFileSync(f, 'utf8')] as const);
  it('has no words in it', () => {
    const found: string[] = [];
    for (const [file, text] of sources) {
      const code = text.replace(/<code>[^<]*<\/code>/g, '');
      // Text between tags, and words in the attributes that people hear or see.
      for (const m of code.matchAll(/>\s*([A-Z][a-z]+(?: [a-z]+)+|[A-Z][a-z]{3,})\s*</g)) found.push(`${file}: ${m[1]}`);
      for (const m of code.matchAll(/(?:aria-label|title|placeholder|label|alt)="([^"]*[A-Za-z]{2}[^"]*)"/g)) found.push(`${file}: ${m[1]}`);
    }
    expect(found).toEqual([]);
  });
  it('uses the words of events only where they are loaded', () => {
    const first = ['Pulse.tsx', 'Frame.tsx', 'Bar.tsx', 'Card.tsx', 'Strip.tsx', 'MetricChart.tsx', 'Keys.tsx', 'Panel.tsx', 'Palette.tsx', 'Customer.tsx', 'Customers.tsx'];
    const found = sources.filter(([file]) => first.some((name) => file.endsWith(`/${name}`))).flatMap(([file, text]) => [...text.matchAll(/\bt\('([\w.]+)'/g)].filter((m) => m[1]! in eventsEn).map((m) => `${file}: ${m[1]}`));
    expect(found).toEqual([]);
  });
  it('names only keys that exist', () => {
    const missing: string[] = [];
    for (const [file, text] of sources) for (const m of text.matchAll(/\bt\('([\w.]+)'/g)) if (!(m[1]! in en)) missing.push(`${file}: ${m[1]}`);
    expect(missing).toEqual([]);
  });
});

describe('figures', () => {
  const t = (key: Key, values?: Record<string, string | number | null | undefined>) => fill('en', en[key], values);
  it('are short on cards and full in tables', () => {
    expect(formatValue('en', 12_400, 'money', 'USD', 'short')).toBe('$12.4K');
    expect(formatValue('en', 2_980_000, 'money', 'USD', 'short')).toBe('$2.98M');
    expect(formatValue('en', 12_400, 'money', 'USD')).toBe('$12,400.00');
    expect(formatValue('en', 12_400, 'money', 'JPY')).toBe('¥12,400');
    expect(formatValue('en', 0.1234, 'percent', 'USD')).toBe('12.3%');
    expect(formatValue('en', 20, 'months', 'USD')).toBe('20 months');
    expect(formatValue('ru', 4, 'years', 'USD')).toBe('4 года');
    expect(formatValue('en', -5, 'money', 'USD')).toBe('−$5.00');
    expect([42, 90, 5400, 20 * 3600, 3 * 86_400].map((s) => formatValue('en', s, 'seconds', 'USD'))).toEqual(['42 sec', '1.5 min', '1.5 hr', '20 hr', '3 days']);
    expect(formatValue('ru', 90, 'seconds', 'USD')).toBe('1,5 мин');
  });
  it('are never NaN and never a false zero', () => {
    for (const v of [null, undefined, Number.NaN, Infinity]) expect(formatValue('en', v, 'money', 'USD')).toBe(EMPTY);
    expect(formatDelta('en', t, null, 5, 'money')).toBeNull();
  });
  it('change in points for rates and relatively for the rest', () => {
    expect(formatDelta('en', t, 0.05, 0.054, 'percent')).toEqual({ text: '+0.4 pt', direction: 'up' });
    expect(formatDelta('en', t, 100, 96.8, 'money')).toEqual({ text: '−3.2%', direction: 'down' });
    expect(formatDelta('en', t, 100, 100.01, 'money')).toEqual({ text: '', direction: 'flat' });
    expect(formatDelta('en', t, 2, 182, 'count')).toEqual({ text: '×91', direction: 'up' });
    expect(formatDelta('en', t, 0, 7, 'count')).toEqual({ text: '', direction: 'up' });
  });
  it('periods are worded', () => {
    expect(formatPeriod('en', t, '2026-11')).toBe('Nov 2026');
    expect(formatPeriod('en', t, '2026-Q3')).toBe('Q3 2026');
    expect(formatPeriod('en', t, '2026-W07')).toBe('Week of Feb 9, 2026');
    expect(formatPeriod('en', t, '2026')).toBe('2026');
  });
});

describe('values of dimensions', () => {
  const t = (key: Key): string => (key in en ? String(en[key]) : key);
  it('are words where they are codes, and stay as they are where they are names', () => {
    expect([['reason', 'seats_added'], ['event', 'note_created'], ['did', 'fact:first_payment'], ['channel', 'my_channel'], ['channel', 'paid_search'], ['path', '/a_b'], ['plan', 'pro_plus'], ['reason', 'unknown']].map(([d, v]) => formatDimension('en', t, d!, v))).toEqual([
      'Seats added', 'Note created', 'First payment', 'My channel', 'Paid search', '/a_b', 'pro_plus', 'No reason given',
    ]);
  });
});
