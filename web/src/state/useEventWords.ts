/** Names of events and steps as a reader sees them: their own label where they have one, such as steps of the ledger. */
import { useCallback, useMemo } from 'react';
import { useNames } from '../api/events';
import { useI18n } from '../i18n/context';
import { eventLabel, stepLabel } from './step';

export function useEventName(): (event: string) => string {
  const { text } = useI18n();
  const names = useNames().data;
  const labels = useMemo(() => new Map((names ?? []).flatMap((n) => (n.label ? [[n.event, text(n.label)] as const] : []))), [names, text]);
  return useCallback((event) => labels.get(event) || eventLabel(event), [labels]);
}

export function useStepWords(): (step: string) => string {
  const { t } = useI18n();
  const nameOf = useEventName();
  return useCallback((step) => stepLabel(step, t('step.any'), t('step.contains'), nameOf), [t, nameOf]);
}
