/** One person: who, under which identifiers, with which customer, and everything they did. */
import { Button, Modal, SegmentedControl, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { send } from '../api/client';
import { isEvent, usePerson, type Identifier } from '../api/events';
import { useWorkspace } from '../api/hooks';
import { usePersonName } from '../components/People';
import { Status } from '../components/Status';
import { Timeline } from '../components/Timeline';
import { ErrorBox, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { useToken } from '../state/token';
import { useView } from '../state/useView';

const plain = (v: unknown): string => (v === null || v === undefined || v === '' ? '–' : typeof v === 'object' ? JSON.stringify(v) : String(v));

function Identifiers({ id, list }: { id: string; list: Identifier[] }) {
  const { t, date, maybe } = useI18n();
  const client = useQueryClient();
  const [asked, setAsked] = useState<Identifier | null>(null);
  const unlink = useMutation({ mutationFn: (identifier: string) => send('POST', `/persons/${encodeURIComponent(id)}/unlink`, { identifier }), onSuccess: async () => { setAsked(null); await client.invalidateQueries({ queryKey: ['events'] }); } });
  return (
    <section className="panel" aria-label={t('person.identifiers')}>
      <header className="panel-head"><div className="panel-title"><h2>{t('person.identifiers')}</h2><p className="muted">{t('person.identifiers.note')}</p></div></header>
      <ul className="identifiers">
        {list.map((i) => (
          <li key={i.id}>
            <code title={i.id}>{i.id}</code>
            <span className="muted small">{maybe(`person.kind.${i.kind}`, i.kind)}{i.at ? ` · ${date(i.at)}` : ''}</span>
            {i.id !== id && list.length > 1 ? <Button size="compact-xs" variant="subtle" color="gray" aria-label={t('person.unlinkOf', { id: i.id })} onClick={() => setAsked(i)}>{t('person.unlink')}</Button> : null}
          </li>
        ))}
      </ul>
      <Modal opened={asked !== null} onClose={() => setAsked(null)} title={t('person.unlinkOf', { id: asked?.id ?? '' })} closeButtonProps={{ 'aria-label': t('action.close') }}>
        <div className="stack">
          <p>{t('person.unlink.why')}</p>
          {unlink.error ? <ErrorBox error={unlink.error} /> : null}
          <div className="row"><Button loading={unlink.isPending} onClick={() => asked && unlink.mutate(asked.id)}>{t('person.unlink')}</Button><Button variant="default" onClick={() => setAsked(null)}>{t('action.cancel')}</Button></div>
        </div>
      </Modal>
    </section>
  );
}

/** Where something of a person may be, as the answer counts it. */
const PLACES = ['identifiers', 'events', 'records', 'event_files', 'source_rows', 'source_files', 'source_files_given_up', 'rejects', 'audit_lines'] as const;

/** `gone` is told as soon as the person is being removed, so that nobody asks for them any more. */
function Delete({ id, name, gone }: { id: string; name: string; gone: (is: boolean) => void }) {
  const { t, value } = useI18n();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState('');
  const remove = useMutation({
    mutationFn: () => send<Record<(typeof PLACES)[number], number>>('DELETE', `/persons/${encodeURIComponent(id)}`, undefined),
    onMutate: () => gone(true),
    onError: () => gone(false),
    onSuccess: () => client.invalidateQueries(),
  });
  const close = () => {
    setOpen(false);
    if (remove.data) void navigate({ to: '/persons' } as never);
  };
  return (
    <>
      <Button variant="subtle" color="red" size="compact-sm" className="bad-text" onClick={() => setOpen(true)}>{t('person.delete')}</Button>
      <Modal opened={open} onClose={close} title={t('person.deleteOf', { name })} closeButtonProps={{ 'aria-label': t('action.close') }}>
        {remove.data ? (
          <div className="stack" role="status">
            <p>{t('person.deleted')}</p>
            <dl className="pairs compact">{PLACES.map((k) => <div key={k}><dt>{t(`person.deleted.${k}`)}</dt><dd>{value(remove.data[k], 'count')}</dd></div>)}</dl>
            {remove.data.source_files_given_up ? <p className="muted small">{t('person.deleted.given_up')}</p> : null}
            <Button onClick={close}>{t('action.close')}</Button>
          </div>
        ) : (
          <form className="stack" onSubmit={(e) => { e.preventDefault(); remove.mutate(); }}>
            <p>{t('person.delete.why')}</p>
            <TextInput label={t('person.delete.type', { id })} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} autoComplete="off" data-autofocus />
            {remove.error ? <ErrorBox error={remove.error} /> : null}
            <div className="row"><Button type="submit" color="red" disabled={typed.trim() !== id} loading={remove.isPending}>{t('person.delete')}</Button><Button variant="default" onClick={close}>{t('action.cancel')}</Button></div>
          </form>
        )}
      </Modal>
    </>
  );
}

export function Person() {
  const { id } = useParams({ strict: false }) as { id: string };
  const { t, value, money, moment, ago, date, dim } = useI18n();
  const { carry } = useView();
  const name = usePersonName();
  const now = useWorkspace().data?.now ?? '';
  const [only, setOnly] = useToken('show');
  const [gone, setGone] = useState(false);
  const query = usePerson(id, !gone);
  const head = query.data?.pages[0];
  return (
    <div className="page" data-page="person">
      <nav className="crumbs" aria-label={t('crumbs.label')}><Link to="/persons" search={carry as never}>{t('page.persons')}</Link></nav>
      <Loaded query={{ data: head, error: query.error, isPlaceholderData: query.isPlaceholderData, refetch: query.refetch }} height={600}>
        {(page) => {
          const p = page.person;
          const items = (query.data?.pages ?? []).flatMap((x) => x.timeline).filter((i) => !only || isEvent(i) === (only === 'event'));
          const facts: [string, React.ReactNode][] = [
            [t('people.customer'), p.customer ? <span key="c"><Link to="/customers/$id" params={{ id: p.customer.customer_id }} search={carry as never}>{p.customer.name ?? p.customer.customer_id}</Link> <Status status={p.customer.status} /></span> : '–'],
            ...(p.customer ? [[t('customers.plan'), p.customer.plan ?? '–'] as [string, React.ReactNode], [t('customers.mrr'), money(p.customer.mrr, p.customer.currency)] as [string, React.ReactNode]] : []),
            [t('people.last'), <span key="l" title={moment(p.last_at)}>{p.last_at ? ago(p.last_at, now) : '–'}</span>],
            [t('persons.first'), date(p.first_at)],
            [t('persons.events'), value(p.events, 'count')],
            [t('persons.channel'), p.channel ? dim('channel', p.channel) : '–'],
            [t('customers.country'), p.country ? dim('country', p.country) : '–'],
          ];
          return (
            <>
              <div className="page-head">
                <h1>{name(p)}</h1>
                <span className="muted">{p.person_id}{p.email && p.name ? ` · ${p.email}` : ''}</span>
                <span className="push"><Delete id={p.person_id} name={name(p)} gone={setGone} /></span>
              </div>
              <dl className="facts">{facts.map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>
              <div className="grid two-one">
                <section className="panel" aria-label={t('customer.timeline')}>
                  <header className="panel-head">
                    <div className="panel-title"><h2>{t('customer.timeline')}</h2></div>
                    {p.customer ? <SegmentedControl size="xs" aria-label={t('person.show')} data={[{ value: '', label: t('person.show.all') }, { value: 'event', label: t('person.show.events') }, { value: 'record', label: t('person.show.records') }]} value={only ?? ''} onChange={(v) => setOnly(v || undefined)} /> : null}
                  </header>
                  {items.length ? <Timeline items={items} /> : <p className="muted">{t('customer.nothing')}</p>}
                  {query.hasNextPage ? <div className="more"><Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{t('person.earlier')}</Button></div> : null}
                </section>
                <div className="column">
                  <Identifiers id={p.person_id} list={p.identifiers} />
                  {Object.keys(p.traits).length ? (
                    <section className="panel" aria-label={t('person.traits')}>
                      <header className="panel-head"><h2>{t('person.traits')}</h2></header>
                      <dl className="pairs">{Object.entries(p.traits).map(([k, v]) => <div key={k}><dt>{k.replaceAll('_', ' ')}</dt><dd>{typeof v === 'string' && /^\d{4}-\d\d-\d\dT/.test(v) ? date(v) : plain(v)}</dd></div>)}</dl>
                    </section>
                  ) : null}
                  <p className="muted small">{t('origin.asOf', { at: moment(page.as_of) })}</p>
                </div>
              </div>
            </>
          );
        }}
      </Loaded>
    </div>
  );
}
