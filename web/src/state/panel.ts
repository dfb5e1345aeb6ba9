/** Opening the side panel from a point, a bar or a change. */
import { useCallback } from 'react';
import { useView } from './useView';
import { writeFilter, type Tab } from './view';

export interface Target {
  metric: string;
  period?: string | undefined;
  against?: string | undefined;
  tab?: Tab;
  dimensions?: Record<string, string | null>;
  split?: string;
}

export function useOpenPanel(): (target: Target) => void {
  const { set } = useView();
  return useCallback(
    ({ metric, period, against, tab, dimensions, split }: Target) => {
      const only = Object.entries(dimensions ?? {})
        .filter((pair): pair is [string, string] => typeof pair[1] === 'string' && pair[1] !== '')
        .map(([dim, value]) => writeFilter({ dim, not: false, values: [value] }));
      set({ open: metric, period, against, tab: tab === 'why' ? undefined : tab, only: only.length ? only : undefined, split, page: undefined, people: undefined });
    },
    [set],
  );
}
