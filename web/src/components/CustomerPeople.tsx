/** The people of a customer and what they did lately; on the customer's page when events exist. */
import { Link } from '@tanstack/react-router';
import { usePersons, useRecent } from '../api/events';
import { useMetrics, useWorkspace } from '../api/hooks';
import { useI18n } from '../i18n/context';
import { useView } from '../state/useView';
import '../styles-events.css';
import { byTime, EventLine } from './EventLine';
import { MetricChart } from './MetricChart';
import { PersonLink } from './People';
import { Loaded } from './states';

export function CustomerPeople({ customer }: { customer: string }) {
  const { t, value, ago, moment } = useI18n();
  const { carry } = useView();
  const now = useWorkspace().data?.now ?? '';
  const catalog = useMetrics().data;
  const persons = usePersons({ customer, limit: 20 });
  const recent = useRecent({ customer, limit: 30 });
  const list = persons.data?.pages.flatMap((p) => p.persons);
  const total = persons.data?.pages[0]?.total ?? 0;
  const events = catalog?.find((m) => m.name === 'events');
  return (
    <div className="grid two">
      <section className="panel" aria-label={t('customer.people')}>
        <header className="panel-head"><div className="panel-title"><h2>{t('customer.people')}</h2><p className="muted">{t('people.count', { n: total })}</p></div></header>
        <Loaded query={{ data: list, error: persons.error, refetch: persons.refetch }} height={180}>
          {(found) =>
            found.length ? (
              <div className="scroll" tabIndex={0}>
                <table className="data">
                  <caption className="sr-only">{t('customer.people')}</caption>
                  <thead><tr><th scope="col">{t('people.person')}</th><th scope="col">{t('people.last')}</th><th scope="col" className="num">{t('persons.events')}</th></tr></thead>
                  <tbody>{found.map((p) => <tr key={p.person_id}><th scope="row"><PersonLink person={p} />{p.name && p.email ? <span className="muted small id">{p.email}</span> : null}</th><td title={moment(p.last_at)}>{p.last_at ? ago(p.last_at, now) : '–'}</td><td className="num">{value(p.events ?? null, 'count')}</td></tr>)}</tbody>
                </table>
              </div>
            ) : (
              <p className="muted">{t('customer.people.none')}</p>
            )
          }
        </Loaded>
      </section>
      {events?.dimensions.some((d) => d.name === 'customer_id') && list?.length ? <MetricChart metrics={['events']} where={[`customer_id:${customer}`]} title={t('customer.use')} name={t('customer.use')} kind="bar" compare={false} height={180} /> : null}
      {recent.data?.events.length ? (
        <section className="panel wide-panel" aria-label={t('customer.did')}>
          <header className="panel-head"><div className="panel-title"><h2>{t('customer.did')}</h2></div><Link to="/live" search={carry as never} className="small">{t('page.live')}</Link></header>
          <ol className="event-lines dated">{[...recent.data.events].sort(byTime).slice(0, 12).map((e) => <EventLine key={`${e.person_id}|${e.event_id}`} event={e} seconds={false} person={list?.find((p) => p.person_id === e.person_id)?.name ?? null} />)}</ol>
        </section>
      ) : null}
    </div>
  );
}
