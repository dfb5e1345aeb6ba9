import { createContext, use, useCallback, useMemo, useSyncExternalStore, type ReactNode } from 'react';
import type { Text, Unit } from '../api/types';
import { fill, LOCALE, type Key, type Lang, type Values, type Words } from './core';
import { en } from './en';
import { formatAgo, formatAxis, formatDate, formatDelta, formatDimension, formatMoment, formatPeriod, formatTime, formatValue, type Delta, type Style } from './format';
import { eventLabel } from '../state/step';
import { setLang, spoken, startLanguage } from './store';

export interface I18n {
  lang: Lang;
  setLang: (lang: Lang) => void;
  t: (key: Key, values?: Values) => string;
  /** A key that the server named; its own text when we have no words for it. */
  maybe: (key: string, fallback: string, values?: Values) => string;
  text: (text: Text | null | undefined) => string;
  value: (value: number | null | undefined, unit: Unit | string, style?: Style, signed?: boolean) => string;
  axis: (value: number, unit: Unit | string) => string;
  money: (value: number | null | undefined, currency: string, style?: Style, signed?: boolean) => string;
  delta: (before: number | null | undefined, after: number | null | undefined, unit: Unit | string) => Delta | null;
  period: (label: string | null | undefined, style?: Style) => string;
  date: (instant: string | null | undefined) => string;
  moment: (instant: string | null | undefined, seconds?: boolean) => string;
  time: (instant: string | null | undefined) => string;
  ago: (instant: string | null | undefined, now: string) => string;
  dim: (dimension: string, value: string | null | undefined) => string;
  /** What a dimension is called: in our own words where we have them, else as the server says. */
  dimName: (name: string, label?: Text | null) => string;
  list: (items: string[]) => string;
}

const Context = createContext<I18n | null>(null);

/** Currency and time zone come from the view and the workspace; the provider is placed beneath them. */
export function I18nProvider({ lang, setLang, messages, currency, zone, children }: { lang: Lang; setLang: (lang: Lang) => void; messages: Words; currency: string; zone: string; children: ReactNode }) {
  const t = useCallback((key: Key, values?: Values) => fill(lang, messages[key] ?? (en as Words)[key] ?? key, values), [lang, messages]);
  const value = useMemo<I18n>(
    () => ({
      lang,
      setLang,
      t,
      maybe: (key, fallback, values) => (key in messages ? t(key as Key, values) : fallback),
      text: (text) => (text === null || text === undefined ? '' : typeof text === 'string' ? text : (text[lang] ?? text.en)),
      value: (v, unit, style, signed) => formatValue(lang, v, unit, currency, style, signed),
      axis: (v, unit) => formatAxis(lang, v, unit, currency),
      money: (v, c, style, signed) => formatValue(lang, v, 'money', c, style, signed),
      delta: (before, after, unit) => formatDelta(lang, t, before, after, unit),
      period: (label, style) => formatPeriod(lang, t, label, style),
      date: (instant) => formatDate(lang, instant, zone),
      moment: (instant, seconds) => formatMoment(lang, instant, zone, seconds),
      time: (instant) => formatTime(lang, instant, zone),
      ago: (instant, now) => formatAgo(lang, instant, now),
      dimName: (name, label) => (`dimension.${name}` in messages ? t(`dimension.${name}` as Key)  : name.startsWith('event.') && !label ? name.slice(6) : label ? (typeof label === 'string' ? label : (label[lang] ?? label.en)) : eventLabel(name)),
      dim: (dimension, v) => formatDimension(lang, t, dimension, v),
      list: (items) => new Intl.ListFormat(LOCALE[lang], { type: 'conjunction' }).format(items),
    }),
    [lang, setLang, t, messages, currency, zone],
  );
  return <Context value={value}>{children}</Context>;
}

export function useI18n(): I18n {
  const value = use(Context);
  if (!value) throw new Error('I18nProvider is missing');
  return value;
}

/** The language chosen before, else the browser's; its words arrive in their own file. */
export function useLanguage(): { lang: Lang; setLang: (lang: Lang) => void; messages: Words } {
  startLanguage();
  const { lang, messages } = useSyncExternalStore(spoken.subscribe, spoken.get);
  return { lang, setLang, messages };
}
