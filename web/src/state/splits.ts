/** Dimensions that are worth splitting by, in the order of usefulness. */
import type { Metric } from '../api/types';

const FIRST = ['movement', 'plan', 'reason', 'channel', 'country', 'interval', 'currency'];
const IDENTITIES = new Set(['name', 'email', 'customer_id', 'subscription_id']);

export function splitChoices(metric: Pick<Metric, 'dimensions'> | undefined): string[] {
  const names = (metric?.dimensions ?? []).map((d) => d.name).filter((n) => !IDENTITIES.has(n));
  return names.sort((a, b) => (FIRST.indexOf(a) + 1 || 99) - (FIRST.indexOf(b) + 1 || 99));
}
