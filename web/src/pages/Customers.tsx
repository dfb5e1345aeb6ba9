/** Everybody who pays or paid: searched, sorted, paged. */
import { Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useCustomers, useWorkspace } from '../api/hooks';
import { Icon } from '../components/Icon';
import { Pager } from '../components/RowsTable';
import { Status } from '../components/Status';
import { Empty, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { useView } from '../state/useView';
import { NoData } from './Pulse';

const SIZE = 50;
const COLUMNS = [
  { key: 'name', sort: 'name', num: false },
  { key: 'mrr', sort: 'mrr', num: true },
  { key: 'plan', sort: 'plan', num: false },
  { key: 'status', sort: 'status', num: false },
  { key: 'since', sort: 'since', num: false },
  { key: 'ltv', sort: 'ltv', num: true },
  { key: 'country', sort: 'country', num: false },
  { key: 'channel', sort: null, num: false },
] as const;

export function Customers() {
  const { t, money, date, dim } = useI18n();
  const view = useView();
  const { q, sort = 'mrr', order = 'desc', page = 1 } = view.search;
  const [typed, setTyped] = useState(q ?? '');
  const search = useDebouncedCallback((text: string) => view.set({ q: text || undefined, page: undefined }, { replace: true }), 220);
  useEffect(() => setTyped(q ?? ''), [q]);
  const query = useCustomers({ search: q, sort, order, limit: SIZE, offset: (page - 1) * SIZE });
  const workspace = useWorkspace().data;
  if (workspace && !(workspace.tables['subscription_changes'] ?? 0) && !(workspace.tables['customers'] ?? 0)) return <div className="page"><h1>{t('page.customers')}</h1><NoData /></div>;
  const by = (key: string, num: boolean) => view.set({ sort: key === 'mrr' && order === 'asc' ? undefined : key, order: sort === key ? (order === 'desc' ? 'asc' : undefined) : num || key === 'since' ? undefined : 'asc', page: undefined });
  return (
    <div className="page" data-page="customers">
      <div className="page-head">
        <h1>{t('page.customers')}</h1>
        <TextInput
          type="search"
          aria-label={t('customers.search')}
          placeholder={t('customers.search')}
          leftSection={<Icon name="search" size={14} />}
          value={typed}
          onChange={(e) => { setTyped(e.currentTarget.value); search(e.currentTarget.value.trim()); }}
          className="grow"
        />
        <Select className="only-narrow" aria-label={t('customers.sort')} data={COLUMNS.flatMap((c) => (c.sort ? [{ value: c.sort, label: t(`customers.${c.key}`) }] : []))} value={sort} onChange={(v) => v && view.set({ sort: v, page: undefined })} allowDeselect={false} w={130} />
      </div>
      <Loaded query={query} height={560}>
        {(list) =>
          list.total === 0 ? (
            <Empty title={t('customers.none')}>{q ? t('customers.none.search', { q }) : t('customers.none.why')}</Empty>
          ) : (
            <section className="panel flush">
              <div className="scroll" tabIndex={0}>
                <table className="data wide">
                  <caption className="sr-only">{t('page.customers')}</caption>
                  <thead>
                    <tr>
                      {COLUMNS.map((c) => (
                        <th key={c.key} scope="col" className={c.num ? 'num' : undefined} aria-sort={!c.sort ? undefined : sort === c.sort ? (order === 'asc' ? 'ascending' : 'descending') : 'none'}>
                          {c.sort ? (
                            <button type="button" className="sort" onClick={() => by(c.sort, c.num)}>
                              {t(`customers.${c.key}`)}
                              <span aria-hidden="true" className="arrow">{sort === c.sort ? (order === 'asc' ? '↑' : '↓') : ''}</span>
                            </button>
                          ) : (
                            t(`customers.${c.key}`)
                          )}
                        </th>
                      ))}
                    </tr>
                  </thead>
                  <tbody>
                    {list.customers.map((c) => (
                      <tr key={c.customer_id}>
                        <th scope="row">
                          <Link to="/customers/$id" params={{ id: c.customer_id }} search={view.carry as never}>{c.name ?? c.customer_id}</Link>
                          {c.name ? <span className="muted small id">{c.customer_id}</span> : null}
                        </th>
                        <td className="num">{money(c.mrr, c.currency)}</td>
                        <td>{c.plan ?? '–'}</td>
                        <td><Status status={c.status} /></td>
                        <td>{date(c.since)}</td>
                        <td className="num">{money(c.ltv, c.currency)}</td>
                        <td>{c.country ? dim('country', c.country) : '–'}</td>
                        <td>{c.channel ? dim('channel', c.channel) : '–'}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              <Pager page={page - 1} size={SIZE} total={list.total} onPage={(p) => { view.set({ page: p ? p + 1 : undefined }); window.scrollTo({ top: 0 }); }} />
              {list.total <= SIZE ? <p className="muted small count">{t('customers.count', { n: list.total })}</p> : null}
            </section>
          )
        }
      </Loaded>
    </div>
  );
}
