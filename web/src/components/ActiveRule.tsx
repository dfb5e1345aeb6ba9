/** The workspace's own rule of who is active: any of these events, so often. Every figure of active people follows it. */
import { Button, Select, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { send } from '../api/client';
import { useMeanings, useNames, type Meaning } from '../api/events';
import { useI18n } from '../i18n/context';
import { useStepWords } from '../state/useEventWords';
import { ErrorBox, Loaded } from './states';
import { StepList } from './StepField';

/** The rule in words. */
export function useMeaningWords(): (m: Meaning) => string {
  const { t } = useI18n();
  const step = useStepWords();
  return (m) => {
    const steps = m.steps.map(step).join(t('meaning.or'));
    const often = (m.at_least ?? 1) > 1 ? ` · ${m.within ? t('meaning.oftenWithin', { n: m.at_least ?? 1, within: m.within }) : t('meaning.often', { n: m.at_least ?? 1 })}` : '';
    return m.steps.length ? steps + often : t('meaning.nothing');
  };
}

export function MeaningEditor({ meaning, onDone }: { meaning: Meaning; onDone: () => void }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const names = useNames().data ?? [];
  const [steps, setSteps] = useState(meaning.steps);
  const [often, setOften] = useState<number>(meaning.at_least ?? 1);
  const [within, setWithin] = useState<string>(meaning.within ?? '1d');
  const counts = meaning.name === 'active';
  const changed = async () => {
    // The rule is shown at once; what depends on it is computed meanwhile.
    await client.invalidateQueries({ queryKey: ['events', '/meanings'] });
    void client.invalidateQueries({ predicate: (q) => q.queryKey[1] !== '/meanings' });
    onDone();
  };
  const save = useMutation({ mutationFn: () => send('PUT', `/meanings/${encodeURIComponent(meaning.name)}`, { steps, at_least: often, ...(counts && often > 1 ? { within } : {}) }), onSuccess: changed });
  const reset = useMutation({ mutationFn: () => send('DELETE', `/meanings/${encodeURIComponent(meaning.name)}`, undefined), onSuccess: changed });
  const error = save.error ?? reset.error;
  return (
    <form className="meaning-editor" onSubmit={(e) => { e.preventDefault(); save.mutate(); }}>
      <StepList steps={steps} onChange={setSteps} names={names} numbered={false} least={0} name={(n) => t('meaning.event', { n })} add={t('meaning.add')} />
      {counts ? (
        <div className="row wrap">
          <TextInput type="number" label={t('active.atLeast')} w={120} min={1} max={1000} step={1} value={often} onChange={(e) => setOften(Math.max(1, Math.round(Number(e.currentTarget.value)) || 1))} />
          {often > 1 ? <Select label={t('active.within')} w={140} data={(['1d', '7d', '30d'] as const).map((v) => ({ value: v, label: t(`active.${v}`) }))} value={within} onChange={(v) => v && setWithin(v)} allowDeselect={false} /> : null}
        </div>
      ) : null}
      {error ? <ErrorBox error={error} /> : null}
      <div className="row">
        <Button type="submit" loading={save.isPending} disabled={!steps.length}>{t('meaning.save')}</Button>
        <Button variant="default" onClick={onDone}>{t('action.cancel')}</Button>
        {meaning.builtin ? null : <Button variant="subtle" color="gray" loading={reset.isPending} onClick={() => reset.mutate()}>{t('meaning.reset')}</Button>}
      </div>
    </form>
  );
}

export function ActiveRule() {
  const { t, text } = useI18n();
  const meanings = useMeanings();
  const words = useMeaningWords();
  const [editing, setEditing] = useState(false);
  return (
    <section className="panel" aria-label={t('active.title')} data-active-rule="">
      <header className="panel-head">
        <div className="panel-title"><h2>{t('active.title')}</h2><p className="muted">{t('active.note')}</p></div>
        {editing ? null : <Button variant="default" onClick={() => setEditing(true)}>{t('active.edit')}</Button>}
      </header>
      <Loaded query={meanings} height={80}>
        {(list) => {
          const m = list.find((x) => x.name === 'active');
          if (!m) return <p className="muted">{t('active.none')}</p>;
          return editing ? <MeaningEditor meaning={m} onDone={() => setEditing(false)} /> : <p className="rule-words"><strong>{words(m)}</strong><span className="muted small">{m.builtin ? t('meaning.builtin') : text(m.label)}</span></p>;
        }}
      </Loaded>
    </section>
  );
}
