/** Dimensions by which questions about events can be divided: those of visitors and of active people. */
import { useMemo } from 'react';
import { useMetrics } from '../api/hooks';
import { useI18n } from '../i18n/context';
import { splitChoices } from './splits';

const SOURCES = ['visitors', 'mau', 'dau', 'events'];

export function useSplits(): { choices: { value: string; label: string }[]; label: (dimension: string) => string } {
  const { dimName } = useI18n();
  const catalog = useMetrics().data;
  return useMemo(() => {
    const seen = new Map<string, string>();
    for (const name of SOURCES) {
      const m = catalog?.find((x) => x.name === name);
      for (const d of splitChoices(m)) if (!seen.has(d) && d !== 'event') seen.set(d, dimName(d, m?.dimensions.find((x) => x.name === d)?.label));
    }
    return { choices: [...seen].map(([value, label]) => ({ value, label })), label: (d) => seen.get(d) ?? d };
  }, [catalog, dimName]);
}
