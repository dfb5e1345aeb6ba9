/** A person's timeline in sittings: what was done without a longer pause stands together, repeats as one line. Pure. */
import { isEvent, type PersonEvent, type PersonItem, type PersonRecord } from '../api/events';

export interface Run {
  event: string;
  count: number;
  /** Newest first. */
  items: PersonEvent[];
}

export type Block = { kind: 'sitting'; key: string; from: string; to: string; events: number; runs: Run[] } | { kind: 'record'; key: string; at: string; item: PersonRecord };

/** `items` come newest first; a pause longer than `gap` milliseconds, or something of the ledger, ends a sitting. */
export function sittings(items: readonly PersonItem[], gap = 30 * 60_000): Block[] {
  const out: Block[] = [];
  for (const item of [...items].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0))) {
    if (!isEvent(item)) {
      out.push({ kind: 'record', key: `r${out.length}:${item.at}`, at: item.at, item });
      continue;
    }
    const last = out.at(-1);
    if (last?.kind === 'sitting' && Date.parse(last.from) - Date.parse(item.at) <= gap) {
      last.from = item.at;
      last.events += 1;
      const run = last.runs.at(-1)!;
      if (run.event === item.event) {
        run.count += 1;
        run.items.push(item);
      } else last.runs.push({ event: item.event, count: 1, items: [item] });
    } else out.push({ kind: 'sitting', key: item.event_id, from: item.at, to: item.at, events: 1, runs: [{ event: item.event, count: 1, items: [item] }] });
  }
  return out;
}
