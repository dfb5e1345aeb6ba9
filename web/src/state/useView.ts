/** The view of the address, resolved against the workspace: dates, grain, parameters of the API. */
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { useWorkspace } from '../api/hooks';
import type { Params } from '../api/client';
import { dayIn, type Day } from './dates';
import { carried, shifted, spanOf, type Comparison, type Search, type Span } from './view';

export interface View {
  search: Search;
  span: Span;
  today: Day;
  weekStart: 0 | 1;
  compare: Comparison;
  /** What `/query` understands as a comparison; another segment is a second question. */
  compareParam: 'previous' | 'year_ago' | undefined;
  /** The filters of the segment that is compared with. */
  versus: string[];
  currency: string;
  where: string[];
  /** Parameters of `/query` for this view. */
  params: Params;
  set: (patch: Partial<Search>, options?: { replace?: boolean }) => void;
  shift: (direction: -1 | 1) => void;
  /** The part that goes along to another page. */
  carry: Search;
}

const SUNDAY = /^sun/i;

export function useView(): View {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const workspace = useWorkspace().data;

  const set = useCallback(
    (patch: Partial<Search>, options?: { replace?: boolean }) => {
      void navigate({
        to: '.',
        search: ((old: Search) => {
          const next = { ...old, ...patch };
          if (patch.range && patch.range !== 'own') delete next.from, delete next.to;
          return Object.fromEntries(Object.entries(next).filter(([, v]) => v !== undefined && v !== '' && !(Array.isArray(v) && v.length === 0)));
        }) as never,
        replace: options?.replace ?? false,
        resetScroll: false,
      } as never);
    },
    [navigate],
  );

  return useMemo(() => {
    const today = workspace ? dayIn(workspace.now, workspace.timezone) : new Date().toISOString().slice(0, 10);
    const first = workspace?.data_from ? dayIn(workspace.data_from, workspace.timezone) : null;
    const weekStart = workspace && SUNDAY.test(workspace.week_start) ? 0 : 1;
    const span = spanOf(search, today, first, weekStart);
    const versus = search.versus ?? [];
    const compare: Comparison = versus.length ? 'segment' : (search.compare ?? 'previous');
    const currency = search.currency ?? workspace?.currency ?? 'USD';
    const where = search.where ?? [];
    const params: Params = { grain: span.grain, from: span.from, to: span.to, where, currency: search.currency };
    return {
      search, span, today, weekStart, compare, compareParam: compare === 'previous' || compare === 'year_ago' ? compare : undefined, versus, currency, where, params, set, carry: carried(search),
      shift: (direction: -1 | 1) => {
        const next = shifted(span, direction, today);
        if (next) set({ ...next, grain: span.grain });
      },
    };
  }, [search, workspace, set]);
}
