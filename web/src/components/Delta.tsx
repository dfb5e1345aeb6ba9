import type { Better, Unit } from '../api/types';
import { useI18n } from '../i18n/context';

/** Good, bad or neither, by what is better for the metric; never told by colour alone. */
export function tone(direction: 'up' | 'down' | 'flat', better: Better | undefined): 'good' | 'bad' | 'neutral' {
  if (direction === 'flat' || !better || better === 'neutral') return 'neutral';
  return (direction === 'up') === (better === 'higher') ? 'good' : 'bad';
}

export function Delta({ before, after, unit, better }: { before: number | null; after: number | null; unit: Unit; better?: Better | undefined }) {
  const { delta, t } = useI18n();
  const d = delta(before, after, unit);
  if (!d) return null;
  const kind = tone(d.direction, better);
  return (
    <span className={`delta ${kind}`}>
      <span aria-hidden="true">{d.direction === 'up' ? '▲' : d.direction === 'down' ? '▼' : '■'}</span> <span>{t(`delta.${d.direction}`)}</span> {d.text}
      {kind === 'neutral' ? null : <span className="sr-only"> ({t(`delta.${kind}`)})</span>}
    </span>
  );
}
