/** Saved segments: taken as the filters of the page, compared with, saved from the filters at hand. */
import { ActionIcon, Button, Popover, Select, TextInput, Tooltip } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { send } from '../api/client';
import { useSegments } from '../api/hooks';
import type { Segment } from '../api/types';
import { useI18n } from '../i18n/context';
import { useView } from '../state/useView';
import { DID, readFilter } from '../state/view';
import '../styles-events.css';
import { Icon } from './Icon';
import { ErrorBox } from './states';

const key = (filter: readonly string[]): string => [...filter].sort().join('\n');

export function SegmentMenu() {
  const { t, dim, dimName } = useI18n();
  const view = useView();
  const client = useQueryClient();
  const segments = useSegments();
  const [open, setOpen] = useState(false);
  const [name, setName] = useState('');
  const [of, setOf] = useState<Segment['of']>('persons');
  const list = segments.data ?? [];
  const current = view.where.length ? list.find((s) => key(s.filter) === key(view.where)) : undefined;
  const compared = view.versus.length ? list.find((s) => key(s.filter) === key(view.versus)) : undefined;
  const done = () => client.invalidateQueries({ queryKey: ['segments'] });
  const save = useMutation({ mutationFn: (as: string) => send('PUT', `/segments/${encodeURIComponent(as)}`, { name: as, of, filter: view.where }), onSuccess: () => { setName(''); void done(); } });
  const remove = useMutation({ mutationFn: (as: string) => send('DELETE', `/segments/${encodeURIComponent(as)}`, undefined), onSuccess: done });
  const words = (filter: string[]): string => filter.map((f) => readFilter(f)).map((f) => (f ? `${f.dim === DID ? t(f.not ? 'filter.didNot' : 'filter.did') : `${dimName(f.dim)} ${f.not ? '≠' : '='}`} ${f.values.map((v) => dim(f.dim, v)).join(', ')}` : '')).join(' · ');
  if (segments.error) return null;
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-start" trapFocus withinPortal withRoles={false}>
      <Popover.Target>
        <Button variant="default" leftSection={<Icon name="segment" size={14} />} onClick={() => setOpen(!open)} aria-haspopup="dialog" aria-expanded={open} data-segments="">{current?.name ?? t('segments.title')}</Button>
      </Popover.Target>
      <Popover.Dropdown role="dialog" aria-label={t('segments.title')}>
        <div className="saved">
          {list.length ? (
            <ul>
              {list.map((s) => (
                <li key={s.name}>
                  <button type="button" className="saved-name" aria-current={s === current || undefined} onClick={() => { setOpen(false); view.set({ where: s === current ? undefined : s.filter }); }}>
                    <Icon name={s === current ? 'check' : s.of === 'customers' ? 'customers' : 'person'} size={14} />
                    <span>{s.name}<span className="muted small">{words(s.filter)}</span></span>
                  </button>
                  <Tooltip label={t('segments.compare')}>
                    <ActionIcon variant={s === compared ? 'light' : 'subtle'} color={s === compared ? 'accent' : 'gray'} aria-label={t('segments.compareWith', { name: s.name })} aria-pressed={s === compared} onClick={() => view.set({ versus: s === compared ? undefined : s.filter, compare: undefined })}><Icon name="versus" size={14} /></ActionIcon>
                  </Tooltip>
                  <ActionIcon variant="subtle" color="gray" aria-label={t('segments.delete', { name: s.name })} onClick={() => remove.mutate(s.name)}><Icon name="close" size={12} /></ActionIcon>
                </li>
              ))}
            </ul>
          ) : (
            <p className="muted small">{t('segments.none')}</p>
          )}
          {view.where.length ? (
            <form className="saved-new" onSubmit={(e) => { e.preventDefault(); if (name.trim()) save.mutate(name.trim()); }}>
              <p className="muted small">{t('segments.from', { filters: words(view.where) })}</p>
              <TextInput aria-label={t('segments.name')} placeholder={t('segments.name')} value={name} onChange={(e) => setName(e.currentTarget.value)} maxLength={80} />
              <Select aria-label={t('segments.of')} data={[{ value: 'persons', label: t('segments.persons') }, { value: 'customers', label: t('segments.customers') }]} value={of} onChange={(v) => v && setOf(v as Segment['of'])} allowDeselect={false} comboboxProps={{ withinPortal: false }} />
              <Button type="submit" disabled={!name.trim()} loading={save.isPending}>{t('segments.save')}</Button>
            </form>
          ) : list.length ? (
            <p className="muted small">{t('segments.how')}</p>
          ) : null}
          {save.error ?? remove.error ? <ErrorBox error={save.error ?? remove.error} /> : null}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
