/** Server-sent events: which metrics changed. Bursts are gathered, then only what depends on them is asked again. */
import type { QueryClient } from '@tanstack/react-query';
import { BASE } from './client';
import type { LiveChange } from './types';

export type LiveState = 'connecting' | 'live' | 'lost';

export interface Live {
  state: LiveState;
  /** When each metric last changed, milliseconds of the browser's clock. */
  changed: ReadonlyMap<string, number>;
  at: string | null;
}

let current: Live = { state: 'connecting', changed: new Map(), at: null };
const listeners = new Set<() => void>();
const publish = (next: Partial<Live>) => {
  current = { ...current, ...next };
  for (const listener of listeners) listener();
};

export const liveStore = {
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  get: (): Live => current,
};

/** True when a cached question depends on one of the changed metrics or tables. */
export function touches(key: readonly unknown[], metrics: ReadonlySet<string>, tables: ReadonlySet<string>): boolean {
  switch (key[0]) {
    case 'figures':
      return Array.isArray(key[1]) && key[1].some((m) => metrics.has(String(m)));
    case 'changes':
      return metrics.size > 0;
    case 'customers':
    case 'customer':
      return tables.has('customers') || tables.has('subscription_changes') || tables.has('invoices') || tables.has('payments');
    case 'workspace':
      return true;
    case 'releases':
      return tables.has('releases');
    case 'rejects':
      return tables.has('rejects');
    // Questions about events follow them; recent ones at once, the rest when asked anew or after a pause.
    case 'live':
      return tables.has('events');
    case 'events':
      return tables.has('events') || tables.has('persons') || tables.has('identity_links');
    default:
      return false;
  }
}

const GATHER = 1200;
/** Answers about events are asked again at most this often while events stream in. */
const CALM = 10_000;

export function startLive(client: QueryClient): () => void {
  let source: EventSource | null = null;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let delay = 1000;
  let metrics = new Set<string>();
  let tables = new Set<string>();
  let stopped = false;
  let calm = 0;
  let later: ReturnType<typeof setTimeout> | undefined;

  const followEvents = () => {
    later = undefined;
    calm = Date.now();
    void client.invalidateQueries({ predicate: (q) => q.queryKey[0] === 'events' });
  };
  const flush = () => {
    timer = undefined;
    const [m, t] = [metrics, tables];
    metrics = new Set();
    tables = new Set();
    const now = Date.now();
    const changed = new Map(current.changed);
    for (const name of m) changed.set(name, now);
    publish({ changed });
    void client.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'events' && touches(q.queryKey, m, t) });
    if (touches(['events'], m, t)) later ??= setTimeout(followEvents, Math.max(0, calm + CALM - now));
  };
  const open = () => {
    source = new EventSource(`${BASE}/live`);
    source.addEventListener('hello', () => {
      if (current.state === 'lost') void client.invalidateQueries();
      delay = 1000;
      publish({ state: 'live' });
    });
    source.onopen = () => publish({ state: 'live' });
    source.addEventListener('change', (event) => {
      const change = JSON.parse((event as MessageEvent<string>).data) as LiveChange;
      for (const name of change.metrics) metrics.add(name);
      for (const name of change.tables) tables.add(name);
      publish({ at: change.at });
      timer ??= setTimeout(flush, GATHER);
    });
    source.onerror = () => {
      source?.close();
      publish({ state: 'lost' });
      if (!stopped) retry = setTimeout(open, (delay = Math.min(delay * 2, 30_000)));
    };
  };
  open();
  return () => {
    stopped = true;
    source?.close();
    clearTimeout(retry);
    clearTimeout(timer);
    clearTimeout(later);
  };
}
