/** What arrives: events with their properties and volumes, what they mean, and the keys that clients send with. */
import { Button, Tabs, TextInput } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import { Link } from '@tanstack/react-router';
import { useMeanings, useNames, useRecent, type EventName } from '../api/events';
import { useMetrics, useWorkspace } from '../api/hooks';
import { byTime, EventLine } from '../components/EventLine';
import { Icon } from '../components/Icon';
import { MeaningList } from '../components/MeaningList';
import { MetricChart } from '../components/MetricChart';
import { NoEvents, useNoEvents } from '../components/NoEvents';
import { Side } from '../components/Side';
import { Empty, Loaded } from '../components/states';
import { WriteKeys } from '../components/WriteKeys';
import { useI18n } from '../i18n/context';
import { match } from '../state/match';
import { propertyValues } from '../state/properties';
import { eventLabel } from '../state/step';
import { useView } from '../state/useView';

const SORTS = ['event', 'persons', 'count', 'last'] as const;
type Sort = (typeof SORTS)[number];

function About({ name, onClose }: { name: EventName | undefined; onClose: () => void }) {
  const { t, text, value, moment } = useI18n();
  const view = useView();
  const event = view.search.event ?? '';
  const catalog = useMetrics().data;
  const recent = useRecent({ event, limit: 200 });
  const values = useMemo(() => propertyValues(recent.data?.events ?? []), [recent.data]);
  const label = text(name?.label) || eventLabel(event);
  return (
    <Side label={t('events.about', { name: label })} title={label} note={<code>{event}</code>} of={event} onClose={onClose}>
      <div className="stack">
        {name ? (
          <dl className="facts">
            {([['people.title', value(name.persons, 'count')], ['events.count', value(name.count, 'count')], ['events.first', moment(name.first_at)], ['events.last', moment(name.last_at)]] as const).map(([k, v]) => <div key={k}><dt>{t(k)}</dt><dd>{v}</dd></div>)}
          </dl>
        ) : null}
        <p className="row wrap">
          <Button component={Link} to="/funnels" search={{ ...view.carry, step: [event] } as never} size="compact-sm" variant="default" leftSection={<Icon name="funnel" size={14} />}>{t('events.toFunnel')}</Button>
          <Button component={Link} to="/paths" search={{ ...view.carry, start: event } as never} size="compact-sm" variant="default" leftSection={<Icon name="paths" size={14} />}>{t('events.toPaths')}</Button>
          <Button component={Link} to="/user-retention" search={{ ...view.carry, back: event } as never} size="compact-sm" variant="default" leftSection={<Icon name="comeback" size={14} />}>{t('events.toRetention')}</Button>
        </p>
        {catalog?.some((m) => m.name === 'events') && !event.includes(',') ? <MetricChart metrics={['events']} where={[`event:${event}`]} title={t('events.volume')} name={t('events.volumeOf', { name: label })} kind="bar" compare={false} height={160} /> : null}
        <section aria-label={t('events.properties')}>
          <h3>{t('events.properties')}</h3>
          {(name?.properties.length ?? 0) || values.length ? (
            <>
              <p className="muted small">{t('events.properties.note', { n: recent.data?.events.length ?? 0 })}</p>
              <dl className="pairs compact">
                {[...new Set([...values.map((v) => v.property), ...(name?.properties ?? [])])].map((p) => {
                  const v = values.find((x) => x.property === p);
                  return <div key={p}><dt><code>{p}</code></dt><dd>{v ? <>{v.top.map((x, i) => <span key={i} className="prop-value">{x.value} <span className="muted small">{value(x.share, 'percent')}</span></span>)}{v.distinct > v.top.length ? <span className="muted small">{t('events.more', { n: v.distinct - v.top.length })}</span> : null}</> : <span className="muted">–</span>}</dd></div>;
                })}
              </dl>
            </>
          ) : (
            <p className="muted small">{t('event.noProperties')}</p>
          )}
        </section>
        <section aria-label={t('events.recent')}>
          <h3>{t('events.recent')}</h3>
          <Loaded query={recent} height={160}>
            {(r) => (r.events.length ? <ol className="event-lines dated">{[...r.events].sort(byTime).slice(0, 12).map((e) => <EventLine key={`${e.person_id}|${e.event_id}`} event={e} />)}</ol> : <Empty title={t('live.quiet')}>{t('live.quiet.why')}</Empty>)}
          </Loaded>
        </section>
      </div>
    </Side>
  );
}

function Arrives() {
  const { t, text, value, ago, moment } = useI18n();
  const view = useView();
  const names = useNames();
  const meanings = useMeanings().data;
  const catalog = useMetrics().data;
  const now = useWorkspace().data?.now ?? '';
  const { q = '', sort = 'persons', order = 'desc', event } = view.search;
  const [typed, setTyped] = useState(q);
  useEffect(() => setTyped(q), [q]);
  const by = (SORTS.find((s) => s === sort) ?? 'persons') satisfies Sort;
  const shown = useMemo(() => {
    const list = (names.data ?? []).filter((n) => n.kind !== 'fact' && (!q || match(q, `${n.event} ${eventLabel(n.event)} ${text(n.label)}`) >= 0.6));
    const key = (n: EventName): number | string => (by === 'event' ? n.event : by === 'last' ? (n.last_at ?? '') : n[by]);
    return list.sort((a, b) => { const [x, y] = [key(a), key(b)]; return (x < y ? -1 : x > y ? 1 : 0) * (order === 'asc' ? 1 : -1); });
  }, [names.data, q, by, order, text]);
  const most = Math.max(1, ...shown.map((n) => n.count));
  const choose = (s: Sort) => view.set({ sort: s === 'persons' ? undefined : s, order: by === s ? (order === 'desc' ? 'asc' : undefined) : s === 'event' ? 'asc' : undefined }, { replace: true });
  return (
    <>
      {catalog?.some((m) => m.name === 'events') ? <MetricChart metrics={['events']} by="event" kind="bar" title={t('events.volume')} name={t('events.volume')} note={t('events.volume.note')} height={200} compare={false} /> : null}
      <section className="panel flush" aria-label={t('events.arrives')}>
        <header className="panel-head pad">
          <div className="panel-title"><h2>{t('events.arrives')}</h2><p className="muted">{t('events.arrives.note')}</p></div>
          <TextInput type="search" aria-label={t('events.search')} placeholder={t('events.search')} leftSection={<Icon name="search" size={14} />} value={typed} onChange={(e) => { setTyped(e.currentTarget.value); view.set({ q: e.currentTarget.value.trim() || undefined }, { replace: true }); }} />
        </header>
        <Loaded query={names} height={360}>
          {() =>
            shown.length === 0 ? (
              <Empty title={t('events.none', { q })} />
            ) : (
              <div className="scroll" tabIndex={0}>
                <table className="data wide" data-events="">
                  <caption className="sr-only">{t('events.arrives')}</caption>
                  <thead>
                    <tr>
                      {SORTS.map((s) => (
                        <th key={s} scope="col" className={s === 'persons' || s === 'count' ? 'num' : undefined} aria-sort={by === s ? (order === 'asc' ? 'ascending' : 'descending') : 'none'}>
                          <button type="button" className="sort" onClick={() => choose(s)}>{t(`events.by.${s}`)}<span aria-hidden="true" className="arrow">{by === s ? (order === 'asc' ? '↑' : '↓') : ''}</span></button>
                        </th>
                      ))}
                      <th scope="col">{t('events.properties')}</th>
                      <th scope="col">{t('events.meaning')}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {shown.map((n) => (
                      <tr key={n.event} className={event === n.event ? 'chosen' : undefined}>
                        <th scope="row"><button type="button" className="link" onClick={() => view.set({ event: n.event })}>{text(n.label) || eventLabel(n.event)}</button><code className="muted small id">{n.event}</code></th>
                        <td className="num">{value(n.persons, 'count')}</td>
                        <td className="num"><span className="volume" aria-hidden="true"><i style={{ width: `${(100 * n.count) / most}%` }} /></span><span className="figure">{value(n.count, 'count')}</span></td>
                        <td title={moment(n.last_at)}>{n.last_at ? ago(n.last_at, now) : '–'}</td>
                        <td className="props muted">{n.properties.slice(0, 4).join(', ')}{n.properties.length > 4 ? ` +${n.properties.length - 4}` : ''}</td>
                        <td>{n.meanings.map((m) => <span key={m} className="tag">{text(meanings?.find((x) => x.name === m)?.label) || m.replaceAll('_', ' ')}</span>)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )
          }
        </Loaded>
      </section>
      {event ? <About name={names.data?.find((n) => n.event === event)} onClose={() => view.set({ event: undefined })} /> : null}
    </>
  );
}

export function Events() {
  const { t } = useI18n();
  const view = useView();
  const empty = useNoEvents();
  // An address may name the tab alone.
  const tab = (['meanings', 'keys'] as const).find((x) => (view.search.view ?? '').split('.').includes(x)) ?? (empty ? 'keys' : 'arrives');
  const choose = (v: string | null) => view.set({ view: v === 'arrives' ? undefined : (v ?? undefined), event: undefined });
  return (
    <div className="page" data-page="events">
      <h1>{t('page.events')}</h1>
      <Tabs value={tab} onChange={choose} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="arrives">{t('events.tab.arrives')}</Tabs.Tab>
          <Tabs.Tab value="meanings">{t('events.tab.meanings')}</Tabs.Tab>
          <Tabs.Tab value="keys">{t('events.tab.keys')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="arrives"><div className="tab-page">{empty ? <NoEvents /> : <Arrives />}</div></Tabs.Panel>
        <Tabs.Panel value="meanings"><div className="tab-page"><MeaningList /></div></Tabs.Panel>
        <Tabs.Panel value="keys"><div className="tab-page"><WriteKeys /></div></Tabs.Panel>
      </Tabs>
    </div>
  );
}
