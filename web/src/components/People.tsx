/** The people behind a bar: who they are, whom they belong to, when they were last seen. */
import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import type { Params } from '../api/client';
import { usePeople, type PersonHead } from '../api/events';
import { useWorkspace } from '../api/hooks';
import { download, fileName } from '../charts/ChartFrame';
import { toCsv } from '../charts/sheet';
import { useI18n } from '../i18n/context';
import { useView } from '../state/useView';
import '../styles-events.css';
import { Icon } from './Icon';
import { Pager } from './RowsTable';
import { Side } from './Side';
import { Empty, Loaded } from './states';

const PAGE = 50;

/** A name where there is one; anonymous persons are told by the beginning of their identifier. */
export function usePersonName(): (p: { person_id: string; name?: string | null; email?: string | null }) => string {
  const { t } = useI18n();
  return (p) => p.name || p.email || (p.person_id.length > 18 || /^anon/.test(p.person_id) ? t('person.anonymous', { id: p.person_id.replace(/^anon[-_]?/, '').slice(0, 8) }) : p.person_id);
}

export function PersonLink({ person }: { person: Pick<PersonHead, 'person_id' | 'name' | 'email'> }) {
  const name = usePersonName();
  const { carry } = useView();
  return <Link to="/persons/$id" params={{ id: person.person_id }} search={carry as never} title={person.person_id}>{name(person)}</Link>;
}

export function PeopleList({ params }: { params: Params }) {
  const { t, ago, moment } = useI18n();
  const { carry } = useView();
  const now = useWorkspace().data?.now ?? '';
  const [page, setPage] = useState(0);
  const name = usePersonName();
  const query = usePeople({ ...params, limit: PAGE, offset: page * PAGE });
  return (
    <Loaded query={query} height={320}>
      {(found) => {
        if (found.total === 0) return <Empty title={t('people.none')}>{t('people.none.why')}</Empty>;
        const save = () => {
          const text = toCsv({ name: '', head: ['person_id', 'name', 'email', 'customer_id', 'last_at'], rows: found.people.map((p) => [p.person_id, p.name, p.email, p.customer_id, p.last_at]) });
          const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
          download(url, fileName(t('people.title'), 'csv'));
          setTimeout(() => URL.revokeObjectURL(url), 10_000);
        };
        return (
          <>
            <div className="row between">
              <p className="muted rows-sum">{t('people.count', { n: found.total })}</p>
              <Button size="compact-sm" variant="subtle" color="gray" leftSection={<Icon name="download" size={14} />} onClick={save}>{t('export.csv')}</Button>
            </div>
            <div className="scroll" tabIndex={0}>
              <table className="data">
                <caption className="sr-only">{t('people.title')}</caption>
                <thead><tr><th scope="col">{t('people.person')}</th><th scope="col">{t('people.customer')}</th><th scope="col">{t('people.last')}</th></tr></thead>
                <tbody>
                  {found.people.map((p) => (
                    <tr key={p.person_id}>
                      <th scope="row"><PersonLink person={p} />{p.name && p.email ? <span className="muted small id">{p.email}</span> : null}<span className="sr-only">{name(p) === p.person_id ? '' : p.person_id}</span></th>
                      <td>{p.customer_id ? <Link to="/customers/$id" params={{ id: p.customer_id }} search={carry as never}>{p.customer_name ?? p.customer_id}</Link> : <span className="muted">–</span>}</td>
                      <td title={moment(p.last_at)}>{ago(p.last_at, now)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {found.total > PAGE ? <Pager page={page} size={PAGE} total={found.total} onPage={setPage} /> : null}
          </>
        );
      }}
    </Loaded>
  );
}

/** The list beside the page. */
export function PeoplePanel({ title, note, params, controls, onClose }: { title: string; note?: string; params: Params; controls?: ReactNode; onClose: () => void }) {
  const { t } = useI18n();
  const key = JSON.stringify(params);
  return (
    <Side label={t('people.of', { name: title })} title={title} note={note} of={title} onClose={onClose}>
      {controls ? <div className="side-controls">{controls}</div> : null}
      <PeopleList key={key} params={params} />
    </Side>
  );
}
