/** Any metric's own page: figure, chart, break-down, why, rows, definition. */
import { useParams } from '@tanstack/react-router';
import { useFigures, useMetrics } from '../api/hooks';
import { Breakdown } from '../components/Breakdown';
import { Definition } from '../components/Definition';
import { Inline } from '../components/Markdown';
import { MetricChart } from '../components/MetricChart';
import { RowsTable } from '../components/RowsTable';
import { Strip } from '../components/Strip';
import { Empty } from '../components/states';
import { Why } from '../components/Why';
import { Select } from '@mantine/core';
import { useI18n } from '../i18n/context';
import { usePeriodDefault } from '../state/usePeriodDefault';
import { useView } from '../state/useView';
import { labelOf, startOf, step } from '../state/dates';

/** Highest, lowest and average of the range, complete periods only. */
function Extremes({ name }: { name: string }) {
  const { t, value, period } = useI18n();
  const view = useView();
  const query = useFigures({ metrics: [name], params: { ...view.params, compare: view.compareParam } });
  const result = query.data;
  const series = result?.series[0];
  if (!result || !series) return null;
  const points = series.values.flatMap((v, i) => (v !== null && result.periods[i]?.complete ? [{ v, label: result.periods[i].label }] : []));
  if (points.length < 2) return null;
  const high = points.reduce((a, b) => (b.v > a.v ? b : a));
  const low = points.reduce((a, b) => (b.v < a.v ? b : a));
  const mean = points.reduce((s, p) => s + p.v, 0) / points.length;
  return (
    <section className="panel" aria-label={t('metric.range')}>
      <header className="panel-head"><h2>{t('metric.range')}</h2></header>
      <dl className="extremes">
        {([['metric.high', high], ['metric.low', low]] as const).map(([key, p]) => (
          <div key={key}>
            <dt>{t(key)}</dt>
            <dd><strong>{value(p.v, series.unit, 'short')}</strong> <span className="muted small">{period(p.label)}</span></dd>
          </div>
        ))}
        <div>
          <dt>{t('metric.mean')}</dt>
          <dd><strong>{value(mean, series.unit, 'short')}</strong> <span className="muted small">{t('metric.periods', { n: points.length })}</span></dd>
        </div>
      </dl>
    </section>
  );
}

export function MetricPage() {
  const { name } = useParams({ strict: false }) as { name: string };
  const { t, text, period } = useI18n();
  const view = useView();
  const catalog = useMetrics().data;
  const metric = catalog?.find((m) => m.name === name);
  const fallback = usePeriodDefault();
  const at = view.search.view ?? fallback;
  if (catalog && !metric) return <div className="page"><Empty title={t('metric.unknown', { name })}>{t('metric.unknown.why')}</Empty></div>;
  const label = text(metric?.label) || name;
  const params = { period: at, where: view.where, currency: view.search.currency };
  const periods: string[] = [];
  for (let d = startOf(view.span.to, view.span.grain); d >= view.span.from && periods.length < 60; d = step(d, view.span.grain, -1)) periods.push(labelOf(d, view.span.grain));
  if (!periods.includes(at)) periods.unshift(at);
  return (
    <div className="page" data-page="metric">
      <div className="page-head">
        <h1>{label}</h1>
        <span className="muted"><code>{name}</code></span>
      </div>
      {metric ? <p className="lead"><Inline text={text(metric.summary)} /></p> : null}
      <div className="grid side-card">
        <div className="aside">
          <Strip metrics={[name]} />
          <Extremes name={name} />
        </div>
        <MetricChart metrics={[name]} title={label} name={label} by={view.search.by} kind={view.search.by && metric?.additive ? 'bar' : 'line'} height={300} controls={<Breakdown metric={name} />} />
      </div>
      <div className="grid two">
        <section className="panel" aria-label={t('panel.why')}>
          <header className="panel-head">
            <div className="panel-title"><h2>{t('panel.why')}</h2></div>
            <Select size="xs" w={150} aria-label={t('table.period')} data={periods.map((p) => ({ value: p, label: period(p) }))} value={at} onChange={(v) => v && view.set({ view: v }, { replace: true })} allowDeselect={false} withCheckIcon={false} />
          </header>
          <Why metric={name} params={params} split={view.search.split} onSplit={(s) => view.set({ split: s }, { replace: true })} />
        </section>
        <section className="panel" aria-label={t('panel.definition')}>
          <header className="panel-head"><h2>{t('panel.definition')}</h2></header>
          <Definition metric={name} params={params} />
        </section>
      </div>
      <section className="panel" aria-label={t('panel.rows')}>
        <header className="panel-head"><div className="panel-title"><h2>{t('panel.rows')}</h2><p className="muted">{period(at)}</p></div></header>
        <RowsTable key={name + at} metric={name} params={{ period: at, where: view.where }} />
      </section>
    </div>
  );
}
