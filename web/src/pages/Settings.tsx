/** Rules of the workspace, each with what it means. Changing one recomputes history. */
import { Button, Select, Switch, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { send } from '../api/client';
import { useSettings, useWorkspace } from '../api/hooks';
import type { Setting } from '../api/types';
import { Inline } from '../components/Markdown';
import { ErrorBox, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { eventLabel } from '../state/step';

const text = (v: unknown): string => (v === null || v === undefined ? '' : typeof v === 'object' ? JSON.stringify(v) : String(v));

function Field({ setting, value, onChange }: { setting: Setting; value: unknown; onChange: (v: unknown) => void }) {
  const { t, maybe, text: words } = useI18n();
  const label = maybe(`setting.${setting.name}`, setting.name.replaceAll('_', ' '));
  const zones = setting.name === 'timezone' && 'supportedValuesOf' in Intl ? ['UTC', ...Intl.supportedValuesOf('timeZone')] : null;
  const choices = setting.choices.length ? setting.choices : zones;
  // Codes are shown as words; the file and the API keep the code.
  const named = (v: string): string => (zones ? v : maybe(`choice.${setting.name}.${v}`, maybe(`choice.${v}`, eventLabel(v))));
  const changed = setting.default !== undefined && text(setting.default) !== text(value);
  return (
    <div className="setting">
      <div>
        <strong id={`s-${setting.name}`}>{label}</strong>
        <p className="muted"><Inline text={words(setting.doc)} /></p>
        <p className="muted small"><code>{setting.name}</code>{setting.default !== undefined && setting.default !== null ? ` · ${t('settings.default', { value: typeof setting.default === 'boolean' ? t(setting.default ? 'value.yes' : 'value.no') : setting.choices.length ? named(text(setting.default)) : text(setting.default) || '–' })}` : ''}{changed ? ` · ${t('settings.changed')}` : ''}</p>
      </div>
      {typeof setting.value === 'boolean' ? (
        <Switch checked={value === true} onChange={(e) => onChange(e.currentTarget.checked)} aria-labelledby={`s-${setting.name}`} />
      ) : choices ? (
        <Select data={(choices.includes(text(value)) ? choices : [text(value), ...choices]).map((v) => ({ value: v, label: named(v) }))} value={text(value)} onChange={(v) => onChange(v)} searchable={choices.length > 8} allowDeselect={false} aria-labelledby={`s-${setting.name}`} limit={60} />
      ) : (
        <TextInput value={text(value)} inputMode={typeof setting.value === 'number' ? 'decimal' : 'text'} onChange={(e) => onChange(typeof setting.value === 'number' && e.currentTarget.value.trim() !== '' && !Number.isNaN(Number(e.currentTarget.value)) ? Number(e.currentTarget.value) : e.currentTarget.value)} aria-labelledby={`s-${setting.name}`} />
      )}
    </div>
  );
}

const WORKSPACE = new Set(['name', 'timezone', 'week_start', 'currency']);
const EVENTS = new Set(['session_minutes', 'store_addresses']);
const topicOf = (s: Setting): 'workspace' | 'events' | 'revenue' => (WORKSPACE.has(s.name) || !(s.is_rule || EVENTS.has(s.name)) ? 'workspace' : EVENTS.has(s.name) ? 'events' : 'revenue');

export function Settings() {
  const { t } = useI18n();
  const client = useQueryClient();
  const query = useSettings();
  const rules = useWorkspace().data?.rule_version;
  const [edits, setEdits] = useState<Record<string, unknown>>({});
  const save = useMutation({
    mutationFn: () => send('PUT', '/settings', { values: edits }),
    onSuccess: async () => {
      setEdits({});
      await client.invalidateQueries({ queryKey: ['settings'] });
      void client.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'settings' });
    },
  });
  const dirty = Object.keys(edits).length > 0;
  return (
    <div className="page narrow-page" data-page="settings">
      <h1>{t('page.settings')}</h1>
      <p className="lead">{t('settings.lead')}{rules ? <span className="muted"> {t('definition.ruleVersion', { version: rules })}</span> : null}</p>
      <Loaded query={query} height={500}>
        {({ settings }) => {
          const topics = ['workspace', 'events', 'revenue'] as const;
          return topics.map((topic) => (
            <section key={topic} className="panel" aria-label={t(`topic.${topic}`)}>
              <header className="panel-head"><h2>{t(`topic.${topic}`)}</h2></header>
              {settings.filter((s) => topicOf(s) === topic).map((s) => (
                <Field
                  key={s.name}
                  setting={s}
                  value={s.name in edits ? edits[s.name] : s.value}
                  onChange={(v) => {
                    const next = { ...edits, [s.name]: v };
                    if (text(v) === text(s.value)) delete next[s.name];
                    setEdits(next);
                  }}
                />
              ))}
            </section>
          ));
        }}
      </Loaded>
      {save.error ? <ErrorBox error={save.error} /> : null}
      {dirty ? (
        <div className="savebar" role="region" aria-label={t('settings.unsaved')}>
          <span>{t('settings.unsavedCount', { n: Object.keys(edits).length })}</span>
          <Button variant="default" size="sm" onClick={() => setEdits({})}>{t('action.cancel')}</Button>
          <Button size="sm" loading={save.isPending} onClick={() => save.mutate()}>{t('settings.save')}</Button>
        </div>
      ) : save.isSuccess ? <p role="status" className="notice info">{t('settings.saved')}</p> : null}
    </div>
  );
}
