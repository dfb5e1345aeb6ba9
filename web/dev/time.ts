/** Periods as the stand-in counts them: in UTC, good enough for work on the page. */
export const DAY = 86_400_000;
export const NOW = Date.parse('2026-11-20T09:41:00Z');
export const START = Date.parse('2023-11-20T00:00:00Z');
export const iso = (t: number) => new Date(t).toISOString();
export const date = (t: number) => iso(t).slice(0, 10);

export function periodOf(t: number, grain: string): number {
  const d = new Date(t);
  const [y, m] = [d.getUTCFullYear(), d.getUTCMonth()];
  if (grain === 'year') return Date.UTC(y, 0, 1);
  if (grain === 'quarter') return Date.UTC(y, m - (m % 3), 1);
  if (grain === 'month') return Date.UTC(y, m, 1);
  const day = Date.UTC(y, m, d.getUTCDate());
  return grain === 'week' ? day - ((d.getUTCDay() + 6) % 7) * DAY : day;
}
export function nextOf(t: number, grain: string): number {
  const d = new Date(t);
  if (grain === 'day') return t + DAY;
  if (grain === 'week') return t + 7 * DAY;
  return Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + { month: 1, quarter: 3, year: 12 }[grain as 'month']!, 1);
}
export function label(t: number, grain: string): string {
  const s = date(t);
  if (grain === 'year') return s.slice(0, 4);
  if (grain === 'quarter') return `${s.slice(0, 4)}-Q${Math.floor(new Date(t).getUTCMonth() / 3) + 1}`;
  if (grain === 'month') return s.slice(0, 7);
  if (grain === 'week') {
    const th = new Date(t + 3 * DAY);
    const w = Math.floor((th.getTime() - Date.UTC(th.getUTCFullYear(), 0, 1)) / (7 * DAY)) + 1;
    return `${th.getUTCFullYear()}-W${String(w).padStart(2, '0')}`;
  }
  return s;
}
export function parse(text: string): number {
  const q = /^(\d{4})-Q(\d)$/.exec(text);
  if (q) return Date.UTC(+q[1]!, (+q[2]! - 1) * 3, 1);
  const w = /^(\d{4})-W(\d\d)$/.exec(text);
  if (w) return periodOf(Date.UTC(+w[1]!, 0, 4), 'week') + (+w[2]! - 1) * 7 * DAY;
  return Date.parse(text.length === 4 ? `${text}-01-01` : text.length === 7 ? `${text}-01` : text);
}
export const grainOf = (p: string) => (p.length === 4 ? 'year' : p.includes('Q') ? 'quarter' : p.includes('W') ? 'week' : p.length === 7 ? 'month' : 'day');
