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
  { key: 'rail.today', places: [{ to: '/', key: 'page.pulse', icon: 'pulse', letter: 'p' }, { to: '/live', key: 'page.live', icon: 'live', letter: 'l' }] },
  { key: 'rail.acquisition', places: [{ to: '/traffic', key: 'page.traffic', icon: 'traffic', letter: 'a' }], needs: 'events', empty: 'rail.acquisition.empty' },
  {
    key: 'rail.product',
    places: [
      { to: '/product', key: 'page.product', icon: 'product', letter: 'u' },
      { to: '/funnels', key: 'page.funnels', icon: 'funnel', letter: 'f' },
      { to: '/user-retention', key: 'page.userRetention', icon: 'comeback', letter: 'b' },
      { to: '/paths', key: 'page.paths', icon: 'paths', letter: 'h' },
    ],
    needs: 'events',
    empty: 'rail.product.empty',
  },
  { key: 'rail.success', places: [{ to: '/retention', key: 'page.retention', icon: 'retention', letter: 't' }], needs: 'subscription_changes', empty: 'rail.success.empty' },
  { key: 'rail.revenue', places: [{ to: '/revenue', key: 'page.revenue', icon: 'revenue', letter: 'r' }], needs: 'subscription_changes', empty: 'rail.revenue.empty' },
  { key: 'rail.who', places: [{ to: '/customers', key: 'page.customers', icon: 'customers', letter: 'c' }, { to: '/persons', key: 'page.persons', icon: 'person', letter: 'o' }] },
  {
    key: 'rail.workspace',
    places: [
      { to: '/definitions', key: 'page.definitions', icon: 'definitions', letter: 'd' },
      { to: '/events', key: 'page.events', icon: 'events', letter: 'e' },
      { to: '/data', key: 'page.data', icon: 'data', letter: 'i' },
      { to: '/settings', key: 'page.settings', icon: 'settings', letter: 's' },
    ],
  },
];
export const PLACES = GROUPS.flatMap((g) => g.places);
