/** Civil dates as `YYYY-MM-DD`, counted in UTC so that no zone of the browser interferes. */
import type { Grain } from '../api/types';

const DAY = 86_400_000;
export type Day = string;

const at = (day: Day): Date => new Date(`${day}T00:00:00Z`);
const text = (d: Date): Day => d.toISOString().slice(0, 10);

export const addDays = (day: Day, n: number): Day => text(new Date(at(day).getTime() + n * DAY));
export const daysBetween = (a: Day, b: Day): number => Math.round((at(b).getTime() - at(a).getTime()) / DAY);

/** The same day `n` months later, or the month's last day. */
export function addMonths(day: Day, n: number): Day {
  const d = at(day);
  const first = new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + n, 1));
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  first.setUTCDate(Math.min(d.getUTCDate(), last));
  return text(first);
}

/** The day on which `instant` falls in `zone`. */
export function dayIn(instant: string, zone: string): Day {
  try {
    const parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(new Date(instant));
    return parts.slice(0, 10);
  } catch {
    return instant.slice(0, 10);
  }
}

/** The first day of the period of `grain` that holds `day`; weeks begin on Monday unless told otherwise (0 = Sunday). */
export function startOf(day: Day, grain: Grain, weekStart = 1): Day {
  const d = at(day);
  switch (grain) {
    case 'day':
      return day;
    case 'week':
      return addDays(day, -((d.getUTCDay() - weekStart + 7) % 7));
    case 'month':
      return `${day.slice(0, 7)}-01`;
    case 'quarter':
      return text(new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() - (d.getUTCMonth() % 3), 1)));
    case 'year':
      return `${day.slice(0, 4)}-01-01`;
  }
}

/** The start of the period `n` periods after the one that begins on `start`. */
export function step(start: Day, grain: Grain, n: number): Day {
  switch (grain) {
    case 'day':
      return addDays(start, n);
    case 'week':
      return addDays(start, 7 * n);
    case 'month':
      return addMonths(start, n);
    case 'quarter':
      return addMonths(start, 3 * n);
    case 'year':
      return addMonths(start, 12 * n);
  }
}

/** Year and week by ISO 8601. */
export function isoWeek(day: Day): { year: number; week: number } {
  const thursday = at(addDays(startOf(day, 'week'), 3));
  const year = thursday.getUTCFullYear();
  return { year, week: Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY)) + 1 };
}

/** The grain that a period's label is written in. */
export function grainOf(label: string): Grain {
  if (/^\d{4}$/.test(label)) return 'year';
  if (/^\d{4}-Q\d$/.test(label)) return 'quarter';
  if (/^\d{4}-W\d\d$/.test(label)) return 'week';
  if (/^\d{4}-\d\d$/.test(label)) return 'month';
  return 'day';
}

/** The label of the period of `grain` that begins on `start`, in the forms of the API. */
export function labelOf(start: Day, grain: Grain): string {
  switch (grain) {
    case 'year':
      return start.slice(0, 4);
    case 'quarter':
      return `${start.slice(0, 4)}-Q${Math.floor((Number(start.slice(5, 7)) - 1) / 3) + 1}`;
    case 'month':
      return start.slice(0, 7);
    case 'week': {
      const { year, week } = isoWeek(addDays(start, 3));
      return `${year}-W${String(week).padStart(2, '0')}`;
    }
    case 'day':
      return start;
  }
}

/** The first day of the period named by `label`. */
export function startOfLabel(label: string): Day {
  switch (grainOf(label)) {
    case 'year':
      return `${label}-01-01`;
    case 'quarter':
      return `${label.slice(0, 4)}-${String((Number(label.slice(6)) - 1) * 3 + 1).padStart(2, '0')}-01`;
    case 'week':
      return addDays(startOf(`${label.slice(0, 4)}-01-04`, 'week'), (Number(label.slice(6)) - 1) * 7);
    case 'month':
      return `${label}-01`;
    case 'day':
      return label;
  }
}

/** Months of age of a cohort: whole periods of `grain` between two labels. */
export function periodsBetween(from: string, to: string, grain: Grain): number {
  const [a, b] = [startOfLabel(from), startOfLabel(to)];
  if (grain === 'day') return daysBetween(a, b);
  if (grain === 'week') return Math.round(daysBetween(a, b) / 7);
  const months = (Number(b.slice(0, 4)) - Number(a.slice(0, 4))) * 12 + Number(b.slice(5, 7)) - Number(a.slice(5, 7));
  return grain === 'month' ? months : grain === 'quarter' ? Math.round(months / 3) : Math.round(months / 12);
}

/** The label of a period, however the API gives it. */
export const periodLabel = (p: string | { label: string }): string => (typeof p === 'string' ? p : p.label);
