/** One customer: who, what they pay, and everything that happened, back to the records. */
import { Link, useParams } from '@tanstack/react-router';
import { lazy, Suspense, useMemo } from 'react';
import { useCustomer, useWorkspace } from '../api/hooks';
import type { CustomerPage, TimelineItem } from '../api/types';
import { Chart } from '../charts/Chart';
import { useColours } from '../charts/ChartFrame';
import { FONT, escape } from '../charts/options';
import { Icon } from '../components/Icon';
import { Loaded, Waiting } from '../components/states';
import { Status } from '../components/Status';
import { useI18n } from '../i18n/context';
import { withEvents } from '../i18n/store';
import type { Values } from '../i18n/core';
import { useView } from '../state/useView';
import type { EChartsOption } from 'echarts';

function MrrSteps({ page }: { page: CustomerPage }) {
  const { t, money, date, axis } = useI18n();
  const c = useColours();
  const now = useWorkspace().data?.now;
  const currency = page.customer.currency;
  const option = useMemo<EChartsOption>(() => {
    const points: [string, number][] = page.mrr.map((p) => [p.at, p.amount]);
    const last = points.at(-1);
    if (last && now) points.push([now, last[1]]);
    return {
      animation: false,
      textStyle: { fontFamily: FONT, color: c.text },
      grid: { left: 4, right: 12, top: 10, bottom: 4, containLabel: true },
      xAxis: { type: 'time', axisLine: { lineStyle: { color: c.line } }, axisTick: { show: false }, axisLabel: { color: c.muted, fontSize: 11, hideOverlap: true, formatter: (v: number) => date(new Date(v).toISOString()) } },
      yAxis: { type: 'value', min: 0, splitNumber: 3, splitLine: { lineStyle: { color: c.grid } }, axisLabel: { color: c.muted, fontSize: 11, formatter: (v: number) => axis(v, 'money') } },
      tooltip: { trigger: 'axis', confine: true, backgroundColor: c.surface, borderColor: c.line, textStyle: { color: c.text, fontSize: 12 }, formatter: (p: unknown) => { const v = (p as { value: [string, number] }[])[0]?.value; return v ? `${escape(date(new Date(v[0]).toISOString()))}<br><b>${escape(money(v[1], currency))}</b>` : ''; } },
      series: [{ type: 'line', step: 'end', data: points, showSymbol: false, lineStyle: { color: c.accent, width: 2 }, itemStyle: { color: c.accent }, areaStyle: { color: c.accent, opacity: 0.08 } }],
    } as EChartsOption;
  }, [page.mrr, now, c, date, axis, money, currency]);
  if (page.mrr.length === 0) return <p className="muted">{t('customer.noMrr')}</p>;
  return (
    <>
      <Chart option={option} height={180} />
      <table className="sr-only">
        <caption>{t('customer.mrr')}</caption>
        <tbody>{page.mrr.map((p, i) => <tr key={i}><th scope="row">{date(p.at)}</th><td>{money(p.amount, currency)}</td></tr>)}</tbody>
      </table>
    </>
  );
}

const CustomerPeople = lazy(() => withEvents(import('../components/CustomerPeople')).then((m) => ({ default: m.CustomerPeople })));

const MARK: Record<string, string> = { new: 'new', expansion: 'expansion', reactivation: 'reactivation', contraction: 'contraction', churn: 'churn' };

function Happening({ item }: { item: TimelineItem }) {
  const { maybe, money, moment, dim, value } = useI18n();
  const { carry } = useView();
  const values: Values = {};
  for (const [k, v] of Object.entries(item.params)) values[k] = v === null || v === undefined ? null : typeof v === 'number' ? value(v, 'number') : dim(k, String(v));
  const movement = MARK[item.title_key.split('.').at(-1) ?? ''] ?? MARK[item.kind];
  const title = maybe(`timeline.${item.title_key}`, maybe(item.title_key, item.title_key.split('.').at(-1)?.replaceAll('_', ' ') ?? item.kind, values), values);
  const details = [...new Set(['plan', 'reason', 'comment', 'description', 'coupon'].map((k) => values[k]).filter(Boolean))].filter((d) => !title.includes(String(d)));
  return (
    <li className="happening">
      <time className="muted" dateTime={item.at}>{moment(item.at)}</time>
      <span className={`pin ${movement ?? ''}`} aria-hidden="true" />
      <span className="happening-what">
        <strong>{title}</strong>
        {details.length ? <span className="muted">{details.join(' · ')}</span> : null}
      </span>
      <span className="num">{item.amount !== null && item.currency ? money(item.amount, item.currency, 'full', Boolean(movement)) : ''}</span>
      <span>
        {item.record ? (
          <Link to="/records/$table/$entity/$key" params={{ table: item.record.table, entity: item.record.entity, key: String(item.record.key) }} search={carry as never} aria-label={maybe('rows.record', 'record')} title={maybe('rows.record', 'record')}>
            <Icon name="link" size={14} />
          </Link>
        ) : null}
      </span>
    </li>
  );
}

const plain = (v: unknown): string => (v === null || v === undefined || v === '' ? '–' : typeof v === 'object' ? JSON.stringify(v) : String(v));

export function Customer() {
  const { id } = useParams({ strict: false }) as { id: string };
  const { t, maybe, money, date, dim } = useI18n();
  const { carry } = useView();
  const query = useCustomer(id);
  const events = useWorkspace().data?.tables['events'] ?? 0;
  return (
    <div className="page" data-page="customer">
      <nav className="crumbs" aria-label={t('crumbs.label')}><Link to="/customers" search={carry as never}>{t('page.customers')}</Link></nav>
      <Loaded query={query} height={600}>
        {(page) => {
          const c = page.customer;
          const facts: [string, React.ReactNode][] = [
            [t('customers.mrr'), <strong key="m">{money(c.mrr, c.currency)}</strong>], [t('customers.plan'), c.plan ?? '–'], [t('customers.since'), date(c.since)], [t('customers.ltv'), money(c.ltv, c.currency)],
            [t('customers.country'), c.country ? dim('country', c.country) : '–'], [t('customers.channel'), c.channel ? dim('channel', c.channel) : '–'],
          ];
          return (
            <>
              <div className="page-head">
                <h1>{c.name ?? c.customer_id} <Status status={c.status} /></h1>
                <span className="muted">{c.customer_id}{c.email ? ` · ${c.email}` : ''}</span>
              </div>
              <dl className="facts">{facts.map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>
              {page.merged?.length ? <p className="muted">{t('customer.merged', { ids: page.merged.join(', ') })}</p> : null}
              <section className="panel" aria-label={t('customer.mrr')}>
                <header className="panel-head"><h2>{t('customer.mrr')}</h2></header>
                <MrrSteps page={page} />
              </section>
              {events ? <Suspense fallback={<Waiting height={220} />}><CustomerPeople customer={c.customer_id} /></Suspense> : null}
              <div className="grid two-one">
                <section className="panel" aria-label={t('customer.timeline')}>
                  <header className="panel-head"><h2>{t('customer.timeline')}</h2></header>
                  {page.timeline.length ? <ol className="timeline">{page.timeline.map((item, i) => <Happening key={i} item={item} />)}</ol> : <p className="muted">{t('customer.nothing')}</p>}
                </section>
                <div className="column">
                  <section className="panel" aria-label={t('customer.subscriptions')}>
                    <header className="panel-head"><h2>{t('customer.subscriptions')}</h2></header>
                    {page.subscriptions.length === 0 ? <p className="muted">{t('customer.noSubscriptions')}</p> : null}
                    <ul className="subs">
                      {page.subscriptions.map((s, i) => (
                        <li key={i}>
                          <div><strong>{plain(s['plan'])}</strong> <Status status={String(s['status'] ?? '')} /></div>
                          <div className="num">{typeof s['amount'] === 'number' ? money(s['amount'], String(s['currency'] ?? c.currency)) : ''}<span className="muted"> / {maybe(`per.${String(s['interval'])}`, String(s['interval'] ?? ''), { n: Number(s['interval_count'] ?? 1) })}</span></div>
                          <div className="muted small">{plain(s['subscription_id'])} · {t('customer.quantity', { n: Number(s['quantity'] ?? 1) })} · {date(String(s['started_at'] ?? s['since'] ?? ''))}</div>
                        </li>
                      ))}
                    </ul>
                  </section>
                  {Object.keys(page.attributes).length ? (
                    <section className="panel" aria-label={t('customer.attributes')}>
                      <header className="panel-head"><h2>{t('customer.attributes')}</h2></header>
                      <dl className="pairs">{Object.entries(page.attributes).map(([k, v]) => <div key={k}><dt>{k.replaceAll('_', ' ')}</dt><dd>{typeof v === 'string' && /^\d{4}-\d\d-\d\dT/.test(v) ? date(v) : plain(v)}</dd></div>)}</dl>
                    </section>
                  ) : null}
                </div>
              </div>
            </>
          );
        }}
      </Loaded>
    </div>
  );
}
