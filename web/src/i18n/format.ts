/** Numbers, money, dates and periods in the reader's language. Nothing is ever shown as NaN. */
import type { Unit } from '../api/types';
import { grainOf, startOfLabel } from '../state/dates';
import { eventLabel } from '../state/step';
import { LOCALE, type Key, type Lang, type Values } from './core';

type T = (key: Key, values?: Values) => string;

const cache = new Map<string, Intl.NumberFormat>();
function number(lang: Lang, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = lang + JSON.stringify(options);
  let format = cache.get(key);
  if (!format) cache.set(key, (format = new Intl.NumberFormat(LOCALE[lang], options)));
  return format;
}
const dates = new Map<string, Intl.DateTimeFormat>();
function dated(lang: Lang, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = lang + JSON.stringify(options);
  let format = dates.get(key);
  if (!format) dates.set(key, (format = new Intl.DateTimeFormat(LOCALE[lang], options)));
  return format;
}

export type Style = 'short' | 'full';
export const EMPTY = '–';

export function formatValue(lang: Lang, value: number | null | undefined, unit: Unit | string, currency: string, style: Style = 'full', signed = false): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return EMPTY;
  const signDisplay = signed ? ('exceptZero' as const) : ('negative' as const);
  const minus = (text: string) => text.replace('-', '−');
  switch (unit) {
    case 'money': {
      const big = Math.abs(value) >= 10_000;
      const options: Intl.NumberFormatOptions =
        style === 'short'
          ? { style: 'currency', currency, currencyDisplay: 'narrowSymbol', signDisplay, ...(big ? { notation: 'compact', maximumFractionDigits: Math.abs(value) >= 999_500 || lang === 'zh' ? 2 : 1 } : { maximumFractionDigits: Math.abs(value) >= 1000 ? 0 : 2, ...(Number.isInteger(value) || Math.abs(value) >= 1000 ? { minimumFractionDigits: 0 } : {}) }) }
          : { style: 'currency', currency, currencyDisplay: 'narrowSymbol', signDisplay };
      return minus(number(lang, options).format(value));
    }
    case 'percent':
      return minus(number(lang, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay }).format(value));
    case 'ratio':
      return minus(number(lang, { minimumFractionDigits: 1, maximumFractionDigits: 2, signDisplay }).format(value));
    case 'months':
    case 'years':
    case 'days':
      return minus(number(lang, { style: 'unit', unit: unit.slice(0, -1), unitDisplay: 'long', maximumFractionDigits: 1, signDisplay }).format(value));
    case 'seconds':
      return minus(formatDuration(lang, value, style));
    case 'count':
      return minus(number(lang, style === 'short' && Math.abs(value) >= 100_000 ? { notation: 'compact', maximumFractionDigits: 1, signDisplay } : { maximumFractionDigits: 1, signDisplay }).format(value));
    default:
      return minus(number(lang, { maximumFractionDigits: 4, signDisplay }).format(value));
  }
}

/** Seconds in the unit that people would say: "45 s", "12 min", "3.5 h", "2.1 days". */
export function formatDuration(lang: Lang, seconds: number, style: Style = 'full'): string {
  const size = Math.abs(seconds);
  const [unit, length] = size < 60 ? (['second', 1] as const) : size < 3600 ? (['minute', 60] as const) : size < 86_400 ? (['hour', 3600] as const) : (['day', 86_400] as const);
  const amount = seconds / length;
  return number(lang, { style: 'unit', unit, unitDisplay: style === 'full' || unit !== 'second' ? 'short' : 'narrow', maximumFractionDigits: Math.abs(amount) < 10 && unit !== 'second' ? 1 : 0 }).format(amount);
}

/** A figure on an axis: short, no pence. */
export function formatAxis(lang: Lang, value: number, unit: Unit | string, currency: string): string {
  if (unit === 'money') return number(lang, { style: 'currency', currency, currencyDisplay: 'narrowSymbol', notation: 'compact', maximumFractionDigits: lang === 'zh' && Math.abs(value) >= 1000 && Math.abs(value) < 10_000 ? 0 : 1, minimumFractionDigits: 0 }).format(value).replace('-', '−');
  if (unit === 'seconds') return formatDuration(lang, value, 'short').replace('-', '−');
  if (unit === 'percent') return number(lang, { style: 'percent', maximumFractionDigits: 1 }).format(value).replace('-', '−');
  return number(lang, { notation: 'compact', maximumFractionDigits: 1 }).format(value).replace('-', '−');
}

export interface Delta {
  /** The change in words: "+2.1 %" or "+0.4 pt". */
  text: string;
  direction: 'up' | 'down' | 'flat';
}

/** The change of a figure: relative for amounts and counts, points for percentages. Null when nothing can be compared. */
export function formatDelta(lang: Lang, t: T, before: number | null | undefined, after: number | null | undefined, unit: Unit | string): Delta | null {
  if (before === null || before === undefined || after === null || after === undefined) return null;
  const change = after - before;
  // What rounds to nothing is shown as no change.
  const seen = Math.abs(unit === 'percent' ? change * 100 : unit === 'ratio' ? change : before ? (change / before) * 100 : change) >= (unit === 'ratio' ? 0.005 : 0.05);
  const direction = !seen ? 'flat' : change > 0 ? 'up' : 'down';
  if (!seen) return { text: '', direction };
  if (unit === 'percent') {
    const points = number(lang, { minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: 'exceptZero' }).format(change * 100).replace('-', '−');
    return { text: t('unit.points', { value: points }), direction };
  }
  if (unit === 'ratio' || before === 0 || Math.sign(before) !== Math.sign(after)) {
    if (before === 0 && after === 0) return { text: formatValue(lang, 0, unit, 'USD', 'short'), direction: 'flat' };
    if (unit !== 'ratio') return { text: '', direction };
    return { text: formatValue(lang, change, 'ratio', 'USD', 'short', true), direction };
  }
  const ratio = change / Math.abs(before);
  // Beyond tenfold nobody reads per cent.
  if (ratio >= 9) return { text: `×${number(lang, { maximumFractionDigits: 0 }).format(after / before)}`, direction };
  return { text: number(lang, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: 'exceptZero' }).format(ratio).replace('-', '−'), direction };
}

const UTC = { timeZone: 'UTC' } as const;

/** "Nov 2026", "Q3 2026", "week of 9 Feb 2026", "5 Dec 2026". */
export function formatPeriod(lang: Lang, t: T, label: string | null | undefined, style: Style = 'full'): string {
  if (!label) return EMPTY;
  const start = new Date(`${startOfLabel(label)}T00:00:00Z`);
  if (Number.isNaN(start.getTime())) return label;
  switch (grainOf(label)) {
    case 'year':
      return dated(lang, { year: 'numeric', ...UTC }).format(start);
    case 'quarter':
      return t('period.quarter', { q: label.slice(6), year: label.slice(0, 4) });
    case 'month':
      return dated(lang, style === 'short' ? { month: 'short', year: '2-digit', ...UTC } : { month: 'short', year: 'numeric', ...UTC }).format(start);
    case 'week':
      return style === 'short'
        ? dated(lang, { day: 'numeric', month: 'short', ...UTC }).format(start)
        : t('period.week', { date: dated(lang, { day: 'numeric', month: 'short', year: 'numeric', ...UTC }).format(start) });
    case 'day':
      return dated(lang, style === 'short' ? { day: 'numeric', month: 'short', ...UTC } : { day: 'numeric', month: 'short', year: 'numeric', ...UTC }).format(start);
  }
}

export function formatDate(lang: Lang, instant: string | null | undefined, zone = 'UTC'): string {
  if (!instant) return EMPTY;
  const civil = /^\d{4}-\d\d-\d\d$/.test(instant);
  const d = new Date(civil ? `${instant}T00:00:00Z` : instant);
  if (Number.isNaN(d.getTime())) return instant;
  return dated(lang, { day: 'numeric', month: 'short', year: 'numeric', timeZone: civil ? 'UTC' : zone }).format(d);
}

export function formatMoment(lang: Lang, instant: string | null | undefined, zone = 'UTC', seconds = false): string {
  if (!instant) return EMPTY;
  const d = new Date(instant);
  if (Number.isNaN(d.getTime())) return instant;
  return dated(lang, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', ...(seconds ? { second: '2-digit' } : {}), hourCycle: 'h23', timeZone: zone }).format(d);
}

export function formatTime(lang: Lang, instant: string | null | undefined, zone = 'UTC'): string {
  if (!instant) return EMPTY;
  const d = new Date(instant);
  if (Number.isNaN(d.getTime())) return instant;
  return dated(lang, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: zone }).format(d);
}

/** "3 minutes ago" against the server's clock. */
export function formatAgo(lang: Lang, instant: string | null | undefined, now: string): string {
  if (!instant) return EMPTY;
  const seconds = Math.round((Date.parse(instant) - Date.parse(now)) / 1000);
  if (Number.isNaN(seconds)) return instant;
  const format = new Intl.RelativeTimeFormat(LOCALE[lang], { numeric: 'auto' });
  const size = Math.abs(seconds);
  if (size < 60) return format.format(seconds, 'second');
  if (size < 3600) return format.format(Math.round(seconds / 60), 'minute');
  if (size < 86_400) return format.format(Math.round(seconds / 3600), 'hour');
  if (size < 60 * 86_400) return format.format(Math.round(seconds / 86_400), 'day');
  return format.format(Math.round(seconds / (30.44 * 86_400)), 'month');
}

const names = new Map<string, Intl.DisplayNames>();
/** Names of countries in the reader's language; anything else stays as it is. */
export function formatDimension(lang: Lang, t: T, dimension: string, value: string | null | undefined): string {
  if (value === null || value === undefined || value === '') return t('dim.none');
  if (dimension === 'country' && /^[A-Z]{2}$/.test(value)) {
    let n = names.get(lang);
    if (!n) names.set(lang, (n = new Intl.DisplayNames([LOCALE[lang]], { type: 'region' })));
    try {
      return n.of(value) ?? value;
    } catch {
      return value;
    }
  }
  if (dimension === 'movement') return t(`movement.${value}` as Key) || value;
  if (dimension === 'interval' && (value === 'month' || value === 'year')) return t(`interval.${value}`);
  if (dimension === 'cohort') return formatPeriod(lang, t, value);
  if (dimension === 'channel' || dimension === 'device') {
    // Built-in channels have words; those of an own rule file are shown as they are called.
    const key = `${dimension}.${value}`;
    const words = t(key as Key);
    if (words !== key) return words;
  }
  if (dimension === 'reason' && value === 'unknown') return t('reasons.unknown');
  // Codes such as `seats_added` are read more easily as words; the filter keeps the code.
  return dimension === 'reason' || dimension === 'channel' || dimension === 'event' || dimension === 'device' || dimension === 'cause' || dimension === 'did' ? eventLabel(value) : value;
}
