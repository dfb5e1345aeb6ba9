/** What the pages of behaviour begin with when the address names nothing: the meanings, else what most people do. Pure. */
import type { EventName, Meaning } from '../api/events';
import { readStep } from './step';

const JOURNEY = ['page_view', 'signup', 'trial', 'activation'];
/** The way of a customer ends where money comes in. */
const PAID = 'fact:first_payment';

/** The first step of a meaning whose event was seen. */
export function stepOf(meanings: readonly Meaning[], name: string, names: readonly EventName[]): string | null {
  const seen = new Set(names.filter((n) => n.count > 0).map((n) => n.event));
  return meanings.find((m) => m.name === name)?.steps.find((s) => { const step = readStep(s); return step !== null && (step.event === '*' || seen.has(step.event)); }) ?? null;
}

export function defaultSteps(meanings: readonly Meaning[], names: readonly EventName[]): string[] {
  const steps = [...new Set(JOURNEY.map((m) => stepOf(meanings, m, names)).filter((s): s is string => s !== null))];
  if (steps.length > 1) return names.some((n) => n.event === PAID && n.count > 0) ? [...steps, PAID] : steps;
  const common = [...names].filter((n) => n.kind !== 'fact' && n.count > 0).sort((a, b) => b.persons - a.persons).map((n) => n.event);
  return [...new Set([...steps, ...common])].slice(0, 3);
}

/** What begins a cohort and what counts as coming back. */
export function defaultRetention(meanings: readonly Meaning[], names: readonly EventName[]): { first: string; back: string } {
  const first = stepOf(meanings, 'signup', names) ?? '*';
  return { first, back: stepOf(meanings, 'active', names) ?? '*' };
}
