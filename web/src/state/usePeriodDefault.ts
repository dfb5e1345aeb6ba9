/** The period that is explained when none was named: the last complete one inside the range. */
import type { Grain } from '../api/types';
import { labelOf, startOf, step } from './dates';
import { useView } from './useView';

export function usePeriodDefault(wanted?: Grain): string {
  const { span, today, weekStart } = useView();
  const grain = wanted ?? span.grain;
  const running = startOf(today, grain, weekStart);
  const last = startOf(span.to, grain, weekStart);
  return labelOf(last >= running ? step(running, grain, -1) : last, grain);
}
