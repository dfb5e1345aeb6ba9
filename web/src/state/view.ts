/** What the address says: range, grain, comparison, filters, currency, and what is opened. Nothing else is state of an analysis. */
import type { Grain } from '../api/types';
import { addDays, addMonths, daysBetween, startOf, step, type Day } from './dates';

export const RANGES = ['7d', '30d', '90d', 'mtd', 'qtd', 'ytd', '12m', 'all'] as const;
export type Range = (typeof RANGES)[number] | 'own';
export const GRAINS: readonly Grain[] = ['day', 'week', 'month', 'quarter', 'year'];
export const COMPARISONS = ['none', 'previous', 'year_ago'] as const;
/** With another segment one compares by naming its filters (`versus`). */
export type Comparison = (typeof COMPARISONS)[number] | 'segment';
export type Tab = 'why' | 'rows' | 'people' | 'definition';
export const MODES = ['ordered', 'strict', 'any'] as const;
export type Mode = (typeof MODES)[number];

/** The search part of an address. Every field may be absent; then the default holds. */
export interface Search {
  range?: Range;
  from?: string;
  to?: string;
  grain?: Grain;
  compare?: Exclude<Comparison, 'segment'>;
  /** The filters of the segment that is compared with; they take the place of `where`. */
  versus?: string[];
  where?: string[];
  currency?: string;
  by?: string;
  /** The metric whose side panel is open, its period, tab and division. */
  open?: string;
  period?: string;
  against?: string;
  tab?: Tab;
  split?: string;
  /** Conditions that only the panel has: the segment of the bar that was clicked. */
  only?: string[];
  /** Lists: words searched, column sorted, direction, page. */
  q?: string;
  sort?: string;
  order?: 'asc' | 'desc';
  page?: number;
  /** Variant of a page's figure, for example cohorts by customers or revenue. */
  view?: string;
  metric?: string;
  /** Questions about events: steps, exclusions, window and order of a funnel; what begins and what counts as coming back; ends of paths. */
  step?: string[];
  exclude?: string[];
  within?: string;
  mode?: Mode;
  first?: string;
  back?: string;
  kind?: 'recurring';
  count?: 'unbounded';
  start?: string;
  end?: string;
  length?: number;
  event?: string;
  /** The bar whose people are listed beside the page, as pairs of `/people`. */
  people?: string;
}

const oneOf = <T extends string>(value: unknown, list: readonly T[]): T | undefined => list.find((item) => item === value);
const word = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const words = (value: unknown): string[] | undefined => {
  const list = (Array.isArray(value) ? value : [value]).filter((v): v is string => typeof v === 'string' && /^[\w.$-]+!?:./.test(v));
  return list.length ? list : undefined;
};
/** Texts of steps, as they are written: `signup` or `page_view[path=/pricing]`. */
const steps = (value: unknown): string[] | undefined => {
  const list = (Array.isArray(value) ? value : [value]).filter((v): v is string => typeof v === 'string' && v.trim() !== '').slice(0, 64);
  return list.length ? list : undefined;
};
const dayOf = (value: unknown): string | undefined => (typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined);

/** Reads an address; what it does not understand is dropped rather than shown wrongly. */
export function readSearch(raw: Record<string, unknown>): Search {
  const from = dayOf(raw['from']);
  const to = dayOf(raw['to']);
  const own = from !== undefined && to !== undefined && from <= to;
  const page = Number(raw['page']);
  const length = Number(raw['length']);
  const out: Search = {
    range: own ? 'own' : oneOf(raw['range'], RANGES),
    from: own ? from : undefined,
    to: own ? to : undefined,
    grain: oneOf(raw['grain'], GRAINS),
    compare: oneOf(raw['compare'], COMPARISONS),
    versus: words(raw['versus']),
    where: words(raw['where']),
    currency: word(raw['currency']),
    by: word(raw['by']),
    open: word(raw['open']),
    period: word(raw['period']),
    against: word(raw['against']),
    tab: oneOf(raw['tab'], ['why', 'rows', 'people', 'definition'] as const),
    split: word(raw['split']),
    only: words(raw['only']),
    q: word(raw['q']),
    sort: word(raw['sort']),
    order: oneOf(raw['order'], ['asc', 'desc'] as const),
    page: Number.isInteger(page) && page > 1 ? page : undefined,
    view: word(raw['view']),
    metric: word(raw['metric']),
    step: steps(raw['step']),
    exclude: steps(raw['exclude']),
    within: typeof raw['within'] === 'string' && /^[1-9]\d{0,3}[mhdw]$/.test(raw['within']) ? raw['within'] : undefined,
    mode: oneOf(raw['mode'], MODES),
    first: word(raw['first']),
    back: word(raw['back']),
    kind: oneOf(raw['kind'], ['recurring'] as const),
    count: oneOf(raw['count'], ['unbounded'] as const),
    start: word(raw['start']),
    end: word(raw['end']),
    length: Number.isInteger(length) && length >= 2 && length <= 12 ? length : undefined,
    event: word(raw['event']),
    people: word(raw['people']),
  };
  return Object.fromEntries(Object.entries(out).filter(([, v]) => v !== undefined)) as Search;
}

const LISTS = new Set(['where', 'only', 'versus', 'step', 'exclude']);

/** `?range=12m&where=plan:Pro,Team` to an object, lists for names that come several times. */
export function parseAddress(text: string): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  const pairs = new URLSearchParams(text.startsWith('?') ? text.slice(1) : text);
  for (const key of new Set(pairs.keys())) {
    const all = pairs.getAll(key);
    out[key] = all.length > 1 || LISTS.has(key) ? all : all[0];
  }
  return out;
}

export function writeAddress(search: Record<string, unknown>): string {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (value === undefined || value === null || value === '' || (key === 'range' && value === 'own')) continue;
    for (const item of Array.isArray(value) ? value : [value]) out.append(key, String(item));
  }
  const text = out.toString().replaceAll('%2C', ',').replaceAll('%3A', ':').replaceAll('%21', '!').replaceAll('%2F', '/').replaceAll('%7E', '~');
  return text ? `?${text}` : '';
}

/** The search that a person takes along to another page: the bar, not what was open. */
export function carried(search: Search): Search {
  const { range, from, to, grain, compare, versus, where, currency } = search;
  return Object.fromEntries(Object.entries({ range, from, to, grain, compare, versus, where, currency }).filter(([, v]) => v !== undefined)) as Search;
}

export interface Span {
  range: Range;
  from: Day;
  to: Day;
  grain: Grain;
}

const DEFAULT_GRAIN: Record<Exclude<Range, 'own'>, Grain> = { '7d': 'day', '30d': 'day', '90d': 'week', mtd: 'day', qtd: 'week', ytd: 'month', '12m': 'month', all: 'month' };

/** The grain that suits a length in days. */
export function suitedGrain(days: number): Grain {
  if (days <= 45) return 'day';
  if (days <= 180) return 'week';
  if (days <= 6 * 366) return 'month';
  return days <= 15 * 366 ? 'quarter' : 'year';
}

/** Range words to dates, both included, the first period whole. `first` is the first day with data. */
export function spanOf(search: Search, today: Day, first: Day | null, weekStart = 1): Span {
  const range: Range = search.range ?? '12m';
  let [from, to]: [Day, Day] = [today, today];
  switch (range) {
    case 'own':
      [from, to] = [search.from ?? today, search.to ?? today];
      break;
    case '7d':
      from = addDays(today, -6);
      break;
    case '30d':
      from = addDays(today, -29);
      break;
    case '90d':
      from = addDays(today, -89);
      break;
    case 'mtd':
      from = startOf(today, 'month');
      break;
    case 'qtd':
      from = startOf(today, 'quarter');
      break;
    case 'ytd':
      from = startOf(today, 'year');
      break;
    case '12m':
      from = addMonths(startOf(today, 'month'), -12);
      break;
    case 'all':
      from = first ?? addMonths(startOf(today, 'year'), -36);
      break;
  }
  const suited = range === 'own' || range === 'all' ? suitedGrain(daysBetween(from, to)) : DEFAULT_GRAIN[range];
  let grain = search.grain ?? suited;
  // A day-wise chart of many years is slow and unreadable; the coarser grain is taken.
  if (grain === 'day' && daysBetween(from, to) > 800) grain = 'week';
  return { range, from: startOf(from, grain, weekStart), to, grain };
}

/** The range moved by its own length, earlier or later, never past today. */
export function shifted(span: Span, direction: -1 | 1, today: Day): Search | null {
  const whole = span.grain !== 'day' && span.grain !== 'week';
  if (whole) {
    let count = 0;
    for (let d = span.from; d <= span.to; d = step(d, span.grain, 1)) count += 1;
    const from = step(span.from, span.grain, direction * count);
    const to = addDays(step(from, span.grain, count), -1);
    return from > today ? null : { range: 'own', from, to: to > today ? today : to };
  }
  const length = daysBetween(span.from, span.to) + 1;
  const from = addDays(span.from, direction * length);
  const to = addDays(span.to, direction * length);
  return from > today ? null : { range: 'own', from, to: to > today ? today : to };
}

/** The dates that a range is compared with: as many days before it, or the same a year ago on the same weekdays. */
export function earlier(span: Span, how: 'previous' | 'year_ago'): { from: Day; to: Day } {
  if (how === 'previous') {
    const length = daysBetween(span.from, span.to) + 1;
    if (span.grain === 'day' || span.grain === 'week') return { from: addDays(span.from, -length), to: addDays(span.to, -length) };
    let periods = 0;
    for (let d = span.from; d <= span.to; d = step(d, span.grain, 1)) periods += 1;
    const from = step(span.from, span.grain, -periods);
    // An unfinished range is compared with as much of the earlier one.
    const to = addDays(from, length - 1);
    return { from, to: to < span.from ? to : addDays(span.from, -1) };
  }
  if (span.grain === 'day' || span.grain === 'week') return { from: addDays(span.from, -364), to: addDays(span.to, -364) };
  return { from: addMonths(span.from, -12), to: addMonths(span.to, -12) };
}

export interface Filter {
  dim: string;
  not: boolean;
  values: string[];
}

export function readFilter(text: string): Filter | null {
  const match = /^([\w.$-]+)(!?):(.+)$/.exec(text);
  return match ? { dim: match[1]!, not: match[2] === '!', values: match[3]!.split(',').filter(Boolean) } : null;
}

/** The dimension of what a person did; its values are events and steps of the ledger. */
export const DID = 'did';
/** What names of properties of events begin with. */
export const OF_EVENT = 'event.';
export const writeFilter = (f: Filter): string => `${f.dim}${f.not ? '!' : ''}:${f.values.join(',')}`;
