/** Who stays, who goes, and why. */
import { SegmentedControl } from '@mantine/core';
import { useMemo } from 'react';
import { useFigures, useMetrics } from '../api/hooks';
import { ChartFrame, useColours, useWords, type TableModel } from '../charts/ChartFrame';
import { cohortRows, lastComplete } from '../charts/figure';
import { cohorts, ranks } from '../charts/options';
import { Heat } from '../components/Heat';
import { MetricChart, useOrigin } from '../components/MetricChart';
import { Strip } from '../components/Strip';
import { Empty, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { periodsBetween } from '../state/dates';
import { useOpenPanel } from '../state/panel';
import { useView } from '../state/useView';

function Cohorts() {
  const { t, value, period } = useI18n();
  const c = useColours();
  const words = useWords();
  const view = useView();
  const open = useOpenPanel();
  const origin = useOrigin();
  const revenue = view.search.view === 'revenue';
  const grain = view.span.grain === 'day' || view.span.grain === 'week' ? 'month' : view.span.grain;
  const metrics = revenue ? ['mrr', 'new_mrr'] : ['customers', 'new_customers'];
  const params = { ...view.params, grain, by: 'cohort' };
  const query = useFigures({ metrics, params });
  const rows = useMemo(() => (query.data ? cohortRows(query.data, metrics[0]!, metrics[1]!, (a, b) => periodsBetween(a, b, grain)).slice(-24) : []), [query.data, revenue, grain]);
  const widest = Math.max(0, ...rows.map((r) => r.shares.length));
  const table: TableModel = { head: [t('cohorts.cohort'), t('cohorts.joined'), ...Array.from({ length: widest }, (_, k) => String(k))], rows: rows.map((r) => ({ key: r.cohort, head: period(r.cohort), cells: [value(r.size, revenue ? 'money' : 'count'), ...r.amounts.map((a) => value(a, revenue ? 'money' : 'count'))] })) };
  return (
    <Loaded query={query} height={380}>
      {(result) => (
        <ChartFrame
          title={t('cohorts.title')}
          name={t('cohorts.title')}
          note={t(revenue ? 'cohorts.note.revenue' : 'cohorts.note.customers')}
          controls={<SegmentedControl size="xs" aria-label={t('cohorts.which')} data={[{ value: 'customers', label: t('cohorts.customers') }, { value: 'revenue', label: t('cohorts.revenue') }]} value={revenue ? 'revenue' : 'customers'} onChange={(v) => view.set({ view: v === 'customers' ? undefined : v }, { replace: true })} />}
          option={null}
          pictureOption={() => cohorts(rows, c, words)}
          table={table}
          height={420}
          query={{ metrics, params }}
          origin={origin(result)}
        >
          {rows.length ? (
            <Heat
              rows={rows}
              unit={revenue ? 'money' : 'count'}
              title={t('cohorts.title')}
              heads={[t('cohorts.cohort'), t(revenue ? 'cohorts.amount' : 'cohorts.joined')]}
              onOpen={(cohort, age) => {
                const first = result.periods.findIndex((p) => periodsBetween(cohort, p.label, grain) === 0);
                const p = result.periods[first + age];
                if (p) open({ metric: metrics[0]!, period: p.label, dimensions: { cohort }, tab: 'rows' });
              }}
            />
          ) : (
            <Empty title={t('cohorts.none')}>{t('cohorts.none.why')}</Empty>
          )}
        </ChartFrame>
      )}
    </Loaded>
  );
}

function Reasons() {
  const { t, value, dim, period } = useI18n();
  const c = useColours();
  const words = useWords();
  const view = useView();
  const open = useOpenPanel();
  const origin = useOrigin();
  const params = { ...view.params, by: 'reason' };
  const query = useFigures({ metrics: ['lost_mrr'], params });
  const items = useMemo(() => {
    const list = (query.data?.series ?? []).map((s) => ({ reason: s.dimensions['reason'] ?? null, value: s.values.reduce<number>((a, b) => a + Math.abs(b ?? 0), 0) }));
    return list.filter((i) => i.value > 0).sort((a, b) => b.value - a.value);
  }, [query.data]);
  const whole = items.reduce((s, i) => s + i.value, 0);
  const shown = items.slice(0, 8);
  const label = (i: { reason: string | null }) => (i.reason ? dim('reason', i.reason) : t('reasons.unknown'));
  const at = query.data ? query.data.periods[Math.max(0, lastComplete(query.data.periods))]?.label : undefined;
  return (
    <Loaded query={query} height={300}>
      {(result) =>
        items.length ? (
          <ChartFrame
            title={t('reasons.title')}
            name={t('reasons.title')}
            note={t('reasons.note', { from: period(result.periods[0]?.label), to: period(result.periods.at(-1)?.label) })}
            option={ranks(shown.map((i) => ({ name: label(i), value: i.value, colour: i.reason ? c.movement.churn : c.other })), c, words, 'money')}
            table={{ head: [t('reasons.reason'), t('reasons.lost'), t('reasons.share')], rows: items.map((i) => ({ key: i.reason ?? '', head: label(i), cells: [value(i.value, 'money'), value(whole ? i.value / whole : null, 'percent')] })) }}
            height={Math.max(180, shown.length * 32)}
            vertical
            onClick={(click) => {
              const i = shown[click.index];
              if (i) open({ metric: 'lost_mrr', period: at, dimensions: { reason: i.reason }, tab: 'rows' });
            }}
            query={{ metrics: ['lost_mrr'], params }}
            origin={origin(result)}
          />
        ) : (
          <section className="panel">
            <header className="panel-head"><h2>{t('reasons.title')}</h2></header>
            <Empty title={t('reasons.none')}>{t('reasons.none.why')}</Empty>
          </section>
        )
      }
    </Loaded>
  );
}

export function Retention() {
  const { t, text } = useI18n();
  const catalog = useMetrics().data;
  const has = (name: string) => catalog?.some((m) => m.name === name) ?? false;
  const name = (m: string) => text(catalog?.find((x) => x.name === m)?.label) || m;
  return (
    <div className="page" data-page="retention">
      <h1>{t('page.retention')}</h1>
      <Strip metrics={['nrr', 'grr', 'customer_churn_rate', 'gross_mrr_churn_rate', 'net_mrr_churn_rate', 'churned_customers']} />
      <Cohorts />
      <div className="grid two">
        <MetricChart metrics={['nrr', 'grr'].filter(has)} title={t('retention.revenue')} name={t('retention.revenue')} note={t('retention.revenue.note')} compare={false} />
        <MetricChart metrics={['customer_churn_rate', 'gross_mrr_churn_rate', 'net_mrr_churn_rate'].filter(has)} title={t('retention.churn')} name={t('retention.churn')} compare={false} />
        <Reasons />
        {has('churned_customers') ? <MetricChart metrics={['churned_customers']} kind="bar" title={name('churned_customers')} name={name('churned_customers')} /> : null}
      </div>
    </div>
  );
}
