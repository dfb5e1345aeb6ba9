/** The period that is explained when none was named. */
import { labelOf, startOf, step } from './dates';
import { useView } from './useView';

export function usePeriodDefault(): string {
  const { span, today } = useView();
  const running = startOf(today, span.grain);
  const last = startOf(span.to, span.grain);
  // The last complete period inside the range; the running one is partial.
  const start = last >= running ? step(running, span.grain, -1) : last;
  return labelOf(start, span.grain);
}
