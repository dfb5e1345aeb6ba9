/** A stream of events that does not move what is being read. Pure. */

export interface Fed<T> {
  /** What is on the page, newest first. */
  shown: T[];
  /** What waits above, newest first. */
  waiting: T[];
}

/** Takes in the newest events; while held, they wait. At most `most` stay. */
export function feed<T>(now: Fed<T>, arrived: readonly T[], id: (t: T) => string, held: boolean, most: number): Fed<T> {
  const known = new Set([...now.shown, ...now.waiting].map(id));
  const fresh: T[] = [];
  for (const t of arrived) {
    if (known.has(id(t))) continue;
    known.add(id(t));
    fresh.push(t);
  }
  if (!fresh.length && (held || !now.waiting.length)) return now;
  if (held && now.shown.length) return { shown: now.shown, waiting: [...fresh, ...now.waiting].slice(0, most) };
  return { shown: [...fresh, ...now.waiting, ...now.shown].slice(0, most), waiting: [] };
}
