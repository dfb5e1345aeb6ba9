/** Light or dark: stored, else as the system says. */
import { useSyncExternalStore } from 'react';
import type { Scheme } from '../charts/colours';

const STORE = 'burgeon.scheme';
const listeners = new Set<() => void>();
const system = (): Scheme => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
function read(): Scheme {
  const stored = localStorage.getItem(STORE);
  return stored === 'light' || stored === 'dark' ? stored : system();
}
let current: Scheme = read();

export function setScheme(scheme: Scheme): void {
  localStorage.setItem(STORE, scheme);
  current = scheme;
  document.documentElement.setAttribute('data-mantine-color-scheme', scheme);
  for (const listener of listeners) listener();
}
export const toggleScheme = (): void => setScheme(current === 'dark' ? 'light' : 'dark');

export const useScheme = (): Scheme =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
