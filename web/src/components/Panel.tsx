/** The side panel of a figure: Why, Rows, Definition. It does not cover what was clicked, and the address knows it. */
import { ActionIcon, CloseButton, Tabs, Tooltip } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { useMetrics } from '../api/hooks';
import { useI18n } from '../i18n/context';
import { usePeriodDefault } from '../state/usePeriodDefault';
import { useView } from '../state/useView';
import { readFilter, type Tab } from '../state/view';
import { Definition } from './Definition';
import { Icon } from './Icon';
import { RowsTable } from './RowsTable';
import { Why } from './Why';

export function Panel() {
  const { t, text, period, dim } = useI18n();
  const view = useView();
  const { search, set } = view;
  const metric = search.open;
  const box = useRef<HTMLElement>(null);
  const catalog = useMetrics().data;
  const fallback = usePeriodDefault();
  const [copied, setCopied] = useState(false);

  useEffect(() => {
    if (!metric) return;
    const before = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    box.current?.focus();
    return () => before?.focus();
  }, [metric]);

  if (!metric) return null;
  const about = catalog?.find((m) => m.name === metric);
  const name = about ? text(about.label) : metric;
  const at = search.period ?? fallback;
  const only = search.only ?? [];
  const params = { period: at, against: search.against, where: [...view.where, ...only], currency: search.currency };
  const close = () => set({ open: undefined, period: undefined, against: undefined, tab: undefined, only: undefined, split: undefined });
  const tab: Tab = search.tab ?? 'why';
  return (
    <aside
      ref={box}
      className="side"
      role="dialog"
      aria-label={t('panel.label', { name })}
      tabIndex={-1}
      onKeyDown={(e) => {
        if (e.key === 'Escape' && !e.defaultPrevented) {
          e.stopPropagation();
          close();
        }
      }}
    >
      <header>
        <div>
          <h2><Link to="/metrics/$name" params={{ name: metric }} search={view.carry as never}>{name}</Link></h2>
          <p className="muted">
            {period(at)}
            {only.map((o) => readFilter(o)).map((f) => (f ? ` · ${f.values.map((v) => dim(f.dim, v)).join(', ')}` : ''))}
          </p>
        </div>
        <span className="side-tools">
          <Tooltip label={copied ? t('action.copied') : t('action.copyLink')}>
            <ActionIcon variant="subtle" color="gray" aria-label={t('action.copyLink')} onClick={() => void navigator.clipboard?.writeText(location.href).then(() => { setCopied(true); setTimeout(() => setCopied(false), 1500); })}>
              <Icon name={copied ? 'check' : 'link'} />
            </ActionIcon>
          </Tooltip>
          <CloseButton aria-label={t('action.close')} onClick={close} />
        </span>
      </header>
      <Tabs value={tab} onChange={(v) => set({ tab: v === 'why' ? undefined : (v as Tab) }, { replace: true })} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="why">{t('panel.why')}</Tabs.Tab>
          <Tabs.Tab value="rows">{t('panel.rows')}</Tabs.Tab>
          <Tabs.Tab value="definition">{t('panel.definition')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="why">
          <Why metric={metric} params={params} split={search.split} onSplit={(s) => set({ split: s }, { replace: true })} height={230} />
        </Tabs.Panel>
        <Tabs.Panel value="rows">
          <RowsTable key={`${metric}${at}${only.join()}`} metric={metric} params={{ period: at, where: params.where, currency: undefined }} />
        </Tabs.Panel>
        <Tabs.Panel value="definition">
          <Definition metric={metric} params={params} compact />
        </Tabs.Panel>
      </Tabs>
    </aside>
  );
}
