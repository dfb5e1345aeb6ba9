/** Shapes and questions of events and persons under `/api/v1`. Loaded with the pages that ask them. */
import { keepPreviousData, useInfiniteQuery, useQueries, useQuery } from '@tanstack/react-query';
import { ApiError, get, type Params } from './client';
import type { Period, RecordRef, Text } from './types';

/** An event name that arrived, or a step of the ledger such as a first payment. */
export interface EventName {
  event: string;
  /** Steps of the ledger can stand in funnels beside events; absent means an event. */
  kind?: 'event' | 'fact';
  label?: Text | null;
  count: number;
  persons: number;
  first_at: string | null;
  last_at: string | null;
  properties: string[];
  meanings: string[];
}

export interface EventRow {
  event_id: string;
  event: string;
  at: string;
  person_id: string;
  /** Name of the person, where it is known. */
  person_name?: string | null;
  customer_id: string | null;
  channel: string | null;
  path: string | null;
  source: string | null;
  country: string | null;
  device: string | null;
  properties: Record<string, unknown> | null;
}

export interface EventPage {
  events: EventRow[];
  /** Where the next page begins; null at the end. */
  cursor: string | null;
}

export interface LiveNow {
  now: { on_site: number; in_product: number };
  minutes: { at: string; events: number; persons: number }[];
  pages: { path: string; persons: number }[];
  events: EventRow[];
}

export interface Meaning {
  name: string;
  label: Text;
  /** Any of these steps counts. */
  steps: string[];
  /** How often within `within`; 1 when absent. */
  at_least: number | null;
  within?: string | null;
  builtin: boolean;
}

export interface FunnelGroup {
  value: string | null;
  /** How many reached each step. */
  people: number[];
  /** Median seconds from the step before (or from the first, as asked), null where nobody came. */
  median_seconds: (number | null)[];
}

export interface FunnelAnswer {
  steps: { step: string }[];
  groups: FunnelGroup[];
  as_of: string;
}

export interface RetentionCohort {
  cohort: string;
  /** The group, when divided by a dimension. */
  value?: string | null;
  size: number;
  /** How many came back in each period since; the first is the period of the beginning. */
  people: number[];
}

export interface RetentionAnswer {
  cohorts: RetentionCohort[];
  as_of: string;
}

export interface PathsAnswer {
  /** The most travelled sequences within a visit; shorter ones ended there. A person may go the same way in several visits. */
  paths: { events: string[]; people: number; visits: number }[];
  as_of: string;
}

export const LIFE = ['new', 'returning', 'resurrecting', 'dormant'] as const;
export type Life = (typeof LIFE)[number];

export interface LifecycleAnswer {
  periods: Period[];
  series: { state: Life; values: number[] }[];
  as_of: string;
}

export interface StickinessAnswer {
  /** How many persons were active on just so many days of the span. */
  days: { days: number; people: number }[];
  span: number;
  as_of: string;
}

export interface PersonHead {
  person_id: string;
  name: string | null;
  email: string | null;
  customer_id: string | null;
  customer_name?: string | null;
  country?: string | null;
  channel?: string | null;
  first_at?: string | null;
  last_at: string | null;
  events?: number;
}

export interface PeopleAnswer {
  people: PersonHead[];
  total: number;
}

export interface PersonsAnswer {
  persons: PersonHead[];
  total: number;
  cursor: string | null;
}

export interface Identifier {
  id: string;
  /** main, identify or alias. */
  kind: string;
  /** What it was linked to. */
  to?: string | null;
  at: string | null;
}

export interface PersonEvent {
  at: string;
  kind: 'event';
  event_id: string;
  event: string;
  path: string | null;
  channel: string | null;
  source: string | null;
  device: string | null;
  country: string | null;
  properties: Record<string, unknown> | null;
}

/** Something of the customer: a movement, an invoice, a payment. */
export interface PersonRecord {
  at: string;
  /** The table, or `movement`; never `event`. */
  kind: string;
  title_key: string;
  params: Record<string, unknown>;
  amount: number | null;
  currency: string | null;
  record: RecordRef | null;
}

export type PersonItem = PersonEvent | PersonRecord;
export const isEvent = (item: PersonItem): item is PersonEvent => item.kind === 'event';

export interface PersonPage {
  person: {
    person_id: string;
    name: string | null;
    email: string | null;
    traits: Record<string, unknown>;
    identifiers: Identifier[];
    customer: { customer_id: string; name: string | null; plan: string | null; mrr: number | null; currency: string; status: string } | null;
    first_at: string | null;
    last_at: string | null;
    events: number;
    channel: string | null;
    country: string | null;
    device?: string | null;
  };
  timeline: PersonItem[];
  cursor: string | null;
  as_of: string;
}

export interface UsageAnswer {
  customers: { customer_id: string; name: string | null; now: number; before: number; change: number | null }[];
  total: number;
  as_of: string;
}

export interface SavedView {
  name: string;
  page: string;
  query: string;
}

export interface WriteKey {
  key_id: string;
  name: string;
  key: string;
  /** Sites whose Plausible scripts send with it: they name a domain in place of a key. */
  domains?: string[];
  created_at: string;
  last_used_at: string | null;
  revoked_at: string | null;
}

/** Every key of the cache begins with `events`, by which live changes find it; the live page has its own. */
const asked = <T>(path: string, params: Params, enabled = true) =>
  ({
    queryKey: ['events', path, params],
    queryFn: ({ signal }: { signal: AbortSignal }) => get<T>(path, params, signal),
    placeholderData: keepPreviousData,
    enabled,
  }) as const;

export const useNames = (enabled = true) => useQuery({ ...asked<{ names: EventName[] }>('/events/names', {}, enabled), staleTime: 60_000, select: (r) => r.names });
export const useRecent = (params: Params, enabled = true) => useQuery(asked<EventPage>('/events/recent', params, enabled));
export const useLive = (running: boolean) =>
  useQuery({ queryKey: ['live', running], queryFn: ({ signal }) => get<LiveNow>('/events/live', {}, signal), placeholderData: keepPreviousData, enabled: running, refetchInterval: running ? 10_000 : false, staleTime: 0 });
export const useMeanings = () => useQuery({ ...asked<{ meanings: Meaning[] }>('/meanings', {}), select: (r) => r.meanings, staleTime: 60_000 });
export const useFunnel = (params: Params, enabled = true) => useQuery(asked<FunnelAnswer>('/funnel', params, enabled));
/** The same funnel for each of some periods; these are not asked anew with every event. */
export const useFunnelTrend = (params: Params, spans: readonly { from: string; to: string }[], enabled: boolean) =>
  useQueries({
    queries: spans.map((span) => ({
      queryKey: ['trend', '/funnel', params, span],
      queryFn: ({ signal }: { signal: AbortSignal }) => get<FunnelAnswer>('/funnel', { ...params, ...span }, signal),
      staleTime: 5 * 60_000,
      enabled,
    })),
  });
export const useRetention = (params: Params, enabled = true) => useQuery(asked<RetentionAnswer>('/retention', params, enabled));
export const usePaths = (params: Params, enabled = true) => useQuery(asked<PathsAnswer>('/paths', params, enabled));
export const useLifecycle = (params: Params, enabled = true) => useQuery(asked<LifecycleAnswer>('/lifecycle', params, enabled));
export const useStickiness = (params: Params, enabled = true) => useQuery(asked<StickinessAnswer>('/stickiness', params, enabled));
export const useUsage = (params: Params, enabled = true) => useQuery(asked<UsageAnswer>('/usage', params, enabled));
export const usePeople = (params: Params) => useQuery(asked<PeopleAnswer>('/people', params));
export const useKeys = () => useQuery({ queryKey: ['keys'], queryFn: ({ signal }) => get<{ keys: WriteKey[] }>('/keys', {}, signal), select: (r) => r.keys });
export const useViews = (enabled = true) =>
  useQuery({ queryKey: ['views'], queryFn: ({ signal }) => get<{ views: SavedView[] }>('/views', {}, signal), select: (r) => r.views, enabled, retry: (n, e) => !(e instanceof ApiError) && n < 2 });

export const usePersons = (params: Params, enabled = true) =>
  useInfiniteQuery({
    queryKey: ['events', '/persons', params],
    queryFn: ({ pageParam, signal }) => get<PersonsAnswer>('/persons', { ...params, after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.cursor,
    placeholderData: keepPreviousData,
    enabled,
  });

export const usePerson = (id: string, enabled: boolean) =>
  useInfiniteQuery({
    enabled,
    queryKey: ['events', '/persons', id],
    queryFn: ({ pageParam, signal }) => get<PersonPage>(`/persons/${encodeURIComponent(id)}`, { after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.cursor,
  });
