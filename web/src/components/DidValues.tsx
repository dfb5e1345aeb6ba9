/** The events of a filter on what people did. */
import { MultiSelect } from '@mantine/core';
import { useState } from 'react';
import { useNames } from '../api/events';
import { useI18n } from '../i18n/context';
import { useEventChoices } from './StepField';

export function DidValues({ values, onChange }: { values: string[]; onChange: (values: string[]) => void }) {
  const { t } = useI18n();
  // It closes after each choice, so that it does not cover the button beneath.
  const [list, setList] = useState(false);
  const names = useNames().data ?? [];
  // A comma parts the values of a filter.
  const choices = useEventChoices(names.filter((n) => !n.event.includes(',')), false);
  return <MultiSelect size="xs" dropdownOpened={list} onDropdownOpen={() => setList(true)} onDropdownClose={() => setList(false)} onOptionSubmit={() => setList(false)} label={t('step.events')} searchable data={choices} value={values} onChange={onChange} nothingFoundMessage={t('step.noEvent')} comboboxProps={{ withinPortal: false }} maxDropdownHeight={180} />;
}
