/** Where recurring revenue comes from and where it goes. */
import { SegmentedControl, Select } from '@mantine/core';
import { useCallback, useMemo } from 'react';
import { useFigures, useMetrics, useReleases } from '../api/hooks';
import { ChartFrame, useColours, useFigureTable, useWords, type TableModel } from '../charts/ChartFrame';
import { MOVEMENTS } from '../charts/colours';
import { lastComplete, waterfall, waterfallFloor, type Figure, type Line } from '../charts/figure';
import { bars, falls } from '../charts/options';
import { Breakdown } from '../components/Breakdown';
import { MetricChart, useOrigin } from '../components/MetricChart';
import { Strip } from '../components/Strip';
import { Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { useOpenPanel } from '../state/panel';
import { useView } from '../state/useView';

const FLOWS = MOVEMENTS.map((m) => `${m}_mrr`);

function Movements() {
  const i18n = useI18n();
  const { t, value, period } = i18n;
  const c = useColours();
  const words = useWords();
  const view = useView();
  const releases = useReleases().data;
  const open = useOpenPanel();
  const origin = useOrigin();
  const known = useMetrics().data;
  const metrics = useMemo(() => ['mrr', ...FLOWS, 'fx_mrr'].filter((m) => known?.some((k) => k.name === m)), [known]);
  const query = useFigures({ metrics, params: view.params, enabled: Boolean(known) });

  const model = useMemo(() => {
    const r = query.data;
    if (!r) return null;
    const of = (m: string) => r.series.find((s) => s.metric === m);
    const lines: Line[] = MOVEMENTS.flatMap((m) => {
      const s = of(`${m}_mrr`);
      const sign = m === 'churn' || m === 'contraction' ? -1 : 1;
      return s ? [{ key: s.metric, name: t(`movement.${m}`), metric: s.metric, unit: s.unit, values: s.values.map((v) => (v === null ? null : v === 0 ? 0 : sign * Math.abs(v))), reasons: s.reasons, compare: null, dimensions: {}, colour: c.movement[m] }] : [];
    });
    const fx = of('fx_mrr');
    if (fx?.values.some((v) => v)) lines.push({ key: 'fx_mrr', name: t('movement.fx'), metric: 'fx_mrr', unit: 'money', values: fx.values, reasons: fx.reasons, compare: null, dimensions: {}, colour: c.movement.fx });
    const figure: Figure = { periods: r.periods, comparePeriods: null, lines, currency: r.currency };
    const net = r.periods.map((_, i) => lines.reduce((sum, l) => sum + (l.values[i] ?? 0), 0));
    return { figure, net, mrr: of('mrr')?.values ?? [] };
  }, [query.data, t, c]);

  const show = useCallback(
    (index: number, at: number) => {
      const p = model?.figure.periods[index]?.label;
      if (p) open({ metric: model?.figure.lines[at]?.metric ?? 'net_new_mrr', period: p });
    },
    [model, open],
  );
  const figureTable = useFigureTable(model?.figure ?? null, useCallback((i: number) => show(i, -1), [show]));
  const table: TableModel = useMemo(() => {
    if (!model) return figureTable;
    const rows = figureTable.rows.map((row, i) => ({ ...row, cells: [...row.cells, value(model.net[model.net.length - 1 - i] ?? null, 'money')] }));
    return { head: [...figureTable.head, t('movement.net')], rows };
  }, [model, figureTable, value, t]);
  const option = useMemo(() => (model ? bars(model.figure, c, words, { releases: releases ?? [], net: { name: t('movement.net'), values: model.net } }) : null), [model, c, words, releases, t]);

  const periods = model?.figure.periods ?? [];
  const chosen = Math.max(0, periods.findIndex((p) => p.label === view.search.view));
  const index = view.search.view && periods.some((p) => p.label === view.search.view) ? chosen : Math.max(0, lastComplete(periods));
  const fall = useMemo(() => {
    const p = periods[index];
    if (!model || !p) return null;
    const closing = model.mrr[index] ?? 0;
    const moved = model.figure.lines.map((l) => ({ key: l.metric, name: l.name, value: l.values[index] ?? 0 }));
    const opening = index > 0 ? (model.mrr[index - 1] ?? 0) : closing - moved.reduce((s, m) => s + m.value, 0);
    const steps = waterfall({ name: t('movement.opening'), value: opening }, moved, { name: t('movement.closing'), value: closing });
    const colour = (key: string) => model.figure.lines.find((l) => l.metric === key)?.colour ?? c.accent;
    return { steps, option: falls(steps, waterfallFloor(steps), (s) => (s.total ? c.accent : colour(s.key)), c, words, 'money'), table: { head: [t('table.part'), t('table.value')], rows: steps.map((s) => ({ key: s.key, head: s.name, cells: [value(s.value, 'money', 'full', !s.total)] })) } };
  }, [model, periods, index, c, words, t, value]);

  return (
    <Loaded query={query} height={380}>
      {() => (
        <div className="grid two-one">
          <ChartFrame
            title={t('revenue.movements')}
            name={t('revenue.movements')}
            note={t('revenue.movements.note')}
            legend={[...(model?.figure.lines ?? []).map((l) => ({ name: l.name, colour: l.colour ?? '' })), { name: t('movement.net'), colour: c.text }]}
            option={option}
            table={table}
            height={300}
            onClick={(click) => show(click.index, model?.figure.lines.findIndex((l) => l.key === click.series) ?? -1)}
            query={{ metrics, params: view.params }}
            origin={origin(query.data)}
          />
          {fall ? (
            <ChartFrame
              title={t('revenue.waterfall')}
              name={t('revenue.waterfallOf', { period: period(periods[index]?.label) })}
              note={periods[index]?.complete === false ? t('period.unfinished') : t('revenue.waterfall.note')}
              controls={<Select size="xs" w={128} aria-label={t('table.period')} data={[...periods].reverse().map((p) => ({ value: p.label, label: period(p.label) }))} value={periods[index]?.label ?? null} onChange={(v) => v && view.set({ view: v }, { replace: true })} allowDeselect={false} withCheckIcon={false} />}
              option={fall.option}
              table={fall.table}
              height={326}
              onClick={(click) => {
                const s = fall.steps[click.index];
                if (s) open({ metric: s.total ? 'mrr' : s.key, period: s.key === 'opening' ? periods[index - 1]?.label : periods[index]?.label });
              }}
              origin={origin(query.data)}
            />
          ) : null}
        </div>
      )}
    </Loaded>
  );
}

export function Revenue() {
  const { t, text } = useI18n();
  const view = useView();
  const catalog = useMetrics().data;
  const has = (name: string) => catalog?.some((m) => m.name === name) ?? false;
  const name = (m: string) => text(catalog?.find((x) => x.name === m)?.label) || m;
  const balance = view.search.metric === 'arr' ? 'arr' : 'mrr';
  const money = ['cash', 'cash_revenue', 'cash_collected', 'revenue', 'usage_revenue'].filter(has);
  return (
    <div className="page" data-page="revenue">
      <h1>{t('page.revenue')}</h1>
      <Strip metrics={['mrr', 'arr', 'net_new_mrr', 'quick_ratio', 'arpa', 'ltv']} />
      <Movements />
      <div className="grid two">
        <MetricChart
          metrics={[balance]}
          title={name(balance)}
          name={name(balance)}
          by={view.search.by}
          kind={view.search.by ? 'bar' : 'line'}
          controls={
            <>
              <SegmentedControl size="xs" aria-label={t('revenue.which')} data={[{ value: 'mrr', label: name('mrr') }, { value: 'arr', label: name('arr') }]} value={balance} onChange={(v) => view.set({ metric: v === 'mrr' ? undefined : v }, { replace: true })} />
              <Breakdown metric={balance} />
            </>
          }
        />
        {has('quick_ratio') ? <MetricChart metrics={['quick_ratio']} title={name('quick_ratio')} name={name('quick_ratio')} note={t('revenue.quick.note')} /> : null}
        {money.length ? <MetricChart metrics={money.slice(0, 3)} title={t('revenue.cash')} name={t('revenue.cash')} note={t('revenue.cash.note')} compare={false} /> : null}
        {has('arpa') ? <MetricChart metrics={['arpa']} title={name('arpa')} name={name('arpa')} /> : null}
      </div>
    </div>
  );
}
