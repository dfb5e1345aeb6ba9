/** Small choices of a page, kept together in `view` as `prefix-value` joined by dots: they need no names of their own. */
import { useView } from './useView';

export const readToken = (view: string | undefined, prefix: string): string | undefined => view?.split('.').find((t) => t.startsWith(`${prefix}-`))?.slice(prefix.length + 1);

export function writeToken(view: string | undefined, prefix: string, value: string | undefined): string | undefined {
  const rest = (view ?? '').split('.').filter((t) => t && !t.startsWith(`${prefix}-`));
  return [...rest, ...(value ? [`${prefix}-${value}`] : [])].join('.') || undefined;
}

export function useToken(prefix: string): [string | undefined, (value: string | undefined) => void] {
  const { search, set } = useView();
  return [readToken(search.view, prefix), (value) => set({ view: writeToken(search.view, prefix, value) }, { replace: true })];
}
