/** Keys that clients send with, and the code for each client. */
import { Button, Modal, Select, TextInput, Tooltip } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { send } from '../api/client';
import { useKeys, type WriteKey } from '../api/events';
import { useWorkspace } from '../api/hooks';
import { useI18n } from '../i18n/context';
import { SNIPPETS } from '../state/snippets';
import { useToken } from '../state/token';
import { Icon } from './Icon';
import { Empty, ErrorBox, Loaded } from './states';

function Copy({ text, label }: { text: string; label: string }) {
  const { t } = useI18n();
  const [done, setDone] = useState(false);
  return (
    <Button size="compact-sm" variant="default" leftSection={<Icon name={done ? 'check' : 'copy'} size={12} />} aria-label={label} onClick={() => void navigator.clipboard?.writeText(text).then(() => { setDone(true); setTimeout(() => setDone(false), 1500); })}>
      {done ? t('action.copied') : t('keys.copy')}
    </Button>
  );
}

function Snippets({ keys }: { keys: WriteKey[] }) {
  const { t } = useI18n();
  const [client, setClient] = useToken('client');
  const [chosen, setChosen] = useState<string | null>(null);
  const live = keys.filter((k) => !k.revoked_at);
  const key = live.find((k) => k.key_id === chosen) ?? live[0];
  const snippet = SNIPPETS.find((s) => s.id === client) ?? SNIPPETS[0]!;
  const code = snippet.code(location.origin, key?.key ?? 'wk_…', key?.domains?.[0] ?? 'example.com');
  return (
    <section className="panel" aria-label={t('snippets.title')}>
      <header className="panel-head">
        <div className="panel-title"><h2>{t('snippets.title')}</h2><p className="muted">{t('snippets.note')}</p></div>
        <div className="panel-tools">
          {live.length > 1 ? <Select aria-label={t('snippets.key')} w={150} data={live.map((k) => ({ value: k.key_id, label: k.name }))} value={key?.key_id ?? null} onChange={setChosen} allowDeselect={false} withCheckIcon={false} /> : null}
          <Select aria-label={t('snippets.client')} w={190} data={SNIPPETS.map((s) => ({ value: s.id, label: s.name }))} value={snippet.id} onChange={(v) => setClient(v && v !== SNIPPETS[0]!.id ? v : undefined)} allowDeselect={false} withCheckIcon={false} />
        </div>
      </header>
      <div className="snippet" data-snippet={snippet.id}>
        <pre tabIndex={0}>{code}</pre>
        <Copy text={code} label={t('snippets.copy', { name: snippet.name })} />
      </div>
      <p className="muted small">{t('snippets.safe')}</p>
    </section>
  );
}

export function WriteKeys() {
  const { t, date, ago, moment } = useI18n();
  const client = useQueryClient();
  const query = useKeys();
  const now = useWorkspace().data?.now ?? '';
  const [name, setName] = useState('');
  const [domain, setDomain] = useState('');
  const [revoking, setRevoking] = useState<WriteKey | null>(null);
  const done = () => client.invalidateQueries({ queryKey: ['keys'] });
  const create = useMutation({ mutationFn: (as: string) => send<WriteKey>('POST', '/keys', { name: as, ...(domain.trim() ? { domains: [domain.trim()] } : {}) }), onSuccess: () => { setName(''); setDomain(''); void done(); } });
  const revoke = useMutation({ mutationFn: (id: string) => send('DELETE', `/keys/${encodeURIComponent(id)}`, undefined), onSuccess: () => { setRevoking(null); void done(); } });
  return (
    <Loaded query={query} height={320}>
      {(keys) => (
        <>
          <section className="panel" aria-label={t('keys.write')}>
            <header className="panel-head">
              <div className="panel-title"><h2>{t('keys.write')}</h2><p className="muted">{t('keys.write.note')}</p></div>
              <form className="row wrap" onSubmit={(e) => { e.preventDefault(); if (name.trim()) create.mutate(name.trim()); }}>
                <TextInput aria-label={t('keys.name')} placeholder={t('keys.name')} value={name} onChange={(e) => setName(e.currentTarget.value)} maxLength={80} />
                <Tooltip label={t('keys.domain.why')}><TextInput aria-label={t('keys.domain')} placeholder={t('keys.domain')} value={domain} onChange={(e) => setDomain(e.currentTarget.value)} maxLength={120} w={170} /></Tooltip>
                <Button type="submit" disabled={!name.trim()} loading={create.isPending}>{t('keys.create')}</Button>
              </form>
            </header>
            {create.error ? <ErrorBox error={create.error} /> : null}
            {create.data ? <p className="notice info" role="status"><Icon name="key" /><span>{t('keys.created', { name: create.data.name })} <code className="whole-key">{create.data.key}</code></span><Copy text={create.data.key} label={t('keys.copyOf', { name: create.data.name })} /></p> : null}
            {keys.length ? (
              <div className="scroll" tabIndex={0}>
                <table className="data">
                  <caption className="sr-only">{t('keys.write')}</caption>
                  <thead><tr><th scope="col">{t('keys.name')}</th><th scope="col">{t('keys.key')}</th><th scope="col">{t('keys.since')}</th><th scope="col">{t('keys.used')}</th><th scope="col"><span className="sr-only">{t('keys.revoke')}</span></th></tr></thead>
                  <tbody>
                    {keys.map((k) => (
                      <tr key={k.key_id} className={k.revoked_at ? 'gone' : undefined}>
                        <th scope="row">{k.name}{k.domains?.length ? <span className="muted small id">{k.domains.join(', ')}</span> : null}</th>
                        <td><code>{k.key}</code></td>
                        <td className="nowrap">{date(k.created_at)}</td>
                        <td className="nowrap" title={moment(k.last_used_at)}>{k.last_used_at ? ago(k.last_used_at, now) : t('keys.never')}</td>
                        <td className="num">{k.revoked_at ? <span className="muted">{t('keys.revoked', { date: date(k.revoked_at) })}</span> : <Button size="compact-xs" variant="subtle" color="red" onClick={() => setRevoking(k)}>{t('keys.revoke')}</Button>}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            ) : (
              <Empty title={t('keys.none')}>{t('keys.none.why')}</Empty>
            )}
          </section>
          <Snippets keys={keys} />
          <Modal opened={revoking !== null} onClose={() => setRevoking(null)} title={t('keys.revokeOf', { name: revoking?.name ?? '' })} closeButtonProps={{ 'aria-label': t('action.close') }}>
            <div className="stack">
              <p>{t('keys.revoke.why')}</p>
              {revoke.error ? <ErrorBox error={revoke.error} /> : null}
              <div className="row"><Button color="red" loading={revoke.isPending} onClick={() => revoking && revoke.mutate(revoking.key_id)}>{t('keys.revoke')}</Button><Button variant="default" onClick={() => setRevoking(null)}>{t('action.cancel')}</Button></div>
            </div>
          </Modal>
        </>
      )}
    </Loaded>
  );
}
