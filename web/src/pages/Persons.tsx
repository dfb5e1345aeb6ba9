/** Everybody who was seen: searched, by segment, newest first. */
import { Button, Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { usePersons } from '../api/events';
import { useSegments, useWorkspace } from '../api/hooks';
import { Icon } from '../components/Icon';
import { NoEvents, useNoEvents } from '../components/NoEvents';
import { PersonLink } from '../components/People';
import { Empty, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { useToken } from '../state/token';
import { useView } from '../state/useView';

const SIZE = 50;

export function Persons() {
  const { t, value, ago, moment, date, dim } = useI18n();
  const view = useView();
  const { q } = view.search;
  const now = useWorkspace().data?.now ?? '';
  const empty = useNoEvents();
  const segments = (useSegments().data ?? []).filter((s) => s.of === 'persons');
  const [segment, setSegment] = useToken('segment');
  const [typed, setTyped] = useState(q ?? '');
  const search = useDebouncedCallback((text: string) => view.set({ q: text || undefined }, { replace: true }), 220);
  useEffect(() => setTyped(q ?? ''), [q]);
  const query = usePersons({ search: q, segment, limit: SIZE }, !empty);
  if (empty) return <div className="page"><h1>{t('page.persons')}</h1><NoEvents /></div>;
  const list = query.data?.pages.flatMap((p) => p.persons);
  const total = query.data?.pages[0]?.total ?? 0;
  return (
    <div className="page" data-page="persons">
      <div className="page-head">
        <h1>{t('page.persons')}</h1>
        <TextInput type="search" className="grow" aria-label={t('persons.search')} placeholder={t('persons.search')} leftSection={<Icon name="search" size={14} />} value={typed} onChange={(e) => { setTyped(e.currentTarget.value); search(e.currentTarget.value.trim()); }} />
        {segments.length ? <Select aria-label={t('segments.title')} placeholder={t('segments.all')} w={190} clearable clearButtonProps={{ 'aria-label': t('action.clear') }} data={segments.map((s) => s.name)} value={segment ?? null} onChange={(v) => setSegment(v ?? undefined)} /> : null}
      </div>
      <Loaded query={{ data: list, error: query.error, isPlaceholderData: query.isPlaceholderData, refetch: query.refetch }} height={560}>
        {(persons) =>
          persons.length === 0 ? (
            <Empty title={t('people.none')}>{q ? t('persons.none.search', { q }) : t('persons.none.why')}</Empty>
          ) : (
            <section className="panel flush">
              <div className="scroll" tabIndex={0}>
                <table className="data wide">
                  <caption className="sr-only">{t('page.persons')}</caption>
                  <thead><tr><th scope="col">{t('people.person')}</th><th scope="col">{t('people.customer')}</th><th scope="col">{t('people.last')}</th><th scope="col">{t('persons.first')}</th><th scope="col" className="num">{t('persons.events')}</th><th scope="col">{t('customers.country')}</th><th scope="col">{t('persons.channel')}</th></tr></thead>
                  <tbody>
                    {persons.map((p) => (
                      <tr key={p.person_id}>
                        <th scope="row"><PersonLink person={p} />{p.name && p.email ? <span className="muted small id">{p.email}</span> : null}</th>
                        <td>{p.customer_id ? <Link to="/customers/$id" params={{ id: p.customer_id }} search={view.carry as never}>{p.customer_name ?? p.customer_id}</Link> : <span className="muted">–</span>}</td>
                        <td title={moment(p.last_at)}>{p.last_at ? ago(p.last_at, now) : '–'}</td>
                        <td>{date(p.first_at)}</td>
                        <td className="num">{value(p.events ?? null, 'count')}</td>
                        <td>{p.country ? dim('country', p.country) : '–'}</td>
                        <td>{p.channel ? dim('channel', p.channel) : '–'}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              <nav className="pager" aria-label={t('pager.label')}>
                <span className="muted" aria-live="polite">{t('persons.shown', { shown: value(persons.length, 'count'), n: total })}</span>
                {query.hasNextPage ? <Button size="compact-sm" variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{t('persons.more')}</Button> : null}
              </nav>
            </section>
          )
        }
      </Loaded>
    </div>
  );
}
