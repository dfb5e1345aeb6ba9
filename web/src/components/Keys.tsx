/** The keyboard: g and a letter to go, [ ] to shift, c b d / ? as named in the list. */
import { Modal } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { useI18n } from '../i18n/context';
import { toggleScheme } from '../state/scheme';
import { useView } from '../state/useView';
import { COMPARISONS } from '../state/view';
import { PLACES } from '../state/places';

const typing = (target: EventTarget | null): boolean => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function Keys({ onPalette }: { onPalette: () => void }) {
  const { t } = useI18n();
  const view = useView();
  const navigate = useNavigate();
  const [help, setHelp] = useState(false);
  const state = useRef({ view, onPalette, going: 0 });
  state.current.view = view;
  state.current.onPalette = onPalette;

  useEffect(() => {
    const show = () => setHelp(true);
    window.addEventListener('burgeon:keys', show);
    const onKey = (e: KeyboardEvent) => {
      const s = state.current;
      if ((e.metaKey || e.ctrlKey) && e.key.toLowerCase() === 'k') {
        e.preventDefault();
        s.onPalette();
        return;
      }
      if (e.metaKey || e.ctrlKey || e.altKey || typing(e.target) || document.querySelector('[data-palette]')) return;
      if (s.going && Date.now() - s.going < 1200) {
        s.going = 0;
        const place = PLACES.find((p) => p.letter === e.key.toLowerCase());
        if (place) {
          e.preventDefault();
          void navigate({ to: place.to, search: s.view.carry } as never);
        }
        return;
      }
      const next = (): void => {
        const i = (COMPARISONS as readonly string[]).indexOf(s.view.compare);
        const c = COMPARISONS[(i + 1) % COMPARISONS.length]!;
        s.view.set({ compare: c === 'previous' ? undefined : c, versus: undefined });
      };
      const acts: Record<string, () => void> = {
        g: () => (s.going = Date.now()),
        '/': () => {
          const own = document.querySelector<HTMLInputElement>('main input[type=search]');
          if (own) own.focus();
          else s.onPalette();
        },
        '[': () => s.view.shift(-1),
        ']': () => s.view.shift(1),
        c: next,
        b: () => document.querySelector<HTMLElement>('[data-breakdown]')?.click(),
        d: toggleScheme,
        '?': () => setHelp(true),
        Escape: () => {
          if ((s.view.search.open || s.view.search.people) && !document.querySelector('[role=dialog][aria-modal=true], [role=listbox]')) s.view.set({ open: undefined, period: undefined, against: undefined, tab: undefined, only: undefined, split: undefined, people: undefined });
        },
      };
      const act = acts[e.key];
      if (!act) return;
      if (e.key !== 'Escape') e.preventDefault();
      act();
    };
    window.addEventListener('keydown', onKey);
    return () => {
      window.removeEventListener('keydown', onKey);
      window.removeEventListener('burgeon:keys', show);
    };
  }, [navigate]);

  const rows: [string, string][] = [
    ['Ctrl/⌘ K', t('keys.palette')], ['/', t('keys.search')], ['[  ]', t('keys.shift')], ['c', t('keys.compare')], ['b', t('keys.breakdown')], ['d', t('keys.dark')], ['Esc', t('keys.close')], ['?', t('keys.list')],
    ...PLACES.map((p): [string, string] => [`g ${p.letter}`, t('keys.go', { name: t(p.key) })]),
  ];
  return (
    <Modal opened={help} onClose={() => setHelp(false)} title={t('keys.title')} closeButtonProps={{ 'aria-label': t('action.close') }}>
      <dl className="keys">
        {rows.map(([key, what]) => (
          <div key={key}>
            <dt><kbd>{key}</kbd></dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
