/** Monday at nine: what changed, why, and every figure on one screen. */
import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useChanges, useMetrics, useWorkspace } from '../api/hooks';
import type { Change, Changes, Metric } from '../api/types';
import { CardSections } from '../components/CardSections';
import { Delta } from '../components/Delta';
import { Empty, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { useOpenPanel } from '../state/panel';
import { periodLabel as labelOf } from '../state/dates';
import { usePeriodDefault } from '../state/usePeriodDefault';
import { useView } from '../state/useView';

export function NoData() {
  const { t } = useI18n();
  return (
    <Empty title={t('empty.title')} action={<Button component={Link} to="/data" size="sm">{t('empty.import')}</Button>}>
      <p>{t('empty.why')}</p>
      <p><code>burgeon import FILE… </code> · <code>burgeon demo</code></p>
    </Empty>
  );
}

function ChangeLine({ change, changes, metric }: { change: Change; changes: Changes; metric: Metric | undefined }) {
  const { t, text, value, dim, dimName } = useI18n();
  const open = useOpenPanel();
  const unit = metric?.unit ?? 'count';
  const { cause } = change;
  const amount = (v: number): string => (unit === 'percent' ? t('unit.points', { value: value(v * 100, 'ratio', 'short', true) }) : value(v, unit, 'short', true));
  const cut = metric?.dimensions.find((d) => d.name === cause?.dimension)?.label;
  return (
    <li>
      <button type="button" className="what" onClick={() => open({ metric: change.metric, period: labelOf(changes.period), against: labelOf(changes.against), split: cause ? cause.dimension : 'parts' })}>
        <span className="what-name">{metric ? text(metric.label) : change.metric}</span>
        <span className="what-change">
          <Delta before={change.before} after={change.after} unit={unit} better={metric?.better} />
          {unit !== 'percent' && unit !== 'ratio' && change.change !== null ? <span className="muted"> ({value(change.change, unit, 'short', true)})</span> : null}
        </span>
        <span className="what-cause muted">
          {/* A cause without a name says nothing. */}
          {cause && cause.value !== null
            ? cause.customers
              ? t('pulse.cause.customers', { n: cause.customers, dimension: dimName(cause.dimension, cut).toLowerCase(), value: dim(cause.dimension, cause.value), change: amount(cause.change) })
              : t('pulse.cause', { dimension: dimName(cause.dimension, cut).toLowerCase(), value: dim(cause.dimension, cause.value), change: amount(cause.change) })
            : ''}
        </span>
        {change.unusual ? <span className="mark">{t('card.unusual')}</span> : null}
      </button>
    </li>
  );
}

export function Pulse() {
  const { t, period } = useI18n();
  const view = useView();
  const workspace = useWorkspace();
  const catalog = useMetrics();
  // From one day to the next little is worth a word; weeks are the finest.
  const grain = view.span.grain === 'day' ? 'week' : view.span.grain;
  const changes = useChanges({ grain, period: usePeriodDefault(grain), currency: view.search.currency });
  const has = (table: string): boolean => (workspace.data?.tables[table] ?? 0) > 0;
  const unusual = useMemo(() => new Set((changes.data?.changes ?? []).filter((c) => c.unusual).map((c) => c.metric)), [changes.data]);

  if (workspace.error && !workspace.data) return <Loaded query={workspace} height={200}>{() => null}</Loaded>;
  if (workspace.data && !has('subscription_changes') && !has('events')) return <div className="page"><h1>{t('page.pulse')}</h1><NoData /></div>;
  return (
    <div className="page pulse" data-page="pulse">
      <h1 className="sr-only">{t('page.pulse')}</h1>
      <section className="panel changes" aria-label={t('pulse.changes')}>
        <Loaded query={changes} height={132}>
          {(c) => (
            <>
              <header className="panel-head">
                <div className="panel-title">
                  <h2>{t('pulse.changes')}</h2>
                  <p className="muted">{t('pulse.changes.between', { period: period(labelOf(c.period)), against: period(labelOf(c.against)) })}{view.where.length ? ` · ${t('pulse.whole')}` : ''}</p>
                </div>
              </header>
              {c.changes.length ? (
                <ul className="whats">{c.changes.slice(0, 5).map((x) => <ChangeLine key={x.metric} change={x} changes={c} metric={catalog.data?.find((m) => m.name === x.metric)} />)}</ul>
              ) : (
                <p className="muted">{t('pulse.calm')}</p>
              )}
            </>
          )}
        </Loaded>
      </section>
      {has('subscription_changes') ? <CardSections dashboard="pulse" unusual={unusual} /> : null}
      {has('events') ? <CardSections dashboard="people" unusual={unusual} apart /> : null}
    </div>
  );
}
