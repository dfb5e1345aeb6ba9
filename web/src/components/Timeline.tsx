/** What a person did and what their customer's records say, in one line of time. */
import { Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import type { PersonItem, PersonRecord } from '../api/events';
import { useI18n } from '../i18n/context';
import type { Values } from '../i18n/core';
import { useEventName } from '../state/useEventWords';
import { sittings, type Block, type Run } from '../state/timeline';
import { useView } from '../state/useView';
import { Properties } from './EventLine';
import { Icon } from './Icon';

const MOVES = new Set(['new', 'expansion', 'reactivation', 'contraction', 'churn']);

function RecordLine({ item }: { item: PersonRecord }) {
  const { t, maybe, money, moment, dim, value } = useI18n();
  const { carry } = useView();
  const values: Values = {};
  for (const [k, v] of Object.entries(item.params)) values[k] = v === null || v === undefined ? null : typeof v === 'number' ? value(v, 'number') : dim(k, String(v));
  const last = item.title_key.split('.').at(-1) ?? '';
  const title = maybe(`timeline.${item.title_key}`, maybe(item.title_key, last.replaceAll('_', ' '), values), values);
  const details = [...new Set(['plan', 'reason'].map((k) => values[k]).filter(Boolean))].filter((d) => !title.includes(String(d)));
  return (
    <li className="happening record">
      <time className="muted" dateTime={item.at}>{moment(item.at)}</time>
      <span className={`pin ${MOVES.has(last) ? last : 'ledger'}`} aria-hidden="true" />
      <span className="happening-what"><strong>{title}</strong>{details.length ? <span className="muted">{details.join(' · ')}</span> : null}</span>
      <span className="num">{item.amount !== null && item.currency ? money(item.amount, item.currency, 'full', MOVES.has(last)) : ''}</span>
      <span>{item.record ? <Link to="/records/$table/$entity/$key" params={{ table: item.record.table, entity: item.record.entity, key: String(item.record.key) }} search={carry as never} aria-label={t('rows.record')} title={t('rows.record')}><Icon name="link" size={14} /></Link> : null}</span>
    </li>
  );
}

/** Events that only their address tells apart. */
const SEEN = new Set(['page_view', 'screen_view']);

function RunButton({ run, open, onClick, strong = false }: { run: Run; open: boolean; onClick: () => void; strong?: boolean }) {
  const { t } = useI18n();
  const eventName = useEventName();
  const paths = SEEN.has(run.event) ? [...new Set(run.items.map((i) => i.path).filter((p): p is string => Boolean(p)))].reverse() : [];
  return (
    <button type="button" className="run" aria-expanded={open} onClick={onClick}>
      {strong ? <strong>{eventName(run.event)}</strong> : <span>{eventName(run.event)}</span>}
      {run.count > 1 ? <span className="times">{t('timeline.times', { n: run.count })}</span> : null}
      {paths.length ? <span className="muted small run-path">{paths.slice(0, 3).join(' · ')}{paths.length > 3 ? ' …' : ''}</span> : null}
    </button>
  );
}

function RunItems({ run }: { run: Run }) {
  const { time } = useI18n();
  return <ol className="run-items">{run.items.slice(0, 20).map((i) => <li key={i.event_id}><time className="muted small" dateTime={i.at}>{time(i.at)}</time>{i.path ? <span className="small">{i.path}</span> : null}<Properties of={i.properties} /></li>)}</ol>;
}

function RunLine({ run }: { run: Run }) {
  const [open, setOpen] = useState(false);
  return (
    <li className={open ? 'open' : undefined}>
      <RunButton run={run} open={open} onClick={() => setOpen(!open)} />
      {open ? <RunItems run={run} /> : null}
    </li>
  );
}

function Sitting({ block }: { block: Extract<Block, { kind: 'sitting' }> }) {
  const { t, moment, value, dim } = useI18n();
  const [open, setOpen] = useState(false);
  const first = block.runs.at(-1)!.items.at(-1)!;
  // One event needs no heading of its own.
  const single = block.events === 1 ? block.runs[0]! : null;
  const seconds = (Date.parse(block.to) - Date.parse(block.from)) / 1000;
  const about = [first.channel ? dim('channel', first.channel) : null, first.device ? dim('device', first.device) : null, first.country ? dim('country', first.country) : null].filter(Boolean);
  return (
    <li className="sitting">
      <time className="muted" dateTime={block.from}>{moment(block.from)}</time>
      <span className="pin visit" aria-hidden="true" />
      <div className="sitting-what">
        <p>{single ? <RunButton run={single} open={open} onClick={() => setOpen(!open)} strong /> : <strong>{t('timeline.sitting', { n: block.events })}</strong>} <span className="muted small">{[seconds >= 1 ? value(seconds, 'seconds') : null, ...about].filter(Boolean).join(' · ')}</span></p>
        {single ? (open ? <RunItems run={single} /> : null) : <ol className="runs">{[...block.runs].reverse().map((r, i) => <RunLine key={i} run={r} />)}</ol>}
      </div>
    </li>
  );
}

export function Timeline({ items }: { items: readonly PersonItem[] }) {
  const blocks = useMemo(() => sittings(items), [items]);
  return <ol className="timeline">{blocks.map((b) => (b.kind === 'record' ? <RecordLine key={b.key} item={b.item} /> : <Sitting key={b.key} block={b} />))}</ol>;
}
