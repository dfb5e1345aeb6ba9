/** Dimensions that are worth splitting by, in the order of usefulness. */
import type { Metric } from '../api/types';

const FIRST = ['movement', 'plan', 'reason', 'channel', 'country', 'interval', 'currency'];
const IDENTITIES = new Set(['name', 'email', 'customer_id', 'subscription_id', 'scheduled', 'is_transfer', 'movement_id', 'change_key']);

export const isIdentity = (dimension: string): boolean => IDENTITIES.has(dimension) || dimension.endsWith('_id');

export function splitChoices(metric: Pick<Metric, 'dimensions'> | undefined): string[] {
  const names = (metric?.dimensions ?? []).map((d) => d.name).filter((n) => !isIdentity(n));
  return names.sort((a, b) => (FIRST.indexOf(a) + 1 || 99) - (FIRST.indexOf(b) + 1 || 99));
}
