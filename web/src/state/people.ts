/** Whose people are listed beside a page: pairs that complete the page's own question to `/people`. */
import { useCallback, useMemo } from 'react';
import { useView } from './useView';

export type Pick = Record<string, string>;

export const writePick = (pick: Pick): string => new URLSearchParams(pick).toString();
export const readPick = (text: string | undefined): Pick | null => (text ? Object.fromEntries(new URLSearchParams(text)) : null);

export function usePick(): { pick: Pick | null; open: (pick: Pick) => void; close: () => void } {
  const { search, set } = useView();
  const pick = useMemo(() => readPick(search.people), [search.people]);
  const open = useCallback((next: Pick) => set({ people: writePick(next), open: undefined }), [set]);
  const close = useCallback(() => set({ people: undefined }), [set]);
  return { pick, open, close };
}

/** The pairs that name one group of a division; a group without a value is named as such. */
export const groupPick = (by: string, value: string | null): Pick => (value === null ? { by, none: 'true' } : { by, value });
