/** Cohorts as a table whose cells are coloured by the share that is left. */
import { averageCurve } from '../charts/curve';
import type { CohortRow } from '../charts/figure';
import { useI18n } from '../i18n/context';

interface Props {
  rows: CohortRow[];
  unit: 'count' | 'money';
  title: string;
  /** Heads of the first two columns. */
  heads: [string, string];
  name?: (cohort: string) => string;
  onOpen: (cohort: string, age: number) => void;
}

export function Heat({ rows, unit, title, heads, name, onOpen }: Props) {
  const { t, value, period } = useI18n();
  const label = name ?? ((cohort: string) => period(cohort));
  const average = averageCurve(rows);
  const widest = Math.max(0, ...rows.map((r) => r.shares.length));
  const cell = (v: number | null, running: boolean, about: string, key: number, act?: () => void) => {
    // Full retention is the deepest colour; above 100 % the accent grows no further, the number tells.
    const depth = v === null ? 0 : Math.max(0.04, Math.min(1, v)) ** 1.6;
    const body = v === null ? '' : value(v, 'percent').replace(/([.,]\d)/, (m) => (v >= 1 ? '' : m));
    return (
      <td key={key} className={running ? 'running' : undefined} style={v === null ? undefined : { background: `color-mix(in srgb, var(--accent) calc(var(--heat) * ${depth.toFixed(3)}), var(--surface))` }}>
        {act && v !== null ? <button type="button" title={about} onClick={act}>{body}</button> : body}
      </td>
    );
  };
  return (
    <div className="scroll heat" tabIndex={0}>
      <table>
        <caption className="sr-only">{title}</caption>
        <thead>
          <tr>
            <th scope="col">{heads[0]}</th>
            <th scope="col" className="num">{heads[1]}</th>
            {Array.from({ length: widest }, (_, k) => <th key={k} scope="col">{k}</th>)}
          </tr>
        </thead>
        <tbody>
          {rows.map((r) => (
            <tr key={r.cohort}>
              <th scope="row">{label(r.cohort)}</th>
              <td className="num size">{value(r.size, unit, 'short')}</td>
              {r.shares.map((v, k) => cell(v, r.running[k] ?? false, `${label(r.cohort)} · ${k}: ${value(v, 'percent')} (${value(r.amounts[k] ?? null, unit)})`, k, () => onOpen(r.cohort, k)))}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{t('cohorts.average')}</th>
            <td />
            {average.map((v, k) => cell(v, false, '', k))}
          </tr>
        </tfoot>
      </table>
    </div>
  );
}
