/** The choice of a dimension to divide a figure by; `b` opens it. */
import { Button, Menu } from '@mantine/core';
import { useState } from 'react';
import { useMetrics, useProperties } from '../api/hooks';
import { useI18n } from '../i18n/context';
import { useView } from '../state/useView';
import { Icon } from './Icon';
import { splitChoices } from '../state/splits';
import { OF_EVENT } from '../state/view';

export function Breakdown({ metric }: { metric: string }) {
  const { t, dimName } = useI18n();
  const view = useView();
  const about = useMetrics().data?.find((m) => m.name === metric);
  const choices = splitChoices(about);
  const label = (name: string) => dimName(name, about?.dimensions.find((d) => d.name === name)?.label);
  const [open, setOpen] = useState(false);
  // What events carry is asked for when somebody looks.
  const properties = useProperties(open && Boolean(about?.properties)).data ?? [];
  const item = (d: string) => <Menu.Item key={d} onClick={() => view.set({ by: d })} rightSection={view.search.by === d ? <Icon name="check" size={14} /> : null}>{label(d)}</Menu.Item>;
  if (!choices.length) return null;
  return (
    <Menu position="bottom-end" opened={open} onChange={setOpen}>
      <Menu.Target>
        <Button variant="default" size="compact-sm" rightSection={<Icon name="down" size={10} />} data-breakdown="">
          {view.search.by ? t('breakdown.by', { name: label(view.search.by).toLowerCase() }) : t('breakdown.none')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah={320} style={{ overflowY: 'auto' }}>
        <Menu.Item onClick={() => view.set({ by: undefined })} rightSection={view.search.by ? null : <Icon name="check" size={14} />}>{t('breakdown.whole')}</Menu.Item>
        {choices.map(item)}
        {about?.properties && properties.length ? <Menu.Label>{t('filter.properties')}</Menu.Label> : null}
        {about?.properties ? properties.map((p) => item(OF_EVENT + p)) : null}
      </Menu.Dropdown>
    </Menu>
  );
}
