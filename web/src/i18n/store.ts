/** The language in use and its words. What only the pages of events say arrives with the first of them. */
import { load, LOCALE, preferred, type Lang, type Words } from './core';
import { en } from './en';

const STORE = 'burgeon.lang';

export interface Spoken {
  lang: Lang;
  messages: Words;
}

let current: Spoken = { lang: 'en', messages: en };
let wanted: Lang | null = null;
let events = false;
/** What `current` was made for. */
let made = 'en';
const listeners = new Set<() => void>();

const mark = (): string => `${wanted ?? 'en'}${events ? '+events' : ''}`;

async function apply(): Promise<void> {
  const asked = mark();
  if (asked === made) return;
  const lang = wanted ?? 'en';
  const messages = await load(lang, events);
  // A later wish overtook this one.
  if (asked !== mark()) return;
  made = asked;
  current = { lang, messages };
  document.documentElement.lang = LOCALE[lang];
  for (const listener of listeners) listener();
}

export const spoken = {
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  get: (): Spoken => current,
};

/** Takes the language chosen before, else the browser's. */
export function startLanguage(): void {
  if (wanted) return;
  wanted = preferred(localStorage.getItem(STORE), navigator.languages);
  document.documentElement.lang = LOCALE[wanted];
  void apply();
}

export function setLang(lang: Lang): void {
  localStorage.setItem(STORE, lang);
  wanted = lang;
  void apply();
}

/** A page or part that needs the words of events, once they are here. */
export async function withEvents<T>(part: Promise<T>): Promise<T> {
  events = true;
  const [found] = await Promise.all([part, apply()]);
  return found;
}
