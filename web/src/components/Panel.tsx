/** The side panel of a figure: Why, Rows, Definition. It does not cover what was clicked, and the address knows it. */
import { Tabs } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { useMetrics } from '../api/hooks';
import { useI18n } from '../i18n/context';
import { withEvents } from '../i18n/store';
import { usePeriodDefault } from '../state/usePeriodDefault';
import { useView } from '../state/useView';
import { readFilter, type Tab } from '../state/view';
import { Definition } from './Definition';
import { RowsTable } from './RowsTable';
import { Side } from './Side';
import { Why } from './Why';

const PeopleList = lazy(() => withEvents(import('./People')).then((m) => ({ default: m.PeopleList })));
/** Areas whose figures count persons. */
const PERSONAL = new Set(['acquisition', 'product']);

export function Panel() {
  const { t, text, period, dim } = useI18n();
  const view = useView();
  const { search, set } = view;
  const metric = search.open;
  const catalog = useMetrics().data;
  const fallback = usePeriodDefault();

  if (!metric) return null;
  const about = catalog?.find((m) => m.name === metric);
  const name = about ? text(about.label) : metric;
  const at = search.period ?? fallback;
  const only = search.only ?? [];
  const params = { period: at, against: search.against, where: [...view.where, ...only], currency: search.currency };
  const close = () => set({ open: undefined, period: undefined, against: undefined, tab: undefined, only: undefined, split: undefined });
  const tab: Tab = search.tab ?? 'why';
  const persons = PERSONAL.has(about?.area ?? '');
  return (
    <Side
      label={t('panel.label', { name })}
      title={<Link to="/metrics/$name" params={{ name: metric }} search={view.carry as never}>{name}</Link>}
      note={
        <>
          {period(at)}
          {only.map((o) => readFilter(o)).map((f) => (f ? ` · ${f.values.map((v) => dim(f.dim, v)).join(', ')}` : ''))}
        </>
      }
      of={metric}
      onClose={close}
    >
      <Tabs value={tab} onChange={(v) => set({ tab: v === 'why' ? undefined : (v as Tab) }, { replace: true })} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="why">{t('panel.why')}</Tabs.Tab>
          <Tabs.Tab value="rows">{t('panel.rows')}</Tabs.Tab>
          {persons ? <Tabs.Tab value="people">{t('panel.people')}</Tabs.Tab> : null}
          <Tabs.Tab value="definition">{t('panel.definition')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="why">
          <Why metric={metric} params={params} split={search.split} onSplit={(s) => set({ split: s }, { replace: true })} height={230} />
        </Tabs.Panel>
        <Tabs.Panel value="rows">
          <RowsTable key={`${metric}${at}${only.join()}`} metric={metric} params={{ period: at, where: params.where, currency: undefined }} />
        </Tabs.Panel>
        {persons ? (
          <Tabs.Panel value="people">
            <Suspense fallback={null}><PeopleList params={{ of: 'metric', metric, period: at, where: [...view.where, ...only] }} /></Suspense>
          </Tabs.Panel>
        ) : null}
        <Tabs.Panel value="definition">
          <Definition metric={metric} params={params} compact />
        </Tabs.Panel>
      </Tabs>
    </Side>
  );
}
