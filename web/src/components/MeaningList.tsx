/** What counts as a sign-up, a trial, a read: picked from the events that were seen. */
import { Button } from '@mantine/core';
import { useState } from 'react';
import { useMeanings, useNames, type EventName, type Meaning } from '../api/events';
import { useI18n } from '../i18n/context';
import { readStep } from '../state/step';
import { useStepWords } from '../state/useEventWords';
import { MeaningEditor, useMeaningWords } from './ActiveRule';
import { Loaded } from './states';

/** True when one of the events of a meaning was seen. */
export function isFilled(m: Meaning, names: readonly EventName[]): boolean {
  return m.steps.some((s) => {
    const step = readStep(s);
    return step !== null && (step.event === '*' || names.some((n) => n.event === step.event && n.count > 0));
  });
}

export function MeaningList() {
  const { t, text, maybe } = useI18n();
  const meanings = useMeanings();
  const names = useNames();
  const words = useMeaningWords();
  const step = useStepWords();
  const seen = (s: string): boolean => s === '*' || (names.data?.some((n) => n.event === readStep(s)?.event && n.count > 0) ?? true);
  const [editing, setEditing] = useState<string | null>(null);
  return (
    <section className="panel flush" aria-label={t('meaning.title')}>
      <header className="panel-head pad"><div className="panel-title"><h2>{t('meaning.title')}</h2><p className="muted">{t('meaning.note')}</p></div></header>
      <Loaded query={meanings} height={360}>
        {(list) => (
          <ul className="meanings">
            {list.map((m) => {
              const filled = names.data ? isFilled(m, names.data) : true;
              return (
                <li key={m.name} data-meaning={m.name}>
                  <div className="meaning-name">
                    <strong>{text(m.label) || m.name}</strong>
                    <span className="muted small">{maybe(`meaning.for.${m.name}`, '')}</span>
                  </div>
                  {editing === m.name ? (
                    <MeaningEditor meaning={m} onDone={() => setEditing(null)} />
                  ) : (
                    <>
                      <div className="meaning-steps">
                        {m.steps.filter(seen).map((s) => <code key={s} title={s} className="step seen">{step(s)}</code>)}
                        <span className="small muted">{m.steps.length && !filled ? t('meaning.unseen') : m.builtin ? t('meaning.builtin') : t('meaning.own')}</span>
                        {m.steps.some((s) => !seen(s)) ? (
                          <details className="meaning-unseen">
                            <summary className="small">{t('meaning.others', { n: m.steps.filter((s) => !seen(s)).length })}</summary>
                            {m.steps.filter((s) => !seen(s)).map((s) => <code key={s} className="step">{s}</code>)}
                          </details>
                        ) : null}
                        <span className="sr-only">{words(m)}</span>
                      </div>
                      <Button size="compact-sm" variant="default" aria-label={t('meaning.editOf', { name: text(m.label) || m.name })} onClick={() => setEditing(m.name)}>{t('meaning.edit')}</Button>
                    </>
                  )}
                </li>
              );
            })}
          </ul>
        )}
      </Loaded>
    </section>
  );
}
