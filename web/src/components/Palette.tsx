/** Ctrl/⌘-K: metrics, customers, pages, actions. */
import { Modal } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import { usePersons, useViews } from '../api/events';
import { useCustomers, useMetrics, useWorkspace } from '../api/hooks';
import { useI18n } from '../i18n/context';
import { LANGUAGES } from '../i18n/core';
import { match } from '../state/match';
import { toggleScheme } from '../state/scheme';
import { useView } from '../state/useView';
import { COMPARISONS, parseAddress, RANGES, type Range } from '../state/view';
import { PLACES } from '../state/places';
import { Icon, type IconName } from './Icon';

interface Item {
  id: string;
  group: string;
  label: string;
  hint?: string;
  icon: IconName;
  act: () => void;
}

export function Palette({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t, text, setLang, money } = useI18n();
  const view = useView();
  const navigate = useNavigate();
  const metrics = useMetrics().data;
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const [asked] = useDebouncedValue(typed.trim(), 180);
  const found = useCustomers({ search: asked, limit: 6 }, opened && asked.length > 1).data;
  const some = (useWorkspace().data?.tables['events'] ?? 0) > 0;
  const persons = usePersons({ search: asked, limit: 6 }, opened && some && asked.length > 1).data;
  const saved = useViews(opened && some).data;
  const list = useRef<HTMLUListElement>(null);

  useEffect(() => {
    if (opened) {
      setTyped('');
      setAt(0);
    }
  }, [opened]);

  const items = useMemo<Item[]>(() => {
    const go = (to: string, params?: Record<string, string>) => () => void navigate({ to, params, search: view.carry } as never);
    const pages = PLACES.map<Item>((p) => ({ id: `page:${p.to}`, group: t('palette.pages'), label: t(p.key), hint: `g ${p.letter}`, icon: p.icon, act: go(p.to) }));
    const figures = (metrics ?? []).map<Item>((m) => ({ id: `metric:${m.name}`, group: t('palette.metrics'), label: text(m.label), hint: m.name, icon: 'chart', act: go('/metrics/$name', { name: m.name }) }));
    const actions: Item[] = [
      ...RANGES.map<Item>((r) => ({ id: `range:${r}`, group: t('palette.actions'), label: t('palette.range', { name: t(`range.${r}`) }), icon: 'calendar', act: () => view.set({ range: r as Range, grain: undefined }) })),
      ...COMPARISONS.map<Item>((c) => ({ id: `compare:${c}`, group: t('palette.actions'), label: t('palette.compare', { name: t(`compare.${c}`) }), icon: 'chart', act: () => view.set({ compare: c, versus: undefined }) })),
      { id: 'scheme', group: t('palette.actions'), label: t('scheme.toggle'), hint: 'd', icon: 'moon', act: toggleScheme },
      ...LANGUAGES.map<Item>((l) => ({ id: `lang:${l}`, group: t('palette.actions'), label: `${t('language.label')}: ${t(`language.${l}`)}`, icon: 'settings', act: () => setLang(l) })),
      { id: 'import', group: t('palette.actions'), label: t('palette.import'), icon: 'upload', act: go('/data') },
      { id: 'keys', group: t('palette.actions'), label: t('keys.title'), hint: '?', icon: 'keyboard', act: () => window.dispatchEvent(new Event('burgeon:keys')) },
    ];
    const customers = asked.length > 1 ? (found?.customers ?? []).map<Item>((c) => ({ id: `customer:${c.customer_id}`, group: t('palette.customers'), label: c.name ?? c.customer_id, hint: money(c.mrr, c.currency, 'short'), icon: 'customers', act: go('/customers/$id', { id: c.customer_id }) })) : [];
    const people = asked.length > 1 ? (persons?.pages[0]?.persons ?? []).map<Item>((p) => ({ id: `person:${p.person_id}`, group: t('palette.people'), label: p.name ?? p.email ?? p.person_id, hint: p.name ? (p.email ?? '') : '', icon: 'person', act: go('/persons/$id', { id: p.person_id }) })) : [];
    const views = (saved ?? []).map<Item>((v) => ({ id: `view:${v.name}`, group: t('palette.views'), label: v.name, hint: v.page, icon: 'bookmark', act: () => void navigate({ to: v.page, search: parseAddress(v.query) } as never) }));
    if (!typed.trim()) return [...pages, ...views.slice(0, 5), ...figures.slice(0, 8), ...actions.filter((a) => !a.id.startsWith('lang'))];
    const scored = [...pages, ...views, ...figures, ...actions].map((item) => ({ item, score: match(typed, `${item.label} ${item.hint ?? ''}`) })).filter((x) => x.score > 0);
    scored.sort((a, b) => b.score - a.score);
    return [...scored.slice(0, 14).map((x) => x.item), ...customers, ...people];
  }, [metrics, found, persons, saved, typed, asked, t, text, money, navigate, view, setLang]);

  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }, [at]);

  const run = (item: Item | undefined) => {
    if (!item) return;
    onClose();
    item.act();
  };
  let group = '';
  return (
    <Modal opened={opened} onClose={onClose} withCloseButton={false} padding={0} size="lg" yOffset="12vh" transitionProps={{ duration: 80 }} aria-label={t('palette.open')}>
      <div className="palette" data-palette="">
        <input
          data-autofocus
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={items[at] ? `palette-${at}` : undefined}
          aria-label={t('palette.placeholder')}
          placeholder={t('palette.placeholder')}
          value={typed}
          onChange={(e) => { setTyped(e.currentTarget.value); setAt(0); }}
          onKeyDown={(e) => {
            if (e.key === 'ArrowDown') setAt(Math.min(items.length - 1, at + 1));
            else if (e.key === 'ArrowUp') setAt(Math.max(0, at - 1));
            else if (e.key === 'Enter') run(items[at]);
            else return;
            e.preventDefault();
          }}
        />
        <ul ref={list} id="palette-list" role="listbox" aria-label={t('palette.open')}>
          {items.map((item, i) => {
            const head = item.group !== group ? (group = item.group) : null;
            return (
              <li key={item.id} role="none">
                {head ? <span className="palette-group" role="presentation">{head}</span> : null}
                <div id={`palette-${i}`} role="option" aria-selected={i === at} className="palette-item" onMouseMove={() => setAt(i)} onClick={() => run(item)}>
                  <Icon name={item.icon} size={14} />
                  <span>{item.label}</span>
                  {item.hint ? <span className="muted">{item.hint}</span> : null}
                </div>
              </li>
            );
          })}
        </ul>
        {items.length === 0 ? <p className="muted palette-none">{t('palette.none')}</p> : null}
      </div>
    </Modal>
  );
}
