/** The anatomy of a number: label, value, change, sparkline, mark where it is unusual. */
import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { Tooltip } from '@mantine/core';
import { liveStore } from '../api/live';
import type { Metric, QueryResult, Series } from '../api/types';
import { isBalance, reading } from '../charts/figure';
import { Spark } from '../charts/Spark';
import { useI18n } from '../i18n/context';
import { useOpenPanel } from '../state/panel';
import { useSegmentName } from '../state/useBeside';
import { useView } from '../state/useView';
import { Delta } from './Delta';

/** True for two seconds after live data changed this value. */
function useFresh(metric: string, value: number | null | undefined): boolean {
  const changed = useSyncExternalStore(liveStore.subscribe, () => liveStore.get().changed.get(metric) ?? 0);
  const before = useRef({ value, changed });
  const [fresh, setFresh] = useState(false);
  useEffect(() => {
    const moved = before.current.value !== undefined && value !== before.current.value && changed > 0 && Date.now() - changed < 15_000;
    before.current = { value, changed };
    if (!moved) return;
    setFresh(true);
    const timer = setTimeout(() => setFresh(false), 2500);
    return () => clearTimeout(timer);
  }, [value, changed]);
  return fresh;
}

/** The band of the metric that a value lies in. */
export function bandOf(metric: Metric, value: number | null, grain: string) {
  if (value === null) return null;
  return (
    metric.bands.find(
      (b) => (!b.grain || b.grain === grain) && (b.below === undefined || b.below === null || value < b.below) && (b.above === undefined || b.above === null || value > b.above) && (b.from === undefined || b.from === null || value >= b.from) && (b.to === undefined || b.to === null || value < b.to),
    ) ?? null
  );
}

/** A card whose figure could not be computed: it says so in its place, and the others stand. */
export function FailedCard({ metric, error }: { metric: Metric; error: unknown }) {
  const { t, text, value } = useI18n();
  const view = useView();
  const why = error instanceof Error ? error.message : '';
  return (
    <article className="card" aria-label={text(metric.label)} data-metric={metric.name} data-failed="">
      <header>
        <h3><Link to="/metrics/$name" params={{ name: metric.name }} search={view.carry as never}>{text(metric.label)}</Link></h3>
      </header>
      <div className="card-value"><span className="value">{value(null, metric.unit)}</span></div>
      <div className="card-change"><span className="bad-text reason" title={why}>{t('error.failed')}: {why}</span></div>
    </article>
  );
}

export function Card({ metric, result, series, unusual = false }: { metric: Metric; result: QueryResult; series: Series; unusual?: boolean }) {
  const { t, maybe, text, value, period } = useI18n();
  const view = useView();
  const open = useOpenPanel();
  const balance = isBalance(metric);
  const r = reading(result, series, balance, view.compare);
  const segment = useSegmentName(view.versus);
  const fresh = useFresh(metric.name, r?.value);
  const at = r ? result.periods[r.index] : undefined;
  const band = r ? bandOf(metric, r.value, result.grain) : null;
  const name = text(metric.label);
  // "Week of Nov 9, 2026" leaves no room for what it is compared with.
  const style = result.grain === 'week' || result.grain === 'day' ? 'short' : 'full';
  const unfinished = result.periods.findIndex((p) => !p.complete);
  return (
    <article className="card" aria-label={name} data-metric={metric.name} data-fresh={fresh || undefined}>
      <header>
        <h3>
          <Link to="/metrics/$name" params={{ name: metric.name }} search={view.carry as never}>
            {name}
          </Link>
        </h3>
        {unusual ? (
          <Tooltip label={t('card.unusual.why')}>
            <span className="mark" tabIndex={0}>{t('card.unusual')}</span>
          </Tooltip>
        ) : null}
        <span className="fresh" aria-hidden={!fresh}>{fresh ? t('card.updated') : ''}</span>
      </header>
      <div className="card-value">
        <Tooltip label={r?.value === null || r === null ? (text(r?.reason) || t('value.none')) : value(r.value, metric.unit)} openDelay={250}>
          <Link to="/metrics/$name" params={{ name: metric.name }} search={view.carry as never} className="value" aria-label={`${name}: ${value(r?.value ?? null, metric.unit)}`}>
            {value(r?.value ?? null, metric.unit, 'short')}
          </Link>
        </Tooltip>
        {band ? (
          <Tooltip label={text(band.label)}>
            <span className={`band ${band.tone}`} tabIndex={0}>{maybe(`band.${band.tone}`, band.tone)}</span>
          </Tooltip>
        ) : null}
      </div>
      <div className="card-change">
        {r && r.value === null ? (
          <span className="muted reason" title={text(r.reason) || undefined}>{text(r.reason) || t('value.none')}</span>
        ) : r && r.before !== null && r.against ? (
          <button type="button" className="change" onClick={() => open({ metric: metric.name, period: at?.label, against: view.compare === 'segment' ? undefined : (r.against ?? undefined) })} aria-label={t('card.explain', { name })}>
            <Delta before={r.before} after={r.value} unit={metric.unit} better={metric.better} />
          </button>
        ) : null}
        <span className="muted when">
          {balance && at && !at.complete ? t('card.now') : at ? period(at.label, style) : ''}
          {r?.against && r.value !== null ? ` · ${t('card.against', { period: view.compare === 'segment' ? segment : period(r.against, style) })}` : ''}
        </span>
      </div>
      <Spark values={series.values} compare={view.compare === 'year_ago' || view.compare === 'segment' ? series.compare : null} open={unfinished} />
    </article>
  );
}
