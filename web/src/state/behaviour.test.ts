import { describe, expect, it } from 'vitest';
import type { EventName, Meaning, PersonEvent, PersonItem } from '../api/events';
import { feed, type Fed } from './feed';
import { defaultRetention, defaultSteps } from './funnel';
import { groupPick, readPick, writePick } from './people';
import { pairs, propertyValues } from './properties';
import { sittings } from './timeline';
import { readToken, writeToken } from './token';
import { SNIPPETS } from './snippets';

const name = (event: string, persons: number, kind: 'event' | 'fact' = 'event'): EventName => ({ event, kind, persons, count: persons, first_at: null, last_at: null, properties: [], meanings: [] });
const meaning = (of: string, steps: string[]): Meaning => ({ name: of, label: of, steps, at_least: null, builtin: true });

describe('what the pages begin with', () => {
  const meanings = [meaning('page_view', ['page_view']), meaning('signup', ['user_signed_up', 'signup']), meaning('trial', ['trial_started']), meaning('active', ['*'])];
  it('follows the meanings whose events were seen', () => {
    expect(defaultSteps(meanings, [name('signup', 5), name('page_view', 90), name('x', 40)])).toEqual(['page_view', 'signup']);
    expect(defaultRetention(meanings, [name('signup', 5)])).toEqual({ first: 'signup', back: '*' });
  });
  it('ends with the first payment where there was one', () => {
    expect(defaultSteps(meanings, [name('signup', 5), name('page_view', 90), name('fact:first_payment', 3, 'fact')])).toEqual(['page_view', 'signup', 'fact:first_payment']);
  });
  it('falls back to what most people do, never to steps of the ledger', () => {
    expect(defaultSteps(meanings, [name('a', 5), name('b', 9), name('fact:renewal', 50, 'fact'), name('c', 7), name('d', 1)])).toEqual(['b', 'c', 'a']);
    expect(defaultSteps([], [])).toEqual([]);
  });
});

describe('the stream', () => {
  const id = (x: { id: number }) => String(x.id);
  const e = (...ids: number[]) => ids.map((n) => ({ id: n }));
  const none: Fed<{ id: number }> = { shown: [], waiting: [] };
  it('takes each event once, newest first', () => {
    const a = feed(none, e(3, 2, 1), id, false, 10);
    expect(feed(a, e(5, 4, 3, 2), id, false, 10).shown.map(id)).toEqual(['5', '4', '3', '2', '1']);
  });
  it('does not move while it is read, and loses nothing', () => {
    const a = feed(none, e(2, 1), id, false, 10);
    const held = feed(feed(a, e(3), id, true, 10), e(5, 4), id, true, 10);
    expect(held.shown).toBe(a.shown);
    expect(held.waiting.map(id)).toEqual(['5', '4', '3']);
    expect(feed(held, [], id, false, 10)).toEqual({ shown: e(5, 4, 3, 2, 1), waiting: [] });
  });
  it('is the same object when nothing came', () => {
    const a = feed(none, e(1), id, false, 10);
    expect(feed(a, e(1), id, false, 10)).toBe(a);
  });
  it('keeps at most so many', () => expect(feed(none, e(5, 4, 3, 2, 1), id, false, 3).shown.map(id)).toEqual(['5', '4', '3']));
});

describe('a timeline', () => {
  const ev = (at: string, event: string): PersonEvent => ({ at, kind: 'event', event_id: at, event, path: null, channel: null, source: null, device: null, country: null, properties: null });
  const items: PersonItem[] = [
    ev('2026-01-01T10:00:00Z', 'a'), ev('2026-01-01T10:05:00Z', 'a'), ev('2026-01-01T10:06:00Z', 'b'), ev('2026-01-01T11:00:00Z', 'b'),
    { at: '2026-01-01T10:30:00Z', kind: 'movement', title_key: 'movement.new', params: {}, amount: 1, currency: 'USD', record: null },
  ];
  it('gathers what was done without a pause, repeats as one', () => {
    const blocks = sittings(items);
    expect(blocks.map((b) => (b.kind === 'sitting' ? b.runs.map((r) => `${r.event}×${r.count}`).join(' ') : b.item.title_key))).toEqual(['b×1', 'movement.new', 'b×1 a×2']);
    const first = blocks[2]!;
    expect(first.kind === 'sitting' && [first.from, first.to, first.events]).toEqual(['2026-01-01T10:00:00Z', '2026-01-01T10:06:00Z', 3]);
  });
  it('counts every event once whatever the order they come in', () => {
    const count = (list: PersonItem[]) => sittings(list).reduce((n, b) => n + (b.kind === 'sitting' ? b.events : 0), 0);
    expect(count([...items].reverse())).toBe(4);
    expect(sittings([...items].reverse())).toEqual(sittings(items));
  });
});

describe('properties', () => {
  it('stand in one line', () => {
    expect(pairs('{"plan":"pro","seats":3,"tags":["a"]}')).toBe('plan: pro, seats: 3, tags: ["a"]');
    expect(pairs('no object')).toBe('no object');
  });
  it('are told by their commonest values', () => {
    const found = propertyValues([{ properties: { plan: 'pro', n: 1 } }, { properties: { plan: 'pro', n: 2 } }, { properties: { plan: 'team', x: null, o: { a: 1 } } }, { properties: null }], 1);
    expect(found).toEqual([
      { property: 'plan', top: [{ value: 'pro', share: 2 / 3 }], distinct: 2 },
      { property: 'n', top: [{ value: '1', share: 0.5 }], distinct: 2 },
      { property: 'o', top: [{ value: '{"a":1}', share: 1 }], distinct: 1 },
    ]);
  });
});

describe('small choices', () => {
  it('share one place in the address', () => {
    const view = writeToken(writeToken('keys', 'client', 'posthog-js'), 'sticky', 'month');
    expect(view).toBe('keys.client-posthog-js.sticky-month');
    expect(readToken(view, 'client')).toBe('posthog-js');
    expect(writeToken(writeToken(writeToken(view, 'client', undefined), 'sticky', undefined), 'x', undefined)).toBe('keys');
    expect(writeToken('sticky-month', 'sticky', undefined)).toBeUndefined();
  });
  it('name the bar whose people are listed', () => {
    const pick = { step: '2', dropped: 'true', ...groupPick('source', 'a & b=c') };
    expect(readPick(writePick(pick))).toEqual(pick);
    expect(groupPick('source', null)).toEqual({ by: 'source', none: 'true' });
    expect(readPick(undefined)).toBeNull();
  });
});

describe('snippets', () => {
  it('name the server and the key, each client once', () => {
    expect(new Set(SNIPPETS.map((s) => s.id)).size).toBe(SNIPPETS.length);
    for (const s of SNIPPETS) {
      const code = s.code('https://stats.example:8443', 'wk_test', 'shop.example');
      expect(code, s.id).toContain('stats.example:8443');
      expect(code, s.id).toContain(s.id === 'plausible' ? 'shop.example' : 'wk_test');
      expect(code, s.id).not.toContain('https://https://');
    }
  });
});
