/** A chart with its title, legend, menu (CSV, XLSX, PNG), and the same figures as a table one click away. */
import { ActionIcon, Menu, Tooltip } from '@mantine/core';
import type { EChartsOption } from 'echarts';
import { useMemo, useState, type ReactNode } from 'react';
import { BASE, search, type Params } from '../api/client';
import { Icon } from '../components/Icon';
import { useI18n } from '../i18n/context';
import { useScheme } from '../state/scheme';
import { useIsNarrow } from '../state/useIsNarrow';
import { Chart, picture, type Click } from './Chart';
import { colourOf, type Words } from './options';
import { colours, type Colours } from './colours';
import type { Figure } from './figure';
import type { Sheet } from './sheet';

export interface TableModel {
  head: string[];
  rows: { key: string; head: string; cells: string[]; open?: () => void }[];
}

export interface LegendItem {
  name: string;
  colour: string;
  dashed?: boolean;
}

export const fileName = (name: string, ending: string): string => `${name.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').toLowerCase()}.${ending}`;

export function download(url: string, name: string): void {
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  a.click();
}

export function useWords(): Words {
  const { t, value, axis, period } = useI18n();
  const narrow = useIsNarrow();
  return useMemo(
    () => ({ axis, value: (v: number | null, unit: string) => value(v, unit), period: (label: string, short: boolean) => period(label, short ? 'short' : 'full'), unfinished: t('period.unfinished'), compared: t('compare.label'), narrow }),
    [t, value, axis, period, narrow],
  );
}

export function useColours(): Colours {
  return colours(useScheme());
}

/** The figure as a table, newest period first. */
export function useFigureTable(figure: Figure | null, onOpen?: (index: number, line: number) => void): TableModel {
  const { t, value, period } = useI18n();
  return useMemo(() => {
    if (!figure) return { head: [], rows: [] };
    const head = [t('table.period')];
    for (const line of figure.lines) {
      head.push(line.name);
      if (line.compare) head.push(t('table.compared', { name: line.name }));
    }
    const rows = figure.periods.map((p, i) => ({
      key: p.label,
      head: period(p.label) + (p.complete ? '' : ` · ${t('period.unfinished')}`),
      cells: figure.lines.flatMap((line) => [value(line.values[i] ?? null, line.unit), ...(line.compare ? [value(line.compare[i] ?? null, line.unit)] : [])]),
      ...(onOpen ? { open: () => onOpen(i, 0) } : {}),
    }));
    return { head, rows: rows.reverse() };
  }, [figure, onOpen, t, value, period]);
}

export function figureLegend(figure: Figure | null, c: Colours, compared: string | null): LegendItem[] {
  if (!figure) return [];
  const items: LegendItem[] = figure.lines.length > 1 ? figure.lines.map((line, i) => ({ name: line.name, colour: colourOf(line, i, c) })) : [];
  if (compared && figure.lines.some((l) => l.compare)) items.push({ name: compared, colour: c.compare, dashed: true });
  return items;
}

export function FigureTable({ table, caption }: { table: TableModel; caption: string }) {
  return (
    <table className="data figures">
      <caption className="sr-only">{caption}</caption>
      <thead>
        <tr>{table.head.map((h, i) => <th key={i} scope="col" className={i ? 'num' : undefined}>{h}</th>)}</tr>
      </thead>
      <tbody>
        {table.rows.map((row) => (
          <tr key={row.key}>
            <th scope="row">{row.open ? <button type="button" className="link" onClick={row.open}>{row.head}</button> : row.head}</th>
            {row.cells.map((cell, i) => <td key={i} className="num">{cell}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface Props {
  title: ReactNode;
  /** The title as plain text, for files and readers. */
  name: string;
  note?: ReactNode;
  controls?: ReactNode;
  legend?: LegendItem[];
  option: EChartsOption | null;
  /** For pictures, where the page shows a table in its place. */
  pictureOption?: () => EChartsOption;
  table: TableModel;
  height?: number;
  onClick?: (click: Click) => void;
  vertical?: boolean;
  /** What CSV and XLSX ask the server for. */
  query?: { metrics: string[]; params: Params } | undefined;
  /** The figures as they are, where the browser itself writes CSV and XLSX. */
  sheet?: (() => Sheet) | undefined;
  origin?: string;
  children?: ReactNode;
  stale?: boolean;
  className?: string;
}

export function ChartFrame({ title, name, note, controls, legend = [], option, pictureOption, table, height = 280, onClick, vertical, query, sheet, origin, children, stale, className }: Props) {
  const { t } = useI18n();
  const c = useColours();
  const [asTable, setAsTable] = useState(false);
  const address = query ? search({ metrics: query.metrics.join(','), ...query.params }) : '';
  const save = async () => {
    const drawn = pictureOption ? pictureOption() : option;
    if (!drawn) return;
    const url = await picture(drawn, { title: name, note: origin ?? '', background: c.surface, text: c.text, muted: c.muted, names: pictureOption ? [] : legend.filter((item) => !item.dashed).map((item) => item.name), height: pictureOption ? Math.max(420, table.rows.length * 24 + 140) : 560 });
    download(url, fileName(name, 'png'));
  };
  const file = async (form: 'csv' | 'xlsx') => {
    if (!sheet) return;
    const { toCsv, toXlsx } = await import('./sheet');
    const content = sheet();
    const blob = form === 'csv' ? new Blob([toCsv(content)], { type: 'text/csv;charset=utf-8' }) : new Blob([toXlsx(content) as BlobPart], { type: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet' });
    const url = URL.createObjectURL(blob);
    download(url, fileName(name, form));
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
  return (
    <section className={`panel ${className ?? ''}`} aria-label={name}>
      <header className="panel-head">
        <div className="panel-title">
          <h2>{title}</h2>
          {note ? <p className="muted">{note}</p> : null}
        </div>
        <div className="panel-tools">
          {controls}
          <Tooltip label={asTable ? t('chart.asChart') : t('chart.asTable')}>
            <ActionIcon variant="subtle" color="gray" aria-label={asTable ? t('chart.asChart') : t('chart.asTable')} aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
              <Icon name={asTable ? 'chart' : 'table'} />
            </ActionIcon>
          </Tooltip>
          <Menu position="bottom-end" withinPortal>
            <Menu.Target>
              <ActionIcon variant="subtle" color="gray" aria-label={t('chart.menu', { name })}>
                <Icon name="dots" />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              {query ? (
                <>
                  <Menu.Item component="a" href={`${BASE}/query.csv${address}`} download leftSection={<Icon name="download" />}>{t('export.csv')}</Menu.Item>
                  <Menu.Item component="a" href={`${BASE}/query.xlsx${address}`} download leftSection={<Icon name="download" />}>{t('export.xlsx')}</Menu.Item>
                </>
              ) : null}
              {sheet && !query ? (
                <>
                  <Menu.Item leftSection={<Icon name="download" />} onClick={() => void file('csv')}>{t('export.csv')}</Menu.Item>
                  <Menu.Item leftSection={<Icon name="download" />} onClick={() => void file('xlsx')}>{t('export.xlsx')}</Menu.Item>
                </>
              ) : null}
              {option || pictureOption ? <Menu.Item leftSection={<Icon name="download" />} onClick={() => void save()}>{t('export.png')}</Menu.Item> : null}
            </Menu.Dropdown>
          </Menu>
        </div>
      </header>
      {legend.length ? (
        <ul className="legend" aria-hidden="true">
          {legend.map((item, i) => (
            <li key={i}>
              <span className={item.dashed ? 'key dashed' : 'key'} style={item.dashed ? { borderColor: item.colour } : { background: item.colour }} />
              {item.name}
            </li>
          ))}
        </ul>
      ) : null}
      <div className={stale ? 'stale' : undefined}>
        {children && !asTable ? (
          children
        ) : asTable || !option ? (
          <div className="scroll" style={{ maxHeight: Math.max(height, 240) }} tabIndex={0}>
            <FigureTable table={table} caption={name} />
          </div>
        ) : (
          <>
            <Chart option={option} height={height} onClick={onClick} vertical={vertical ?? false} />
            <div className="sr-only">
              <FigureTable table={{ ...table, rows: table.rows.map(({ open: _, ...row }) => row) }} caption={name} />
            </div>
          </>
        )}
      </div>
    </section>
  );
}
