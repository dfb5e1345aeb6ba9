/** The facts behind a figure, with links to customers and records. */
import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useMetrics, useRows } from '../api/hooks';
import type { Params } from '../api/client';
import type { Cell, Rows } from '../api/types';
import { useI18n } from '../i18n/context';
import { useView } from '../state/useView';
import { Icon } from './Icon';
import { pairs } from '../state/properties';
import { Empty, Loaded } from './states';

const PAGE = 25;

const WORDS = new Set(['movement', 'country', 'interval', 'reason', 'channel', 'device', 'event', 'cohort', 'cause']);

export function useCell(): (type: string, column: string, cell: Cell, currency: string) => string {
  const { value, money, moment, date, dim, t } = useI18n();
  return (type, column, cell, currency) => {
    if (cell === null || cell === '') return '–';
    const kind = type.toLowerCase();
    if (typeof cell === 'boolean') return t(cell ? 'value.yes' : 'value.no');
    if (kind.startsWith('timestamp')) return moment(String(cell));
    if (kind.startsWith('date')) return date(String(cell));
    if (kind === 'money' && typeof cell === 'number') return money(cell, currency);
    if (column !== 'seconds' && typeof cell === 'number') return column.endsWith('_id') || column.endsWith('_key') ? String(cell) : value(cell, 'number');
    if (column === 'seconds' && typeof cell === 'number') return value(cell, 'seconds');
    if (column === 'properties') return pairs(String(cell));
    if (WORDS.has(column)) return dim(column, String(cell));
    return String(cell);
  };
}

const currencyOf = (rows: Rows, values: Cell[], fallback: string): string => {
  const i = rows.columns.findIndex((c) => c.name === 'currency');
  const v = i >= 0 ? values[i] : null;
  return typeof v === 'string' && v.length === 3 ? v : fallback;
};

/** What a reader looks for first; the rest follows. */
const FIRST = ['at', 'date', 'event', 'person_id', 'customer_id', 'movement', 'amount', 'value', 'currency', 'plan', 'reason', 'interval', 'quantity'];
const TECHNICAL = new Set(['movement_id', 'is_transfer', 'event_id', 'change_key']);

/** Which columns are shown, in which order: nothing technical, nothing that is empty or "no" in every row. */
export function shownColumns(rows: Rows): number[] {
  const rank = (i: number): number => (FIRST.indexOf(rows.columns[i]!.name) + 1 || 99);
  return rows.columns
    .map((_, i) => i)
    .filter((i) => !TECHNICAL.has(rows.columns[i]!.name) && rows.rows.some((r) => r.values[i] !== null && r.values[i] !== false && r.values[i] !== ''))
    .sort((a, b) => rank(a) - rank(b));
}

export function RowsTable({ metric, params }: { metric: string; params: Params }) {
  const { t, maybe, value, dimName } = useI18n();
  const catalog = useMetrics().data;
  const unitOf = (name: string) => catalog?.find((m) => m.name === name)?.unit ?? 'number';
  const view = useView();
  const cell = useCell();
  const [page, setPage] = useState(0);
  const query = useRows(metric, { ...params, limit: PAGE, offset: page * PAGE });
  return (
    <Loaded query={query} height={320}>
      {(rows) =>
        rows.total === 0 ? (
          <Empty title={t('rows.none')}>{t('rows.none.why')}</Empty>
        ) : (
          <>
            <p className="muted rows-sum">
              {t('rows.count', { n: rows.total })}
              {rows.sum !== null && rows.sum !== undefined ? ` · ${t('rows.sum', { sum: value(rows.sum, unitOf(rows.metric ?? metric)) })}` : ''}
            </p>
            <div className="scroll" tabIndex={0}>
              <table className="data">
                <caption className="sr-only">{t('rows.caption')}</caption>
                <thead>
                  <tr>
                    {shownColumns(rows).map((i) => rows.columns[i]!).map((c) => <th key={c.name} scope="col" className={isNumber(c.type) ? 'num' : undefined}>{maybe(`column.${c.name}`, dimName(c.name))}</th>)}
                    <th scope="col"><span className="sr-only">{t('rows.record')}</span></th>
                  </tr>
                </thead>
                <tbody>
                  {rows.rows.map((row, i) => (
                    <tr key={i}>
                      {shownColumns(rows).map((k) => [rows.columns[k]!, k] as const).map(([c, k]) => (
                        <td key={c.name} className={isNumber(c.type) ? 'num' : /^(timestamp|date)/i.test(c.type) ? 'nowrap' : undefined}>
                          {c.name === 'person_id' && row.values[k] ? (
                            <Link to="/persons/$id" params={{ id: String(row.values[k]) }} search={view.carry as never} className="nowrap">{String(row.values[k])}</Link>
                          ) : c.name === 'customer_id' && row.values[k] ? (
                            <Link to="/customers/$id" params={{ id: String(row.values[k]) }} search={view.carry as never}>{String(row.values[k])}</Link>
                          ) : (
                            cell(c.type, c.name, row.values[k] ?? null, currencyOf(rows, row.values, view.currency))
                          )}
                        </td>
                      ))}
                      <td>
                        {row.record ? (
                          <Link to="/records/$table/$entity/$key" params={{ table: row.record.table, entity: row.record.entity, key: String(row.record.key) }} search={view.carry as never} aria-label={t('rows.record')} title={t('rows.record')}>
                            <Icon name="link" size={14} />
                          </Link>
                        ) : null}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            <Pager page={page} size={PAGE} total={rows.total} onPage={setPage} />
          </>
        )
      }
    </Loaded>
  );
}

const isNumber = (type: string): boolean => /^(money|int|float|decimal|minor|number|count|double)/i.test(type);

export function Pager({ page, size, total, onPage }: { page: number; size: number; total: number; onPage: (page: number) => void }) {
  const { t } = useI18n();
  if (total <= size) return null;
  const last = Math.ceil(total / size) - 1;
  return (
    <nav className="pager" aria-label={t('pager.label')}>
      <Button size="compact-sm" variant="default" disabled={page <= 0} onClick={() => onPage(page - 1)}>{t('pager.back')}</Button>
      <span className="muted">{t('pager.at', { from: page * size + 1, to: Math.min(total, (page + 1) * size), total })}</span>
      <Button size="compact-sm" variant="default" disabled={page >= last} onClick={() => onPage(page + 1)}>{t('pager.next')}</Button>
    </nav>
  );
}
