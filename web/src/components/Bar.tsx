/** The sticky bar: range, grain, comparison, filters, currency, freshness. On a phone it is one button. */
import { ActionIcon, Button, Drawer, Menu, MultiSelect, Popover, SegmentedControl, Select, TextInput, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense, useState, useSyncExternalStore } from 'react';
import { useFigures, useMetrics, useProperties, useSegments, useWorkspace } from '../api/hooks';
import { liveStore } from '../api/live';
import type { Dimension, Metric } from '../api/types';
import { useI18n } from '../i18n/context';
import { withEvents } from '../i18n/store';
import { useIsNarrow } from '../state/useIsNarrow';
import { isIdentity } from '../state/splits';
import { useSegmentName } from '../state/useBeside';
import { useView } from '../state/useView';
import { COMPARISONS, DID, GRAINS, OF_EVENT, RANGES, readFilter, writeFilter, type Range } from '../state/view';
import { Icon } from './Icon';

const DidValues = lazy(() => withEvents(import('./DidValues')).then((m) => ({ default: m.DidValues })));
const SegmentMenu = lazy(() => withEvents(import('./SegmentMenu')).then((m) => ({ default: m.SegmentMenu })));

export function LiveDot() {
  const { t, time, date, moment } = useI18n();
  const workspace = useWorkspace().data;
  const live = useSyncExternalStore(liveStore.subscribe, liveStore.get);
  const through = workspace?.data_through ?? null;
  const today = workspace && through ? date(through) === date(workspace.now) : false;
  return (
    <Tooltip label={`${t(`live.${live.state}`)}${through ? ` · ${t('live.through', { time: moment(through) })}` : ''}`}>
      <span className={`live ${live.state}`} tabIndex={0} data-live={live.state}>
        <i aria-hidden="true" />
        <span>{through ? t('live.through', { time: today ? time(through) : date(through) }) : t('live.empty')}</span>
        <span className="sr-only">{t(`live.${live.state}`)}</span>
      </span>
    </Tooltip>
  );
}

function RangePicker() {
  const { t, date } = useI18n();
  const { span, today, set, shift, search } = useView();
  const [own, setOwn] = useState({ from: span.from, to: span.to });
  const [open, setOpen] = useState(false);
  const label = span.range === 'own' ? `${date(span.from)} – ${date(span.to)}` : t(`range.${span.range}`);
  return (
    <span className="group">
      <Tooltip label={t('range.earlier')}>
        <ActionIcon variant="default" aria-label={t('range.earlier')} onClick={() => shift(-1)}><Icon name="left" size={14} /></ActionIcon>
      </Tooltip>
      <Menu opened={open} onChange={(next) => { setOpen(next); if (next) setOwn({ from: span.from, to: span.to }); }} position="bottom-start" closeOnItemClick>
        <Menu.Target>
          <Button variant="default" leftSection={<Icon name="calendar" size={14} />} rightSection={<Icon name="down" size={12} />} data-range={span.range}>{label}</Button>
        </Menu.Target>
        <Menu.Dropdown>
          {RANGES.map((r) => (
            <Menu.Item key={r} onClick={() => set({ range: r as Range, grain: undefined })} rightSection={span.range === r ? <Icon name="check" size={14} /> : null}>{t(`range.${r}`)}</Menu.Item>
          ))}
          <Menu.Divider />
          <form
            className="own-range"
            onSubmit={(e) => {
              e.preventDefault();
              if (own.from <= own.to) {
                set({ range: 'own', from: own.from, to: own.to });
                setOpen(false);
              }
            }}
          >
            <TextInput type="date" size="xs" label={t('range.from')} value={own.from} max={own.to} onChange={(e) => setOwn({ ...own, from: e.currentTarget.value })} onKeyDown={(e) => e.stopPropagation()} />
            <TextInput type="date" size="xs" label={t('range.to')} value={own.to} min={own.from} max={today} onChange={(e) => setOwn({ ...own, to: e.currentTarget.value })} onKeyDown={(e) => e.stopPropagation()} />
            <Button type="submit" size="xs">{t('range.own')}</Button>
          </form>
        </Menu.Dropdown>
      </Menu>
      <Tooltip label={t('range.later')}>
        <ActionIcon variant="default" aria-label={t('range.later')} disabled={span.to >= today && search.range !== 'own'} onClick={() => shift(1)}><Icon name="right" size={14} /></ActionIcon>
      </Tooltip>
    </span>
  );
}

/** All dimensions that any metric can be filtered by. */
export function useDimensions(): Dimension[] {
  const catalog = useMetrics().data;
  const seen = new Map<string, Dimension>();
  for (const m of catalog ?? []) for (const d of m.dimensions) if (!seen.has(d.name)) seen.set(d.name, d);
  return [...seen.values()].filter((d) => !isIdentity(d.name));
}

function AddFilter() {
  const { t, dim, dimName } = useI18n();
  const view = useView();
  const dimensions = useDimensions();
  const [open, setOpen] = useState(false);
  const [dimension, setDimension] = useState<string | null>(null);
  const [not, setNot] = useState('is');
  const [values, setValues] = useState<string[]>([]);
  const [typed, setTyped] = useState('');
  // The list closes after each choice, so that it does not cover the button beneath.
  const [list, setList] = useState(false);
  // The values that exist, from the newest period of a figure that has them.
  const catalog = useMetrics().data ?? [];
  const has = (m: Metric | undefined): boolean => (dimension?.startsWith(OF_EVENT) ? m?.properties : m?.dimensions.some((d) => d.name === dimension)) ?? false;
  const source = ['customers', 'visitors', 'events'].map((name) => catalog.find((m) => m.name === name)).find(has) ?? catalog.find(has);
  const known = useFigures({ metrics: [source?.name ?? 'customers'], params: { grain: 'year', from: view.today.slice(0, 4), to: view.today.slice(0, 4), by: dimension }, enabled: open && Boolean(dimension) && dimension !== DID && Boolean(source) });
  const options = [...new Set([...(known.data?.series ?? []).map((s) => s.dimensions[dimension ?? ''] ?? '').filter(Boolean), ...values, ...(typed.trim() ? [typed.trim()] : [])])];
  const some = (useWorkspace().data?.tables['events'] ?? 0) > 0;
  const named = dimensions.map((d) => ({ value: d.name, label: dimName(d.name, d.label) })).sort((a, b) => a.label.localeCompare(b.label));
  const properties = (useProperties(open && some).data ?? []).map((p) => ({ value: OF_EVENT + p, label: p }));
  const groups = [{ group: t('filter.behaviour'), items: [{ value: DID, label: t('filter.did.choice') }] }, { group: t('filter.attributes'), items: named }, ...(properties.length ? [{ group: t('filter.properties'), items: properties }] : [])];
  const apply = () => {
    if (!dimension || !values.length) return;
    view.set({ where: [...view.where, writeFilter({ dim: dimension, not: not === 'not', values })] });
    setOpen(false);
    setValues([]);
    setDimension(null);
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-start" trapFocus withinPortal>
      <Popover.Target>
        <Button variant="default" leftSection={<Icon name="filter" size={14} />} onClick={() => setOpen(!open)} data-add-filter="">{t('filter.add')}</Button>
      </Popover.Target>
      <Popover.Dropdown>
        <div className="stack" style={{ width: 260 }}>
          <Select size="xs" label={t('filter.dimension')} searchable data={some ? groups : named} value={dimension} onChange={(v) => { setDimension(v); setValues([]); }} comboboxProps={{ withinPortal: false }} />
          <SegmentedControl size="xs" data={dimension === DID ? [{ value: 'is', label: t('filter.did') }, { value: 'not', label: t('filter.didNot') }] : [{ value: 'is', label: t('filter.is') }, { value: 'not', label: t('filter.not') }]} value={not} onChange={setNot} aria-label={t('filter.how')} />
          {dimension === DID ? <Suspense fallback={null}><DidValues values={values} onChange={setValues} /></Suspense> : <MultiSelect size="xs" dropdownOpened={list} onDropdownOpen={() => setList(true)} onDropdownClose={() => setList(false)} onOptionSubmit={() => setList(false)} label={t('filter.values')} searchable disabled={!dimension} data={options.map((v) => ({ value: v, label: dim(dimension ?? '', v) }))} value={values} onChange={setValues} searchValue={typed} onSearchChange={setTyped} nothingFoundMessage={t('filter.noValues')} comboboxProps={{ withinPortal: false }} maxDropdownHeight={180} />}
          <Button size="xs" onClick={apply} disabled={!values.length}>{t('filter.apply')}</Button>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

function Chips() {
  const { t, dim, dimName } = useI18n();
  const { where, set } = useView();
  const dimensions = useDimensions();
  return (
    <>
      {where.map((w, i) => {
        const f = readFilter(w);
        if (!f) return null;
        const label = dimName(f.dim, dimensions.find((d) => d.name === f.dim)?.label);
        const replace = (next: string | null) => set({ where: where.flatMap((x, k) => (k === i ? (next ? [next] : []) : [x])) });
        return (
          <span className="chip" key={w}>
            <button type="button" onClick={() => replace(writeFilter({ ...f, not: !f.not }))} title={t('filter.toggle')}>
              {f.dim === DID ? t(f.not ? 'filter.didNot' : 'filter.did') : `${label} ${f.not ? '≠' : '='}`} <strong>{f.values.map((v) => dim(f.dim, v)).join(', ')}</strong>
            </button>
            <button type="button" aria-label={t('filter.remove', { name: label })} onClick={() => replace(null)}><Icon name="close" size={10} /></button>
          </span>
        );
      })}
    </>
  );
}

function Controls() {
  const { t } = useI18n();
  const { span, compare, currency, set, search, versus } = useView();
  const segment = useSegmentName(versus);
  const segments = useSegments().data ?? [];
  // Saved segments stand under the earlier periods; one from a link stands there too.
  const others = segments.map((s) => ({ value: `segment:${s.filter.join('|')}`, label: t('compare.with', { name: s.name }) }));
  if (versus.length && !others.some((o) => o.value === `segment:${versus.join('|')}`)) others.push({ value: `segment:${versus.join('|')}`, label: t('compare.with', { name: segment }) });
  const choose = (v: string) => (v.startsWith('segment:') ? set({ compare: undefined, versus: v.slice(8).split('|') }) : set({ versus: undefined, compare: v === 'previous' ? undefined : (v as 'none' | 'year_ago') }));
  const workspace = useWorkspace().data;
  const currencies = [...new Set([...(workspace?.currencies ?? []), currency])];
  return (
    <>
      <RangePicker />
      <Select aria-label={t('grain.label')} w={112} data={GRAINS.map((g) => ({ value: g, label: t(`grain.${g}`) }))} value={span.grain} onChange={(v) => v && set({ grain: v as (typeof GRAINS)[number] })} allowDeselect={false} withCheckIcon={false} data-grain={span.grain} />
      <Select aria-label={t('compare.label')} w={178} data={[...COMPARISONS.map((x) => ({ value: x as string, label: t(`compare.${x}`) })), ...others]} value={compare === 'segment' ? `segment:${versus.join('|')}` : compare} onChange={(v) => v && choose(v)} allowDeselect={false} withCheckIcon={false} data-compare={compare} />
      <Chips />
      <AddFilter />
      <Suspense fallback={null}><SegmentMenu /></Suspense>
      {currencies.length > 1 ? <Select aria-label={t('currency.label')} w={84} data={currencies} value={currency} onChange={(v) => v && set({ currency: v === workspace?.currency ? undefined : v })} allowDeselect={false} withCheckIcon={false} className="push" /> : <span className="push" />}
      {search.where || search.range || search.from || search.grain || search.compare || search.versus || search.currency ? (
        <Button variant="subtle" color="gray" onClick={() => set({ where: undefined, range: undefined, from: undefined, to: undefined, grain: undefined, compare: undefined, versus: undefined, currency: undefined })}>{t('filter.reset')}</Button>
      ) : null}
    </>
  );
}

export function Bar() {
  const { t, date } = useI18n();
  const narrow = useIsNarrow();
  const { span, where } = useView();
  const [open, drawer] = useDisclosure(false);
  if (narrow)
    return (
      <div className="bar narrow" role="region" aria-label={t('bar.label')}>
        <Button variant="default" size="sm" leftSection={<Icon name="filter" size={14} />} onClick={drawer.open} data-bar-button="">
          {span.range === 'own' ? `${date(span.from)} – ${date(span.to)}` : t(`range.${span.range}`)}
          {where.length ? ` · ${t('filter.count', { n: where.length })}` : ''}
        </Button>
        <LiveDot />
        <Drawer opened={open} onClose={drawer.close} position="bottom" size="auto" title={t('bar.label')} closeButtonProps={{ 'aria-label': t('action.close') }}>
          <div className="bar-sheet"><Controls /></div>
        </Drawer>
      </div>
    );
  return (
    <div className="bar" role="region" aria-label={t('bar.label')}>
      <Controls />
      <LiveDot />
    </div>
  );
}
