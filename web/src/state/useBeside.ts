/** What figures are compared with: an earlier range, the same range a year ago, or another segment. */
import { useMemo } from 'react';
import { useFigures, useSegments, type QueryArgs } from '../api/hooks';
import type { Params } from '../api/client';
import type { QueryResult } from '../api/types';
import { useI18n } from '../i18n/context';
import { useView } from './useView';
import { earlier, readFilter } from './view';

/** The name of the saved segment with just these filters, else the filters themselves. */
export function useSegmentName(where: string[]): string {
  const { dim } = useI18n();
  const saved = useSegments(where.length > 0).data;
  const key = [...where].sort().join('\n');
  const known = saved?.find((s) => [...s.filter].sort().join('\n') === key);
  return known?.name ?? where.map((w) => readFilter(w)).map((f) => (f ? `${f.not ? '≠ ' : ''}${f.values.map((v) => dim(f.dim, v)).join(', ')}` : '')).join(' · ');
}

export interface Beside {
  /** What differs in the question. */
  params: Params;
  label: string;
}

/** The second question of pages that ask the same thing twice; null when nothing is compared. */
export function useBesideParams(): Beside | null {
  const { t, date } = useI18n();
  const view = useView();
  const name = useSegmentName(view.versus);
  const { compare, span, versus, where } = view;
  return useMemo(() => {
    if (compare === 'none') return null;
    if (compare === 'segment') return { params: { from: span.from, to: span.to, where: versus }, label: name };
    const range = earlier(span, compare);
    return { params: { ...range, where }, label: `${t(`compare.${compare}`)} (${date(range.from)} – ${date(range.to)})` };
  }, [compare, span, versus, where, name, t, date]);
}

const same = (a: Record<string, string | null>, b: Record<string, string | null>): boolean => Object.entries(a).every(([k, v]) => b[k] === v);

/** Puts the figures of another segment where a comparison stands. */
export function beside(own: QueryResult, other: QueryResult): QueryResult {
  return {
    ...own,
    compare_periods: other.periods,
    series: own.series.map((s) => ({ ...s, compare: other.series.find((o) => o.metric === s.metric && same(o.dimensions, s.dimensions))?.values ?? null })),
  };
}

/** The same figures of the other segment, when one is compared with. */
export function useOther(args: QueryArgs): QueryResult | undefined {
  const view = useView();
  const asked = view.compare === 'segment' && (args.enabled ?? true);
  const query = useFigures({ metrics: args.metrics, params: { ...args.params, where: view.versus, compare: undefined }, enabled: asked });
  return asked ? query.data : undefined;
}

export function useFiguresBeside(args: QueryArgs) {
  const query = useFigures(args);
  const other = useOther(args);
  const data = useMemo(() => (query.data && other ? beside(query.data, other) : query.data), [query.data, other]);
  return { data, error: query.error, isPlaceholderData: query.isPlaceholderData, refetch: query.refetch };
}
