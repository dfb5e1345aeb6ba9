/** Why a figure changed: sentences from figures, a waterfall, and the split that adds up. */
import { Select } from '@mantine/core';
import { useCallback, useMemo } from 'react';
import { useExplain, useMetrics } from '../api/hooks';
import type { Params } from '../api/client';
import type { Explain, Metric, Split } from '../api/types';
import { ChartFrame, useColours, useWords, type TableModel } from '../charts/ChartFrame';
import { waterfall, waterfallFloor, type Step } from '../charts/figure';
import { falls } from '../charts/options';
import { useI18n, type I18n } from '../i18n/context';
import { periodLabel as labelOf } from '../state/dates';
import { useOpenPanel } from '../state/panel';
import { splitChoices } from '../state/splits';
import { Delta } from './Delta';
import { Loaded } from './states';

/** The few sentences that matter, made of figures. */
export function sentences(x: Explain, metric: Metric | undefined, i18n: I18n): string[] {
  const { t, text, value, period, dim, dimName, delta } = i18n;
  const name = metric ? text(metric.label) : x.metric;
  if (x.before === null || x.after === null || x.change === null) return [t('why.incomparable', { name, period: period(labelOf(x.period)), against: period(labelOf(x.against)) })];
  const d = delta(x.before, x.after, x.unit);
  const word = x.change > 0 ? 'rose' : x.change < 0 ? 'fell' : 'same';
  const amount = x.unit === 'percent' || x.unit === 'ratio' ? '' : value(x.change, x.unit, 'short', true);
  // The verb says the direction.
  const bare = (d?.text ?? '').replace(/^[+−]/, '');
  const size = [bare, amount && bare ? `(${amount})` : amount].filter(Boolean).join(' ');
  const out = [t(`why.${word}`, { name, size, before: value(x.before, x.unit, 'short'), after: value(x.after, x.unit, 'short'), against: period(labelOf(x.against)) })];
  const points = (v: number): string => (x.unit === 'percent' ? t('unit.points', { value: value(v * 100, 'ratio', 'short', true) }) : value(v, x.unit, 'short', true));
  const parts = (x.tree?.children ?? []).filter((n) => n.contribution).sort((a, b) => Math.abs(b.contribution!) - Math.abs(a.contribution!)).slice(0, 3);
  if (parts.length && x.change !== 0) out.push(t('why.parts', { parts: i18n.list(parts.map((p) => `${text(p.label) || p.metric} ${points(p.contribution!)}`)) }));
  for (const split of x.by) {
    const rows = split.rows.filter((r) => (r.mix ?? 0) + (r.rate ?? 0) !== 0).sort((a, b) => Math.abs((b.mix ?? 0) + (b.rate ?? 0)) - Math.abs((a.mix ?? 0) + (a.rate ?? 0)));
    if (!rows.length || x.change === 0) continue;
    const label = metric?.dimensions.find((m) => m.name === split.dimension)?.label;
    out.push(t('why.split', { dimension: dimName(split.dimension, label).toLowerCase(), parts: i18n.list(rows.slice(0, 2).map((r) => `${dim(split.dimension, r.value)} ${points((r.mix ?? 0) + (r.rate ?? 0))}`)) }));
  }
  return out;
}

export function Why({ metric, params, split, onSplit, height = 240 }: { metric: string; params: Params; split: string | undefined; onSplit: (split: string) => void; height?: number }) {
  const i18n = useI18n();
  const { t, text, value, period, dim, dimName } = i18n;
  const c = useColours();
  const words = useWords();
  const open = useOpenPanel();
  const about = useMetrics().data?.find((m) => m.name === metric);
  const choices = splitChoices(about);
  const asked = split && choices.includes(split) ? split : (choices.find((d) => d === 'plan') ?? choices[0]);
  const query = useExplain(metric, { ...params, by: asked });
  const parts = split === 'parts' || (!split && (query.data?.tree?.children?.length ?? 0) > 1);
  const chosen = parts ? 'parts' : (asked ?? 'parts');

  const nameOf = useCallback((r: Split) => (r.kind === 'other' ? t('series.other') : r.kind === 'overlap' ? t('why.overlap') : dim(asked ?? '', r.value)), [t, dim, asked]);

  const model = useMemo(() => {
    const x = query.data;
    if (!x || x.before === null || x.after === null) return null;
    const items = parts
      ? (x.tree?.children ?? []).map((n, i) => ({ key: `${n.metric}:${i}`, name: text(n.label) || n.metric, value: n.contribution ?? 0 }))
      : (x.by.find((b) => b.dimension === asked)?.rows ?? []).map((r) => ({ key: r.value ?? '', name: nameOf(r), value: (r.mix ?? 0) + (r.rate ?? 0) }));
    // Groups that do not add up to the change are told in the table, never drawn as if they did.
    if (!parts && items.every((i) => i.value === 0)) return { option: null, table: { head: [], rows: [] }, steps: [] };
    const sorted = parts ? items.filter((i) => i.value !== 0) : [...items].sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).filter((i) => i.value !== 0);
    const shown = sorted.slice(0, 6);
    const rest = x.after - x.before - shown.reduce((s, i) => s + i.value, 0);
    if (sorted.length > 6 || Math.abs(rest) > Math.abs(x.after - x.before) * 1e-6 + 1e-9) shown.push({ key: '~rest', name: t('series.other'), value: rest });
    const steps = waterfall({ name: period(labelOf(x.against)), value: x.before }, shown.filter((s) => s.value !== 0), { name: period(labelOf(x.period)), value: x.after });
    const good = (s: Step) => ((s.value > 0) === (about?.better !== 'lower') ? c.good : c.bad);
    const option = falls(steps, waterfallFloor(steps), (s) => (s.total ? c.accent : about?.better === 'neutral' ? c.neutral : good(s)), c, words, x.unit);
    const table: TableModel = { head: [t('table.part'), t('table.contribution')], rows: steps.map((s, i) => ({ key: `${s.key}${i}`, head: s.name, cells: [value(s.value, x.unit, 'full', !s.total)] })) };
    return { option, table, steps };
  }, [query.data, parts, asked, about?.better, c, words, text, nameOf, value, period, t]);

  return (
    <Loaded query={query} height={height + 160}>
      {(x) => {
        const splits = x.by.find((b) => b.dimension === asked);
        const ratio = splits?.rows.some((r) => r.mix) ?? false;
        const adds = splits?.rows.some((r) => r.mix !== null || r.rate !== null) ?? false;
        const data = [...((x.tree?.children?.length ?? 0) > 1 ? [{ value: 'parts', label: t('why.byParts') }] : []), ...choices.map((d) => ({ value: d, label: dimName(d, about?.dimensions.find((m) => m.name === d)?.label) }))];
        return (
          <div className="why">
            <div className="why-head">
              <div>
                <span className="muted">{period(labelOf(x.against))}</span>
                <strong>{value(x.before, x.unit, 'short')}</strong>
              </div>
              <span aria-hidden="true">→</span>
              <div>
                <span className="muted">{period(labelOf(x.period))}</span>
                <strong>{value(x.after, x.unit, 'short')}</strong>
              </div>
              <Delta before={x.before} after={x.after} unit={x.unit} better={about?.better} />
            </div>
            <ul className="sentences">{sentences(x, about, i18n).map((s, i) => <li key={i}>{s}</li>)}</ul>
            {x.releases.length ? (
              <p className="muted">
                {t('why.releases')} {x.releases.map((r) => `${r.name} (${i18n.date(r.date ?? r.at)})`).join(', ')}. {t('why.notCause')}
              </p>
            ) : null}
            {model?.option && model.steps.length > 2 ? (
              <ChartFrame
                title={t('why.waterfall')}
                name={t('why.waterfallOf', { name: about ? text(about.label) : metric })}
                option={model.option}
                table={model.table}
                height={height}
                onClick={({ index }) => {
                  const s = model.steps[index];
                  if (s && !s.total && s.key !== '~rest') {
                    if (parts) open({ metric: s.key.split(':')[0]!, period: labelOf(x.period), against: labelOf(x.against) });
                    else open({ metric, period: labelOf(x.period), against: labelOf(x.against), dimensions: { [asked ?? '']: s.key }, tab: 'rows' });
                  }
                }}
                controls={<Select size="xs" w={150} aria-label={t('why.splitBy')} data={data} value={chosen} onChange={(v) => v && onSplit(v)} allowDeselect={false} comboboxProps={{ withinPortal: true }} />}
              />
            ) : (
              <div className="row between">
                <span className="muted">{t(!parts && splits && splits.sum === null && x.change ? 'why.noSum' : 'why.nothing.why')}</span>
                <Select size="xs" w={150} aria-label={t('why.splitBy')} data={data} value={chosen} onChange={(v) => v && onSplit(v)} allowDeselect={false} />
              </div>
            )}
            {splits?.rows.length && !parts ? (
              <div className="scroll" tabIndex={0}>
                <table className="data">
                  <caption className="sr-only">{t('why.splitBy')}</caption>
                  <thead>
                    <tr>
                      <th scope="col">{asked ? dimName(asked, about?.dimensions.find((m) => m.name === asked)?.label) : ''}</th>
                      <th scope="col" className="num">{period(labelOf(x.against), 'short')}</th>
                      <th scope="col" className="num">{period(labelOf(x.period), 'short')}</th>
                      {ratio ? <th scope="col" className="num" title={t('why.mix.why')}>{t('why.mix')}</th> : null}
                      <th scope="col" className="num" title={t('why.rate.why')}>{ratio ? t('why.rate') : t('table.change')}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {splits.rows.map((r, i) => (
                      <tr key={i}>
                        <th scope="row">
                          {r.value ? <button type="button" className="link" onClick={() => open({ metric, period: labelOf(x.period), against: labelOf(x.against), dimensions: { [asked ?? '']: r.value }, tab: 'rows' })}>{nameOf(r)}</button> : nameOf(r)}
                        </th>
                        <td className="num">{value(r.before, x.unit)}</td>
                        <td className="num">{value(r.after, x.unit)}</td>
                        {ratio ? <td className="num">{value(r.mix, x.unit, 'full', true)}</td> : null}
                        <td className="num">{value(!adds ? r.change : ratio ? r.rate : (r.mix ?? 0) + (r.rate ?? 0), x.unit, 'full', true)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            ) : null}
          </div>
        );
      }}
    </Loaded>
  );
}
