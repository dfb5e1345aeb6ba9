/** A step as text: `event` or `event[prop=value,prop!=value,prop~text]`; `*` is any event. The same grammar as the server's. */
export type Op = '=' | '!=' | '~';
export const OPS: readonly Op[] = ['=', '!=', '~'];

export interface Condition {
  property: string;
  op: Op;
  value: string;
}

export interface Step {
  event: string;
  conditions: Condition[];
}

/** Reads a step; null when it cannot be one. */
export function readStep(text: string): Step | null {
  const whole = text.trim();
  const open = whole.indexOf('[');
  if (open < 0) return whole && !whole.includes(']') ? { event: whole, conditions: [] } : null;
  const event = whole.slice(0, open).trim();
  if (!event || !whole.endsWith(']')) return null;
  const conditions: Condition[] = [];
  for (const part of whole.slice(open + 1, -1).split(',')) {
    const m = /^\s*([^=!~\s][^=!~]*?)\s*(!=|=|~)\s*(.*?)\s*$/.exec(part);
    if (!m) return null;
    conditions.push({ property: m[1]!, op: m[2] as Op, value: m[3]! });
  }
  return { event, conditions };
}

/** What the grammar has no place for in a name or a value. */
const plain = (text: string): string => text.replace(/[[\],]/g, ' ').trim();

export function writeStep(step: Step): string {
  const conditions = step.conditions.filter((c) => c.property && c.value);
  return conditions.length ? `${plain(step.event)}[${conditions.map((c) => `${plain(c.property)}${c.op}${plain(c.value)}`).join(',')}]` : plain(step.event);
}

/** Names such as `report_created` are read more easily as "Report created"; the address keeps the code. */
export const eventLabel = (event: string): string => event.replace(/^(\$|fact:)/, '').replaceAll('_', ' ').replace(/^\p{Ll}(?!\p{Lu})/u, (c) => c.toUpperCase());

/** A step in words; `contains` is the word for `~`, `nameOf` the name of an event where it has its own. */
export function stepLabel(text: string, any: string, contains: string, nameOf: (event: string) => string = eventLabel): string {
  const step = readStep(text);
  if (!step) return text;
  const name = step.event === '*' ? any : nameOf(step.event);
  return step.conditions.length ? `${name} (${step.conditions.map((c) => `${c.property} ${c.op === '!=' ? '≠' : c.op === '~' ? contains : '='} ${c.value}`).join(', ')})` : name;
}

/** `7d` to its parts. */
export function readWithin(text: string): { n: number; unit: 'm' | 'h' | 'd' | 'w' } {
  const m = /^(\d+)([mhdw])$/.exec(text);
  return m ? { n: Number(m[1]), unit: m[2] as 'd' } : { n: 14, unit: 'd' };
}
