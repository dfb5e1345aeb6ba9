/** One step, built by clicking: an event that was seen, and conditions on its properties. */
import { ActionIcon, Button, Select, TextInput, Tooltip } from '@mantine/core';
import { useEffect, useMemo, useState, type ReactNode } from 'react';
import type { EventName } from '../api/events';
import { useI18n } from '../i18n/context';
import { eventLabel, OPS, readStep, writeStep, type Condition, type Op, type Step } from '../state/step';
import { Icon } from './Icon';

/** Columns that every event has beside its properties. */
export const COLUMNS = ['path', 'host', 'channel', 'source', 'medium', 'campaign', 'referrer_host', 'country', 'device', 'browser', 'os', 'url', 'title', 'referrer'];

/** Events that were seen, most persons first, as choices; steps of the ledger stand apart. */
export function useEventChoices(names: readonly EventName[], any: boolean): { group: string; items: { value: string; label: string }[] }[] {
  const { t, text } = useI18n();
  return useMemo(() => {
    const sorted = [...names].sort((a, b) => b.persons - a.persons);
    const item = (n: EventName) => ({ value: n.event, label: text(n.label) || eventLabel(n.event) });
    const events = sorted.filter((n) => n.kind !== 'fact').map(item);
    const facts = sorted.filter((n) => n.kind === 'fact').map(item);
    return [
      ...(any ? [{ group: t('step.general'), items: [{ value: '*', label: t('step.any') }] }] : []),
      { group: t('step.events'), items: events },
      ...(facts.length ? [{ group: t('step.facts'), items: facts }] : []),
    ];
  }, [names, any, t, text]);
}

interface Props {
  value: string;
  onChange: (text: string) => void;
  names: readonly EventName[];
  label: string;
  any?: boolean;
  lead?: ReactNode;
  tools?: ReactNode;
}

export function StepField({ value, onChange, names, label, any = true, lead, tools }: Props) {
  const { t, text } = useI18n();
  const [step, setStep] = useState<Step>(() => readStep(value) ?? { event: value, conditions: [] });
  const [typed, setTyped] = useState('');
  useEffect(() => {
    // What the address says wins; a condition that is still being written is kept.
    setStep((old) => (writeStep(old) === value ? old : (readStep(value) ?? { event: value, conditions: [] })));
  }, [value]);
  const change = (next: Step) => {
    setStep(next);
    const text = writeStep(next);
    if (text && text !== value) onChange(text);
  };
  const choices = useEventChoices(names, any);
  const known = choices.some((g) => g.items.some((i) => i.value === step.event));
  // An event that never came may be chosen too: the one in the address, or one that is typed.
  const fresh = typed.trim() !== '' && !names.some((n) => n.event === typed.trim() || eventLabel(n.event) === eventLabel(typed.trim()) || text(n.label) === typed.trim());
  const unseen = [...new Set([...(known || !step.event ? [] : [step.event]), ...(fresh && typed.trim() !== t('step.any') ? [typed.trim()] : [])])];
  const data = unseen.length ? [...choices, { group: t('step.unseen'), items: unseen.map((value) => ({ value, label: value })) }] : choices;
  const about = names.find((n) => n.event === step.event);
  const properties = [...new Set([...(about?.properties ?? []), ...(about?.kind === 'fact' ? [] : COLUMNS)])];
  const at = (i: number, patch: Partial<Condition>) => change({ ...step, conditions: step.conditions.map((c, k) => (k === i ? { ...c, ...patch } : c)) });
  return (
    <div className="step-field" role="group" aria-label={label}>
      <div className="step-line">
        {lead}
        <Select
          className="step-event"
          aria-label={label}
          placeholder={t('step.choose')}
          searchable
          data={data}
          value={step.event || null}
          onChange={(v) => v && change({ event: v, conditions: [] })}
          onSearchChange={setTyped}
          allowDeselect={false}
          withCheckIcon={false}
          maxDropdownHeight={320}
          limit={200}
          nothingFoundMessage={t('step.noEvent')}
        />
        <Tooltip label={t('step.addCondition')}>
          <ActionIcon variant="subtle" color="gray" aria-label={t('step.addConditionTo', { name: label })} disabled={!step.event} onClick={() => setStep({ ...step, conditions: [...step.conditions, { property: '', op: '=', value: '' }] })}><Icon name="filter" size={14} /></ActionIcon>
        </Tooltip>
        {tools}
      </div>
      {step.conditions.map((c, i) => (
        <div key={i} className="step-condition">
          <Select className="step-property" aria-label={t('step.property')} placeholder={t('step.property')} searchable data={c.property && !properties.includes(c.property) ? [c.property, ...properties] : properties} value={c.property || null} onChange={(v) => v && at(i, { property: v })} allowDeselect={false} withCheckIcon={false} />
          <Select className="step-op" aria-label={t('step.how')} data={OPS.map((op) => ({ value: op, label: t(op === '=' ? 'step.is' : op === '!=' ? 'step.isNot' : 'step.contains') }))} value={c.op} onChange={(v) => v && at(i, { op: v as Op })} allowDeselect={false} withCheckIcon={false} />
          <TextInput className="step-value" aria-label={t('step.value')} placeholder={t('step.value')} defaultValue={c.value} key={`${i}:${c.value}`} onBlur={(e) => e.currentTarget.value !== c.value && at(i, { value: e.currentTarget.value })} onKeyDown={(e) => e.key === 'Enter' && at(i, { value: e.currentTarget.value })} />
          <ActionIcon variant="subtle" color="gray" aria-label={t('step.removeCondition')} onClick={() => change({ ...step, conditions: step.conditions.filter((_, k) => k !== i) })}><Icon name="close" size={12} /></ActionIcon>
        </div>
      ))}
    </div>
  );
}

/** Several steps in order, with what adds, moves and removes them. */
export function StepList({ steps, onChange, names, least = 1, most = 64, numbered = true, name, add }: { steps: string[]; onChange: (steps: string[]) => void; names: readonly EventName[]; least?: number; most?: number; numbered?: boolean; name: (n: number) => string; add: string }) {
  const { t } = useI18n();
  const [fresh, setFresh] = useState(false);
  const put = (i: number, text: string) => onChange(steps.map((s, k) => (k === i ? text : s)));
  const move = (i: number, by: number) => {
    const next = [...steps];
    const [taken] = next.splice(i, 1);
    next.splice(i + by, 0, taken!);
    onChange(next);
  };
  return (
    <div className="step-list">
      {steps.map((s, i) => (
        <StepField
          key={i}
          value={s}
          names={names}
          label={name(i + 1)}
          onChange={(text) => put(i, text)}
          lead={numbered ? <span className="step-number" aria-hidden="true">{i + 1}</span> : null}
          tools={
            <>
              {numbered ? (
                <>
                  <ActionIcon variant="subtle" color="gray" aria-label={t('step.up', { name: name(i + 1) })} disabled={i === 0} onClick={() => move(i, -1)}><Icon name="up" size={12} /></ActionIcon>
                  <ActionIcon variant="subtle" color="gray" aria-label={t('step.downward', { name: name(i + 1) })} disabled={i === steps.length - 1} onClick={() => move(i, 1)}><Icon name="down" size={12} /></ActionIcon>
                </>
              ) : null}
              <ActionIcon variant="subtle" color="gray" aria-label={t('step.remove', { name: name(i + 1) })} disabled={steps.length <= least} onClick={() => onChange(steps.filter((_, k) => k !== i))}><Icon name="close" size={12} /></ActionIcon>
            </>
          }
        />
      ))}
      {fresh ? <StepField value="" names={names} label={name(steps.length + 1)} lead={numbered ? <span className="step-number" aria-hidden="true">{steps.length + 1}</span> : null} onChange={(text) => { setFresh(false); onChange([...steps, text]); }} tools={<ActionIcon variant="subtle" color="gray" aria-label={t('action.cancel')} onClick={() => setFresh(false)}><Icon name="close" size={12} /></ActionIcon>} /> : null}
      {!fresh && steps.length < most ? <Button className="step-add" variant="subtle" size="compact-sm" leftSection={<Icon name="plus" size={12} />} onClick={() => setFresh(true)}>{add}</Button> : null}
    </div>
  );
}
