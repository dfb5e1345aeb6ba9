/** One event in a list: when, who, what, where; its properties on demand. */
import { useState } from 'react';
import type { EventRow } from '../api/events';
import { useI18n } from '../i18n/context';
import { useWorkspace } from '../api/hooks';
import { useEventName } from '../state/useEventWords';
import { usePersonName } from './People';
import { Link } from '@tanstack/react-router';
import { useView } from '../state/useView';
import { Icon } from './Icon';

/** Properties as pairs; objects as JSON, nothing empty. */
export function Properties({ of }: { of: Record<string, unknown> | null }) {
  const { t } = useI18n();
  const list = Object.entries(of ?? {}).filter(([, v]) => v !== null && v !== undefined && v !== '');
  if (!list.length) return <p className="muted small">{t('event.noProperties')}</p>;
  return (
    <dl className="pairs compact">
      {list.map(([k, v]) => <div key={k}><dt><code>{k}</code></dt><dd>{typeof v === 'object' ? <code>{JSON.stringify(v)}</code> : String(v)}</dd></div>)}
    </dl>
  );
}

/** Newest first by the moment of the event, whatever the order of arrival. */
export const byTime = (a: EventRow, b: EventRow): number => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0);

export function EventLine({ event, seconds = true, who = true, fresh = false, person = null }: { event: EventRow; seconds?: boolean; who?: boolean; fresh?: boolean; person?: string | null }) {
  const { t, moment, date, dim } = useI18n();
  const eventName = useEventName();
  const now = useWorkspace().data?.now;
  const { carry } = useView();
  const name = usePersonName();
  const [open, setOpen] = useState(false);
  const about = [event.path, event.channel ? dim('channel', event.channel) : null, event.country ? dim('country', event.country) : null, event.device ? dim('device', event.device) : null].filter(Boolean);
  const when = moment(event.at, seconds);
  // The date is said unless it is today's.
  const today = now !== undefined && date(event.at) === date(now);
  return (
    <li className={fresh ? 'event-line arrived' : 'event-line'}>
      <time className="muted small" dateTime={event.at} title={when}>{today ? when.replace(/^.*?(\d\d:\d\d(?::\d\d)?)$/, '$1') : moment(event.at)}</time>
      <button type="button" className="event-what" aria-expanded={open} onClick={() => setOpen(!open)}>
        <strong>{eventName(event.event)}</strong>
        <span className="muted small">{about.join(' · ')}</span>
      </button>
      {who ? <span className="event-who"><Link to="/persons/$id" params={{ id: event.person_id }} search={carry as never}>{person || name({ person_id: event.person_id, name: event.person_name })}</Link></span> : null}
      {event.customer_id && who ? <Link className="event-customer" to="/customers/$id" params={{ id: event.customer_id }} search={carry as never} aria-label={t('event.customer', { id: event.customer_id })} title={event.customer_id}><Icon name="customers" size={14} /></Link> : <span />}
      {open ? <div className="event-more"><Properties of={event.properties} /></div> : null}
    </li>
  );
}
