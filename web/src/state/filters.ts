/** Filters set by clicking on a bar. Pure. */
import { readFilter, writeFilter } from './view';

/** The filter of a value put in the place of others on the same dimension, or taken away when it was there. */
export function toggled(where: readonly string[], dim: string, value: string): string[] | undefined {
  const rest = where.filter((w) => readFilter(w)?.dim !== dim);
  const mine = where.map((w) => readFilter(w)).find((f) => f?.dim === dim);
  const next = mine && !mine.not && mine.values.length === 1 && mine.values[0] === value ? rest : [...rest, writeFilter({ dim, not: false, values: [value] })];
  return next.length ? next : undefined;
}
