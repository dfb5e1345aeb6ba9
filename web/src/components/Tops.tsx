/** The largest parts of a figure over the whole range: a click filters, the number opens the people. */
import { SegmentedControl } from '@mantine/core';
import { useCallback, useMemo, useState, type ReactNode } from 'react';
import { useMetrics } from '../api/hooks';
import { ChartFrame, useColours, useWords } from '../charts/ChartFrame';
import { ranks } from '../charts/registry';
import { useI18n } from '../i18n/context';
import { toggled } from '../state/filters';
import { groupPick, usePick } from '../state/people';
import { useFiguresBeside } from '../state/useBeside';
import { useView } from '../state/useView';
import { readFilter } from '../state/view';
import { Delta } from './Delta';
import { useOrigin } from './MetricChart';
import { Empty, Loaded } from './states';

const SHOWN = 8;

interface Props {
  title: string;
  /** Dimensions to choose among, each with its own figure where that differs; those that the figure does not have are left out. */
  dims: { dim: string; label: string; metric?: string; key?: string }[];
  metric: string;
  /** Further figures of the table. */
  extra?: string[];
  name?: (dim: string, value: string | null) => string;
  /** What a share is a share of, when not the sum of the rows. */
  note?: ReactNode;
  /** Conditions of this list only. */
  where?: string[];
}

export function Tops({ title, dims, metric: usual, extra = [], name, note, where = [] }: Props) {
  const { t, text, value, dim: dimText } = useI18n();
  const view = useView();
  const c = useColours();
  const words = useWords();
  const origin = useOrigin();
  const { open } = usePick();
  const catalog = useMetrics().data;
  const keyOf = (d: Props['dims'][number]): string => d.key ?? d.dim;
  const choices = dims.filter((d) => catalog?.find((m) => m.name === (d.metric ?? usual))?.dimensions.some((x) => x.name === d.dim));
  const asked = (view.search.view ?? '').split('.');
  const chosen = choices.find((d) => asked.includes(keyOf(d))) ?? choices[0];
  const metric = chosen?.metric ?? usual;
  const about = catalog?.find((m) => m.name === metric);
  const [all, setAll] = useState(false);
  const further = extra.filter((m) => m !== metric).filter((m) => catalog?.some((k) => k.name === m && k.dimensions.some((x) => x.name === chosen?.dim)));
  const metrics = [metric, ...further];
  const params = { ...view.params, where: [...view.where, ...where], grain: 'range', by: chosen?.dim, top: 100, compare: view.compareParam };
  const query = useFiguresBeside({ metrics, params, enabled: Boolean(chosen) });
  const label = useCallback((v: string | null) => (name ? name(chosen?.dim ?? '', v) : dimText(chosen?.dim ?? '', v)), [name, chosen?.dim, dimText]);
  const unit = about?.unit ?? 'count';
  const rows = useMemo(() => {
    const of = (m: string) => (query.data?.series ?? []).filter((s) => s.metric === m);
    return of(metric)
      .map((s) => {
        const v = s.dimensions[chosen?.dim ?? ''] ?? null;
        return { value: v, now: s.values[0] ?? null, before: s.compare?.[0] ?? null, more: further.map((m) => of(m).find((x) => (x.dimensions[chosen?.dim ?? ''] ?? null) === v)?.values[0] ?? null) };
      })
      .filter((r) => r.now !== null && r.now > 0)
      .sort((a, b) => (b.now ?? 0) - (a.now ?? 0));
  }, [query.data, metric, chosen?.dim, further.join()]);
  if (!catalog || !chosen) return null;
  const most = rows[0]?.now ?? 0;
  const compared = view.compare !== 'none' && rows.some((r) => r.before !== null);
  const shown = all ? rows : rows.slice(0, SHOWN);
  const active = view.where.map((w) => readFilter(w)).find((f) => f?.dim === chosen.dim && !f.not)?.values ?? [];
  const titleOf = (m: string) => text(catalog.find((k) => k.name === m)?.label) || m;
  const head = [chosen.label, titleOf(metric), ...(compared ? [t('table.compared', { name: titleOf(metric) })] : []), ...further.map(titleOf)];
  return (
    <ChartFrame
      title={title}
      name={choices.length > 1 ? `${title}: ${chosen.label}` : title}
      note={note}
      controls={choices.length > 1 ? <SegmentedControl className="tops-choice" size="xs" aria-label={title} data={choices.map((d) => ({ value: keyOf(d), label: d.label }))} value={keyOf(chosen)} onChange={(v) => { setAll(false); view.set({ view: [...asked.filter((a) => a && !choices.some((d) => keyOf(d) === a)), ...(v === keyOf(choices[0]!) ? [] : [v])].join('.') || undefined }, { replace: true }); }} /> : null}
      option={null}
      pictureOption={() => ranks(rows.slice(0, 20).map((r) => ({ name: label(r.value), value: r.now ?? 0 })), c, words, unit)}
      table={{ head, rows: rows.map((r) => ({ key: r.value ?? '', head: label(r.value), cells: [value(r.now, unit), ...(compared ? [value(r.before, unit)] : []), ...r.more.map((v, i) => value(v, catalog.find((k) => k.name === further[i])?.unit ?? 'count'))] })) }}
      height={320}
      sheet={() => ({ name: title, head, rows: rows.map((r) => [label(r.value), r.now, ...(compared ? [r.before] : []), ...r.more]) })}
      origin={origin(query.data)}
      className="tops"
    >
      <Loaded query={query} height={260}>
        {() =>
          rows.length === 0 ? (
            <Empty title={t('tops.none')}>{t('tops.none.why')}</Empty>
          ) : (
            <>
              <ol className="top-list" data-tops={chosen.dim}>
                {shown.map((r) => {
                  const key = r.value ?? '';
                  const on = active.includes(key);
                  const writable = r.value !== null && !r.value.includes(',');
                  return (
                    <li key={key} className={on ? 'on' : undefined}>
                      <span className="top-bar" style={{ width: `${most ? (100 * (r.now ?? 0)) / most : 0}%` }} aria-hidden="true" />
                      {writable ? (
                        <button type="button" className="top-name" aria-pressed={on} title={t(on ? 'tops.unfilter' : 'tops.filter', { name: label(r.value) })} onClick={() => view.set({ where: toggled(view.where, chosen.dim, key) })}>{label(r.value)}</button>
                      ) : (
                        <span className="top-name">{label(r.value)}</span>
                      )}
                      {compared ? <span className="top-change"><Delta before={r.before} after={r.now} unit={unit} better={about?.better} /></span> : null}
                      <button type="button" className="top-value num" title={t('tops.people', { name: label(r.value) })} onClick={() => open({ metric, ...groupPick(chosen.dim, r.value) })}>{value(r.now, unit, 'short')}</button>
                    </li>
                  );
                })}
              </ol>
              {rows.length > SHOWN ? <button type="button" className="link small top-more" onClick={() => setAll(!all)}>{all ? t('tops.fewer') : t('tops.all', { n: rows.length })}</button> : null}
              {query.data?.left_out && (all || rows.length <= SHOWN) ? <p className="muted small">{t('tops.more', { n: query.data.left_out })}</p> : null}
            </>
          )
        }
      </Loaded>
    </ChartFrame>
  );
}
