/** Properties in one line, from their JSON. */
export function pairs(json: string): string {
  try {
    const shown = (v: unknown) => (typeof v === 'object' ? JSON.stringify(v) : String(v));
    return Object.entries(JSON.parse(json) as Record<string, unknown>).map(([k, v]) => `${k}: ${shown(v)}`).join(', ');
  } catch {
    return json;
  }
}

/** What the properties of some events hold: the commonest values and how many there are. Pure. */
export interface PropertyValues {
  property: string;
  top: { value: string; share: number }[];
  distinct: number;
}

export function propertyValues(events: readonly { properties: Record<string, unknown> | null }[], most = 4): PropertyValues[] {
  const seen = new Map<string, Map<string, number>>();
  for (const e of events)
    for (const [k, v] of Object.entries(e.properties ?? {})) {
      if (v === null || v === undefined || v === '') continue;
      const text = typeof v === 'object' ? JSON.stringify(v) : String(v);
      const counts = seen.get(k) ?? new Map<string, number>();
      counts.set(text, (counts.get(text) ?? 0) + 1);
      seen.set(k, counts);
    }
  return [...seen]
    .map(([property, counts]) => {
      const whole = [...counts.values()].reduce((a, b) => a + b, 0);
      const top = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, most).map(([value, n]) => ({ value: value.length > 60 ? `${value.slice(0, 60)}…` : value, share: n / whole }));
      return { property, top, distinct: counts.size, whole };
    })
    .sort((a, b) => b.whole - a.whole || (a.property < b.property ? -1 : 1))
    .map(({ whole: _, ...v }) => v);
}
