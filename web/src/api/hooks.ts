/** The questions the pages ask, each cached under the metrics it depends on so that live changes refetch only those. */
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { ApiError, get, type Params } from './client';
import type {
  Changes, CustomerList, CustomerPage, Dashboard, Explain, ImportRun, Metric, MetricDetail, QueryResult, RecordPage, Reject, Release, Rows, Segment, Setting, Unit, Workspace,
} from './types';

const slow = 5 * 60_000;

/** Durations are averages of seconds, though definitions have no such unit and call them counts. */
export const unitOf = (metric: string, unit: Unit): Unit => (unit === 'count' && metric.endsWith('_duration') ? 'seconds' : unit);
const measured = (r: QueryResult): QueryResult => ({ ...r, series: r.series.map((s) => ({ ...s, unit: unitOf(s.metric, s.unit) })) });

export const useWorkspace = () =>
  useQuery({ queryKey: ['workspace'], queryFn: ({ signal }) => get<Workspace>('/workspace', {}, signal), staleTime: 30_000 });

export const useMetrics = () =>
  useQuery({ queryKey: ['catalog'], queryFn: ({ signal }) => get<{ metrics: Metric[] }>('/metrics', {}, signal).then((r) => r.metrics.map((m) => ({ ...m, unit: unitOf(m.name, m.unit) }))), staleTime: slow });

/**
 * Names of the properties that events were seen with, those of frequent events first; each is a dimension `event.NAME` of figures
 * over events. The same question as that of the pages over events.
 */
export const useProperties = (enabled: boolean) =>
  useQuery({
    queryKey: ['events', '/events/names', {}],
    queryFn: ({ signal }) => get<{ names: { kind?: string; properties: string[] }[] }>('/events/names', {}, signal),
    select: (r) => [...new Set(r.names.filter((n) => n.kind !== 'fact').flatMap((n) => n.properties))].filter((p) => /^[\w.$-]+$/.test(p)),
    staleTime: 60_000,
    enabled,
  });

export const useMetricDetail = (name: string | undefined) =>
  useQuery({
    queryKey: ['catalog', name],
    queryFn: ({ signal }) => get<MetricDetail>(`/metrics/${encodeURIComponent(name ?? '')}`, {}, signal),
    enabled: Boolean(name),
    staleTime: slow,
  });

export interface QueryArgs {
  metrics: string[];
  params: Params;
  enabled?: boolean;
}

/** `/query`; the second element of the key is the list of metrics, by which live changes find it. */
export const useFigures = ({ metrics, params, enabled = true }: QueryArgs) =>
  useQuery({
    queryKey: ['figures', metrics, params],
    queryFn: ({ signal }): Promise<QueryResult> => get<QueryResult>('/query', { metrics: metrics.join(','), ...params }, signal).then(measured),
    placeholderData: keepPreviousData,
    enabled: enabled && metrics.length > 0,
  });

/**
 * Many metrics in one question; when one of them cannot be computed, each is asked alone, so that the others are shown
 * and the one says what is wrong.
 */
export function useFigureSet({ metrics, params, enabled = true }: QueryArgs) {
  const all = useFigures({ metrics, params, enabled });
  const refused = all.error instanceof ApiError && metrics.length > 1;
  const each = useQueries({
    queries: (refused ? metrics : []).map((metric) => ({
      queryKey: ['figures', [metric], params, 'alone'],
      queryFn: ({ signal }: { signal: AbortSignal }) => get<QueryResult>('/query', { metrics: metric, ...params }, signal).then(measured),
    })),
  });
  if (!refused) return { data: all.data, error: all.error, isPlaceholderData: all.isPlaceholderData, refetch: all.refetch, failed: new Map<string, unknown>() };
  const found = each.flatMap((q) => (q.data ? [q.data] : []));
  const failed = new Map<string, unknown>();
  each.forEach((q, i) => q.error && failed.set(metrics[i]!, q.error));
  const first = found[0];
  const waiting = each.some((q) => q.isPending);
  const data = first && !waiting ? { ...first, series: found.flatMap((f) => f.series) } : undefined;
  return { data, error: !data && !waiting ? all.error : null, isPlaceholderData: false, refetch: all.refetch, failed };
}

export const useExplain = (metric: string | undefined, params: Params, enabled = true) =>
  useQuery({
    queryKey: ['figures', [metric], 'explain', params],
    queryFn: ({ signal }): Promise<Explain> => get<Explain>('/explain', { metric, ...params }, signal).then((x) => ({ ...x, unit: unitOf(x.metric, x.unit) })),
    placeholderData: keepPreviousData,
    enabled: Boolean(metric) && enabled,
  });

export const useRows = (metric: string | undefined, params: Params, enabled = true) =>
  useQuery({
    queryKey: ['figures', [metric], 'rows', params],
    queryFn: ({ signal }) => get<Rows>('/rows', { metric, ...params }, signal),
    placeholderData: keepPreviousData,
    enabled: Boolean(metric) && enabled,
  });

export const useChanges = (params: Params) =>
  useQuery({ queryKey: ['changes', params], queryFn: ({ signal }) => get<Changes>('/changes', params, signal), placeholderData: keepPreviousData });

export const useReleases = () =>
  useQuery({ queryKey: ['releases'], queryFn: ({ signal }) => get<{ releases: Release[] }>('/releases', {}, signal).then((r) => r.releases), staleTime: slow });

export const useCustomers = (params: Params, enabled = true) =>
  useQuery({ queryKey: ['customers', params], queryFn: ({ signal }) => get<CustomerList>('/customers', params, signal), placeholderData: keepPreviousData, enabled });

export const useCustomer = (id: string) =>
  useQuery({ queryKey: ['customer', id], queryFn: ({ signal }) => get<CustomerPage>(`/customers/${encodeURIComponent(id)}`, {}, signal) });

export const useRecord = (table: string, entity: string, key: string) =>
  useQuery({
    queryKey: ['record', table, entity, key],
    queryFn: ({ signal }) => get<RecordPage>(`/records/${[table, entity, key].map(encodeURIComponent).join('/')}`, {}, signal),
  });

export const useImports = () =>
  useQuery({
    queryKey: ['imports'],
    queryFn: ({ signal }) => get<{ imports: ImportRun[] }>('/imports', {}, signal).then((r) => r.imports),
    refetchInterval: (q) => (q.state.data?.some((i) => isRunning(i.state)) ? 700 : false),
  });

export const useImportRun = (id: string | null) =>
  useQuery({
    queryKey: ['imports', id],
    queryFn: ({ signal }) => get<ImportRun>(`/imports/${encodeURIComponent(id ?? '')}`, {}, signal),
    enabled: Boolean(id),
    refetchInterval: (q) => (q.state.data && !isRunning(q.state.data.state) ? false : 500),
  });

export const isRunning = (state: string): boolean => !['done', 'failed', 'finished', 'error', 'cancelled', 'canceled', 'interrupted'].includes(state);

export const useRejects = (params: Params) =>
  useQuery({ queryKey: ['rejects', params], queryFn: ({ signal }) => get<{ rejects: Reject[]; total: number; open: number }>('/rejects', params, signal), placeholderData: keepPreviousData });

export const useSettings = () => useQuery({ queryKey: ['settings'], queryFn: ({ signal }) => get<{ settings: Setting[] }>('/settings', {}, signal) });

export const useDashboard = (name: string) =>
  useQuery({ queryKey: ['dashboard', name], queryFn: ({ signal }) => get<Dashboard>(`/dashboards/${name}`, {}, signal), staleTime: slow });

/** Saved segments; a server without them has none. */
export const useSegments = (enabled = true) =>
  useQuery({
    queryKey: ['segments'],
    queryFn: ({ signal }) =>
      get<{ segments: Segment[] }>('/segments', {}, signal)
        .then((r) => r.segments)
        .catch((error: unknown) => {
          if (error instanceof ApiError && error.status === 404) return [] as Segment[];
          throw error;
        }),
    staleTime: slow,
    enabled,
  });
