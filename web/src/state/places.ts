import type { IconName } from '../components/Icon';
import type { Key } from '../i18n/core';

/** A page of the rail: address, name, icon, and the letter after `g`. */
export interface Place {
  to: string;
  key: Key;
  icon: IconName;
  letter: string;
}

/** The rail, grouped by question. */
export const GROUPS: { key: Key; places: Place[]; needs?: string; empty?: Key }[] = [
  { key: 'rail.today', places: [{ to: '/', key: 'page.pulse', icon: 'pulse', letter: 'p' }] },
  { key: 'rail.revenue', places: [{ to: '/revenue', key: 'page.revenue', icon: 'revenue', letter: 'r' }], needs: 'subscription_changes', empty: 'rail.revenue.empty' },
  { key: 'rail.success', places: [{ to: '/retention', key: 'page.retention', icon: 'retention', letter: 't' }], needs: 'subscription_changes', empty: 'rail.success.empty' },
  { key: 'rail.customers', places: [{ to: '/customers', key: 'page.customers', icon: 'customers', letter: 'c' }], needs: 'customers', empty: 'rail.customers.empty' },
  { key: 'rail.workspace', places: [{ to: '/definitions', key: 'page.definitions', icon: 'definitions', letter: 'd' }, { to: '/data', key: 'page.data', icon: 'data', letter: 'i' }, { to: '/settings', key: 'page.settings', icon: 'settings', letter: 's' }] },
];
export const PLACES = GROUPS.flatMap((g) => g.places);
