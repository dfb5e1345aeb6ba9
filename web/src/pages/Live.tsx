/** Who is on the site and in the product right now, and what they do. */
import { Button, Select } from '@mantine/core';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useLive, useNames, type EventRow } from '../api/events';
import { ChartFrame, useColours, useWords } from '../charts/ChartFrame';
import { columns } from '../charts/registry';
import { EventLine } from '../components/EventLine';
import { Icon } from '../components/Icon';
import { NoEvents, useNoEvents } from '../components/NoEvents';
import { PeoplePanel } from '../components/People';
import { useEventChoices } from '../components/StepField';
import { Empty, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { feed, type Fed } from '../state/feed';
import { usePick } from '../state/people';
import { useEventName } from '../state/useEventWords';
import { useView } from '../state/useView';

const MOST = 100;

function Stream({ events, paused, setPaused }: { events: EventRow[]; paused: boolean; setPaused: (paused: boolean) => void }) {
  const { t } = useI18n();
  const view = useView();
  const names = useNames().data ?? [];
  const eventName = useEventName();
  const choices = useEventChoices(names, false);
  const only = view.search.event;
  const [fed, setFed] = useState<Fed<EventRow>>({ shown: [], waiting: [] });
  const [reading, setReading] = useState(false);
  const first = useRef<Set<string> | null>(null);
  const held = reading || paused;
  useEffect(() => {
    if (events.length && !first.current) first.current = new Set(events.map((e) => e.event_id));
    setFed((now) => feed(now, events, (e) => `${e.person_id}|${e.event_id}`, held, MOST));
  }, [events, held]);
  const fits = (e: EventRow) => !only || e.event === only;
  const shown = fed.shown.filter(fits);
  const waiting = fed.waiting.filter(fits).length;
  return (
    <section className="panel stream" aria-label={t('live.stream')}>
      <header className="panel-head">
        <div className="panel-title"><h2>{t('live.stream')}</h2><p className="muted">{paused ? t('live.paused') : t('live.stream.note')}</p></div>
        <div className="panel-tools">
          <Select aria-label={t('live.only')} placeholder={t('live.all')} w={170} searchable clearable clearButtonProps={{ 'aria-label': t('action.clear') }} data={choices} value={only ?? null} onChange={(v) => view.set({ event: v ?? undefined }, { replace: true })} />
          <Button variant="default" leftSection={<Icon name={paused ? 'play' : 'pause'} size={12} />} aria-pressed={paused} onClick={() => setPaused(!paused)}>{paused ? t('live.resume') : t('live.pause')}</Button>
        </div>
      </header>
      {waiting ? <button type="button" className="stream-more" onClick={() => { setReading(false); setFed((now) => feed(now, [], (e) => e.event_id, false, MOST)); }}>{t('live.waiting', { n: waiting })}</button> : null}
      {shown.length ? (
        <ol className="event-lines" onMouseEnter={() => setReading(true)} onMouseLeave={() => setReading(false)} onFocus={() => setReading(true)} onBlur={() => setReading(false)}>
          {shown.map((e) => <EventLine key={`${e.person_id}|${e.event_id}`} event={e} fresh={!(first.current?.has(e.event_id) ?? true)} />)}
        </ol>
      ) : (
        <Empty title={t('live.quiet')}>{only ? t('live.quiet.only', { name: eventName(only) }) : t('live.quiet.why')}</Empty>
      )}
    </section>
  );
}

export function Live() {
  const { t, value, time } = useI18n();
  const c = useColours();
  const words = useWords();
  const [paused, setPaused] = useState(false);
  const live = useLive(!paused);
  const empty = useNoEvents();
  const { pick, open, close } = usePick();
  const kept = useRef(live.data);
  if (live.data) kept.current = live.data;
  const data = live.data ?? kept.current;
  const minutes = data?.minutes;
  const option = useMemo(
    () => (minutes ? columns(minutes.map((m, i) => ({ name: time(m.at), value: m.persons, open: i === minutes.length - 1 })), c, words, { label: t('live.persons'), second: { label: t('live.events'), values: minutes.map((m) => m.events) } }) : null),
    [minutes, c, words, t, time],
  );
  if (empty) return <div className="page"><h1>{t('page.live')}</h1><NoEvents /></div>;
  const most = data?.pages[0]?.persons ?? 0;
  return (
    <div className="page" data-page="live">
      <h1>{t('page.live')}</h1>
      <Loaded query={{ ...live, data }} height={600}>
        {(now) => (
          <>
            <div className="live-top">
              {(['on_site', 'in_product'] as const).map((k) => (
                <article key={k} className="card live-card" aria-label={t(`live.${k}`)}>
                  <h3>{t(`live.${k}`)}</h3>
                  <button type="button" className="live-value" title={t('people.open')} aria-label={`${t(`live.${k}`)}: ${value(now.now[k], 'count')}`} onClick={() => open({ of: 'live', on: k === 'on_site' ? 'site' : 'product' })}>{value(now.now[k], 'count')}</button>
                  <p className="muted small">{t(`live.${k}.note`)}</p>
                </article>
              ))}
              <ChartFrame title={t('live.minutes')} name={t('live.minutes')} note={t('live.minutes.note')} option={option} height={184} table={{ head: [t('live.minute'), t('live.persons'), t('live.events')], rows: [...now.minutes].reverse().map((m) => ({ key: m.at, head: time(m.at), cells: [value(m.persons, 'count'), value(m.events, 'count')] })) }} sheet={() => ({ name: t('live.minutes'), head: ['minute', 'persons', 'events'], rows: now.minutes.map((m) => [m.at, m.persons, m.events]) })} />
            </div>
            <div className="grid two-one">
              <Stream events={now.events} paused={paused} setPaused={setPaused} />
              <section className="panel" aria-label={t('live.pages')}>
                <header className="panel-head"><div className="panel-title"><h2>{t('live.pages')}</h2><p className="muted">{t('live.pages.note')}</p></div></header>
                {now.pages.length ? (
                  <ol className="top-list">
                    {now.pages.slice(0, 15).map((p) => (
                      <li key={p.path}>
                        <span className="top-bar" style={{ width: `${most ? (100 * p.persons) / most : 0}%` }} aria-hidden="true" />
                        <span className="top-name">{p.path}</span>
                        <button type="button" className="top-value num" title={t('tops.people', { name: p.path })} onClick={() => open({ of: 'live', path: p.path })}>{value(p.persons, 'count')}</button>
                      </li>
                    ))}
                  </ol>
                ) : <Empty title={t('live.nobody')}>{t('live.nobody.why')}</Empty>}
              </section>
            </div>
          </>
        )}
      </Loaded>
      {pick ? <PeoplePanel title={pick['path'] ?? t(pick['on'] === 'product' ? 'live.in_product' : 'live.on_site')} note={t('live.now')} params={pick} onClose={close} /> : null}
    </div>
  );
}
