/** Who was new, stayed, came back and went quiet, beside another range or segment. Pure. */
import { LIFE, type Life, type LifecycleAnswer } from '../api/events';
import type { Colours } from './colours';
import type { Figure } from './figure';

const colourOf = (c: Colours): Record<Life, string> => ({ new: c.movement.new, returning: c.movement.expansion, resurrecting: c.movement.reactivation, dormant: c.movement.churn });

/** Who went quiet stands below the line, so its figures are negative; the other answer is told period by period from the first. */
export function lifecycleFigure(own: LifecycleAnswer, other: LifecycleAnswer | undefined, name: (state: Life) => string, c: Colours): Figure {
  const colours = colourOf(c);
  const signed = (state: Life, v: number): number => (state === 'dormant' ? -Math.abs(v) : v);
  const lines = LIFE.flatMap((state) => {
    const s = own.series.find((x) => x.state === state);
    if (!s) return [];
    const old = other?.series.find((x) => x.state === state)?.values;
    const compare = old ? own.periods.map((_, i) => (old[i] === undefined ? null : signed(state, old[i]))) : null;
    return [{ key: state, name: name(state), metric: state, unit: 'count' as const, values: s.values.map((v) => signed(state, v)), reasons: [], compare, dimensions: {}, colour: colours[state] }];
  });
  return { periods: own.periods, comparePeriods: other?.periods ?? null, lines, currency: '' };
}

/** The heights of the other answer's stacks: who was active, and who no longer was. */
export function stacksBefore(figure: Figure): { active: (number | null)[]; quiet: (number | null)[] } {
  const sum = (lines: Figure['lines']): (number | null)[] =>
    figure.periods.map((_, i) => {
      const known = lines.map((l) => l.compare?.[i]).filter((v): v is number => v !== null && v !== undefined);
      return known.length ? known.reduce((a, b) => a + b, 0) : null;
    });
  return { active: sum(figure.lines.filter((l) => l.key !== 'dormant')), quiet: sum(figure.lines.filter((l) => l.key === 'dormant')) };
}
