/** Words of the interface: flat lists of keys per language, plural forms by `Intl.PluralRules`. */
import { en } from './en';
import type { events } from './events/en';

export const LANGUAGES = ['en', 'ru', 'zh'] as const;
export type Lang = (typeof LANGUAGES)[number];

export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };
export type Message = string | Plural;
/** Words that every page may need, and those of the pages of events, which load later. */
export type CommonKey = keyof typeof en;
export type EventsKey = keyof typeof events;
export type Key = CommonKey | EventsKey;
export type Messages = Record<CommonKey, Message>;
export type EventsMessages = Record<EventsKey, Message>;
export type Words = Partial<Record<Key, Message>>;
export type Values = Record<string, string | number | null | undefined>;

/** The locale for `Intl`. */
export const LOCALE: Record<Lang, string> = { en: 'en', ru: 'ru', zh: 'zh-CN' };

async function common(lang: Lang): Promise<Messages> {
  switch (lang) {
    case 'ru':
      return (await import('./ru')).ru;
    case 'zh':
      return (await import('./zh')).zh;
    default:
      return en;
  }
}

async function ofEvents(lang: Lang): Promise<EventsMessages> {
  switch (lang) {
    case 'ru':
      return (await import('./events/ru')).events;
    case 'zh':
      return (await import('./events/zh')).events;
    default:
      return (await import('./events/en')).events;
  }
}

export async function load(lang: Lang, events = false): Promise<Words> {
  const [words, more] = await Promise.all([common(lang), events ? ofEvents(lang) : {}]);
  return { ...words, ...more };
}

const rules = new Map<Lang, Intl.PluralRules>();

/** Fills `{name}` in a message; a plural is chosen by the value `n`. */
export function fill(lang: Lang, message: Message, values: Values = {}): string {
  let text: string;
  if (typeof message === 'string') text = message;
  else {
    let rule = rules.get(lang);
    if (!rule) rules.set(lang, (rule = new Intl.PluralRules(LOCALE[lang])));
    text = message[rule.select(Number(values['n'] ?? 0))] ?? message.other;
  }
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined || value === null) return '';
    return typeof value === 'number' ? value.toLocaleString(LOCALE[lang]) : value;
  });
}

export function isLang(value: unknown): value is Lang {
  return LANGUAGES.some((lang) => lang === value);
}

/** The stored language, else the first of the browser's that we speak. */
export function preferred(stored: string | null, browser: readonly string[]): Lang {
  if (isLang(stored)) return stored;
  for (const tag of browser) {
    const lang = tag.slice(0, 2).toLowerCase();
    if (isLang(lang)) return lang;
  }
  return 'en';
}
