/** Views of a page under a name, for everybody of the workspace. */
import { ActionIcon, Button, Popover, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { send } from '../api/client';
import { useViews } from '../api/events';
import { useI18n } from '../i18n/context';
import { useView } from '../state/useView';
import { parseAddress, writeAddress, type Search } from '../state/view';
import { Icon } from './Icon';
import { ErrorBox } from './states';

/** What of the address makes the view: not what is opened beside it. */
export function viewQuery(search: Search): string {
  const { people: _p, open: _o, period: _d, against: _a, tab: _t, only: _y, split: _s, page: _g, ...kept } = search;
  return writeAddress(kept as Record<string, unknown>);
}

export function SavedViews({ page }: { page: string }) {
  const { t } = useI18n();
  const view = useView();
  const client = useQueryClient();
  const navigate = useNavigate();
  const views = useViews();
  const [open, setOpen] = useState(false);
  const [name, setName] = useState('');
  const own = (views.data ?? []).filter((v) => v.page === page);
  const here = viewQuery(view.search);
  const current = own.find((v) => v.query === here);
  const done = () => client.invalidateQueries({ queryKey: ['views'] });
  const save = useMutation({ mutationFn: (as: string) => send('PUT', `/views/${encodeURIComponent(as)}`, { name: as, page, query: here }), onSuccess: () => { setName(''); void done(); } });
  const remove = useMutation({ mutationFn: (as: string) => send('DELETE', `/views/${encodeURIComponent(as)}`, undefined), onSuccess: done });
  // A server that cannot keep views is not asked to.
  if (views.error) return null;
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" trapFocus withinPortal withRoles={false}>
      <Popover.Target>
        <Button variant="default" leftSection={<Icon name="bookmark" size={14} />} rightSection={<Icon name="down" size={10} />} onClick={() => setOpen(!open)} aria-haspopup="dialog" aria-expanded={open} data-saved-views="">{current?.name ?? t('views.title')}</Button>
      </Popover.Target>
      <Popover.Dropdown role="dialog" aria-label={t('views.title')}>
        <div className="saved">
          {own.length ? (
            <ul>
              {own.map((v) => (
                <li key={v.name}>
                  <button type="button" className="saved-name" aria-current={v === current || undefined} onClick={() => { setOpen(false); void navigate({ to: page, search: parseAddress(v.query) } as never); }}>
                    <Icon name={v === current ? 'check' : 'bookmark'} size={14} />{v.name}
                  </button>
                  <ActionIcon variant="subtle" color="gray" aria-label={t('views.delete', { name: v.name })} onClick={() => remove.mutate(v.name)}><Icon name="close" size={12} /></ActionIcon>
                </li>
              ))}
            </ul>
          ) : (
            <p className="muted small">{t('views.none')}</p>
          )}
          <form className="saved-new" onSubmit={(e) => { e.preventDefault(); if (name.trim()) save.mutate(name.trim()); }}>
            <TextInput aria-label={t('views.name')} placeholder={t('views.name')} value={name} onChange={(e) => setName(e.currentTarget.value)} maxLength={80} />
            <Button type="submit" disabled={!name.trim()} loading={save.isPending}>{t('views.save')}</Button>
          </form>
          {save.error ?? remove.error ? <ErrorBox error={save.error ?? remove.error} /> : null}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
