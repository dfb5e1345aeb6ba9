/**
 * A development stand-in for the server: a small made-up company in the shapes of `/api/v1`.
 * It is a Vite middleware (`npm run stand-in`), rough in its arithmetic, never shipped and never imported by `src`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Plugin } from 'vite';
import { eventMetrics, eventsRoute, isEventMetric, queryEvents, startEvents, tablesOfEvents } from './events.ts';
import { DAY, date, grainOf, iso, label, nextOf, NOW, parse, periodOf, START } from './time.ts';


let seed = 42;
const rnd = () => ((seed = (seed * 1_664_525 + 1_013_904_223) >>> 0) / 2 ** 32);
const pick = <T>(list: readonly T[]): T => list[Math.floor(rnd() * list.length)]!;

type Kind = 'new' | 'expansion' | 'contraction' | 'churn' | 'reactivation';
interface Event { t: number; id: string; kind: Kind; amount: number; dims: Record<string, string>; reason: string | null }
interface Cust { id: string; name: string; country: string; channel: string; plan: string; interval: string; since: number; mrr: number }

const PLANS = { Starter: 2900, Team: 9900, Pro: 24900, Scale: 69000 } as const;
const WORDS = ['Alder', 'Birch', 'Cedar', 'Delta', 'Ember', 'Fjord', 'Grove', 'Harbor', 'Iris', 'Juniper', 'Kestrel', 'Lumen', 'Maple', 'Nimbus', 'Orchid', 'Pine'];
const ENDS = ['Labs', 'Works', 'Studio', 'Health', 'Logistics', 'Media', 'Foods', 'Systems'];
const customers: Cust[] = [];
const events: Event[] = [];

for (let i = 0; i < 900; i++) {
  const plan = pick(['Starter', 'Starter', 'Starter', 'Team', 'Team', 'Pro', 'Scale'] as const);
  const since = START + (NOW - START) * Math.sqrt(rnd());
  const c: Cust = {
    id: `cus_${String(i + 1).padStart(5, '0')}`, name: `${pick(WORDS)} ${pick(ENDS)}`, country: pick(['US', 'US', 'DE', 'GB', 'FR', 'JP', 'BR']),
    channel: pick(['organic', 'paid search', 'partner', 'referral', 'outbound']), plan, interval: rnd() < 0.3 ? 'year' : 'month', since, mrr: 0,
  };
  const dims = { plan: c.plan, country: c.country, channel: c.channel, interval: c.interval, currency: 'USD', cohort: iso(since).slice(0, 7) };
  const push = (t: number, kind: Kind, amount: number, reason: string | null = null) => {
    events.push({ t, id: c.id, kind, amount, dims: { ...dims, movement: kind, reason: reason ?? '' }, reason });
    c.mrr += amount;
  };
  let t = since;
  push(t, 'new', PLANS[plan] * (1 + Math.floor(rnd() * 3)));
  for (;;) {
    t += DAY * (20 + 260 * rnd());
    if (t > NOW) break;
    const roll = rnd();
    const bad = t > Date.parse('2026-08-01') && t < Date.parse('2026-10-15') && c.plan === 'Pro';
    if (roll < (bad ? 0.6 : 0.22)) {
      push(t, 'churn', -c.mrr, pick(['price', 'missing feature', 'involuntary', 'competitor', 'no longer needed']));
      if (rnd() < 0.2) { t += DAY * 70 * rnd(); if (t < NOW) { push(t, 'reactivation', PLANS[plan]); continue; } }
      break;
    } else if (roll < 0.7) push(t, 'expansion', Math.round(PLANS[plan] * (0.2 + rnd())));
    else if (c.mrr > 4000) push(t, 'contraction', -Math.round(c.mrr * 0.25));
  }
  customers.push(c);
}
events.sort((a, b) => a.t - b.t);

startEvents(customers, events);

interface Def { label: [string, string, string]; area: string; unit: string; better: string; type: string; additive?: boolean; formula: string; needs: string[] }
const D: Record<string, Def> = {};
const def = (name: string, label: [string, string, string], area: string, unit: string, better: string, type: string, formula: string, needs: string[], additive = false) => {
  D[name] = { label, area, unit, better, type, formula, needs, additive };
};
def('mrr', ['MRR', 'MRR', 'MRR'], 'revenue', 'money', 'higher', 'cumulative', 'sum(amount_parts)', [], true);
def('arr', ['ARR', 'ARR', 'ARR'], 'revenue', 'money', 'higher', 'formula', 'mrr * 12', ['mrr'], true);
for (const [k, ru, zh] of [['new', 'Новый MRR', '新增 MRR'], ['expansion', 'Расширение MRR', '扩展 MRR'], ['contraction', 'Сокращение MRR', '收缩 MRR'], ['churn', 'Потерянный MRR', '流失 MRR'], ['reactivation', 'Возвращённый MRR', '重新激活 MRR']] as const)
  def(`${k}_mrr`, [`${k[0]!.toUpperCase()}${k.slice(1)} MRR`, ru, zh], 'revenue', 'money', k === 'churn' || k === 'contraction' ? 'lower' : 'higher', 'simple', 'sum(amount_parts)', [], true);
def('fx_mrr', ['Currency revaluation', 'Курсовая переоценка', '汇率重估'], 'revenue', 'money', 'neutral', 'revaluation', 'mrr − opening(mrr) − flows', ['mrr'], true);
def('net_new_mrr', ['Net new MRR', 'Чистый новый MRR', '净新增 MRR'], 'revenue', 'money', 'higher', 'formula', 'new_mrr + expansion_mrr + reactivation_mrr - contraction_mrr - churn_mrr', ['new_mrr', 'expansion_mrr', 'reactivation_mrr', 'contraction_mrr', 'churn_mrr'], true);
def('customers', ['Customers', 'Клиенты', '客户'], 'revenue', 'count', 'higher', 'cumulative', 'positive_entities(amount_parts)', [], true);
def('new_customers', ['New customers', 'Новые клиенты', '新客户'], 'revenue', 'count', 'higher', 'simple', 'count_distinct(customer_id)', [], true);
def('churned_customers', ['Churned customers', 'Ушедшие клиенты', '流失客户'], 'success', 'count', 'lower', 'simple', 'count_distinct(customer_id)', [], true);
def('quick_ratio', ['Quick ratio', 'Quick ratio', '速动比率'], 'revenue', 'ratio', 'higher', 'formula', '(new_mrr + expansion_mrr) / (contraction_mrr + churn_mrr)', ['new_mrr', 'expansion_mrr', 'contraction_mrr', 'churn_mrr']);
def('arpa', ['ARPA', 'ARPA', 'ARPA'], 'revenue', 'money', 'higher', 'formula', 'mrr / customers', ['mrr', 'customers']);
def('cash', ['Cash collected', 'Поступления', '现金收入'], 'revenue', 'money', 'higher', 'simple', 'sum(amount_minor)', [], true);
def('revenue', ['Recognised revenue', 'Признанная выручка', '确认收入'], 'revenue', 'money', 'higher', 'simple', 'sum(amount_minor)', [], true);
def('customer_churn_rate', ['Customer churn rate', 'Отток клиентов', '客户流失率'], 'success', 'percent', 'lower', 'ratio', 'churned / opening(customers)', ['churned_customers', 'customers']);
def('gross_mrr_churn_rate', ['Gross MRR churn', 'Валовой отток MRR', '毛 MRR 流失率'], 'success', 'percent', 'lower', 'formula', '(contraction_mrr + churn_mrr) / opening(mrr)', ['contraction_mrr', 'churn_mrr', 'mrr']);
def('net_mrr_churn_rate', ['Net MRR churn', 'Чистый отток MRR', '净 MRR 流失率'], 'success', 'percent', 'lower', 'formula', '(contraction_mrr + churn_mrr - expansion_mrr) / opening(mrr)', ['contraction_mrr', 'churn_mrr', 'expansion_mrr', 'mrr']);
def('nrr', ['Net revenue retention', 'Удержание выручки (NRR)', '净收入留存率'], 'success', 'percent', 'higher', 'cohort', 'end_amount / start_amount', ['mrr']);
def('grr', ['Gross revenue retention', 'Валовое удержание (GRR)', '毛收入留存率'], 'success', 'percent', 'higher', 'cohort', 'capped_amount / start_amount', ['mrr']);
def('ltv', ['Lifetime value', 'Ценность клиента (LTV)', '客户终身价值'], 'revenue', 'money', 'higher', 'formula', 'arpa * setting(gross_margin) / trailing_avg(customer_churn_rate, 6)', ['arpa', 'customer_churn_rate']);
def('ltv_to_cac', ['LTV to CAC', 'LTV к CAC', 'LTV/CAC'], 'revenue', 'ratio', 'higher', 'formula', 'ltv / cac', ['ltv']);

const dimensions = [
  { name: 'plan', label: { en: 'Plan', ru: 'Тариф', zh: '套餐' }, kind: 'fact' }, { name: 'country', label: { en: 'Country', ru: 'Страна', zh: '国家' }, kind: 'customer' },
  { name: 'channel', label: { en: 'Channel', ru: 'Канал', zh: '渠道' }, kind: 'customer' }, { name: 'interval', label: { en: 'Interval', ru: 'Период оплаты', zh: '周期' }, kind: 'fact' },
  { name: 'cohort', label: { en: 'Cohort', ru: 'Когорта', zh: '同期群' }, kind: 'cohort' }, { name: 'reason', label: { en: 'Reason', ru: 'Причина', zh: '原因' }, kind: 'fact' },
];
const describe = (name: string) => {
  const d = D[name]!;
  return {
    name, label: { en: d.label[0], ru: d.label[1], zh: d.label[2] }, area: d.area, type: d.type, unit: d.unit, better: d.better,
    summary: { en: `${d.label[0]}: ${d.formula}.` }, dimensions, additive: d.additive,
    bands: name === 'quick_ratio' ? [{ above: 4, label: { en: 'healthy' }, tone: 'good' }, { below: 1, label: { en: 'shrinking' }, tone: 'bad' }] : name === 'nrr' ? [{ above: 1, label: { en: 'growing on its own' }, tone: 'good' }] : [],
  };
};

type Filter = (e: Event) => boolean;
function filters(where: string[]): Filter {
  const list = where.map((w) => { const m = /^([\w.]+)(!?):(.*)$/.exec(w)!; return { dim: m[1]!, not: m[2] === '!', values: m[3]!.split(',') }; });
  return (e) => list.every((f) => f.values.includes(e.dims[f.dim] ?? '') !== f.not);
}
function value(metric: string, from: number, to: number, keep: Filter): number | null {
  const end = Math.min(to, NOW);
  const sum = (k: Kind) => events.reduce((s, e) => (e.kind === k && e.t >= from && e.t < end && keep(e) ? s + Math.abs(e.amount) : s), 0) / 100;
  const many = (k: Kind) => new Set(events.filter((e) => e.kind === k && e.t >= from && e.t < end && keep(e)).map((e) => e.id)).size;
  const mrr = (at: number) => events.reduce((s, e) => (e.t < at && keep(e) ? s + e.amount : s), 0) / 100;
  const count = (at: number) => { const m = new Map<string, number>(); for (const e of events) if (e.t < at && keep(e)) m.set(e.id, (m.get(e.id) ?? 0) + e.amount); return [...m.values()].filter((v) => v > 0).length; };
  const div = (a: number, b: number) => (b ? a / b : null);
  switch (metric) {
    case 'mrr': return mrr(end);
    case 'arr': return mrr(end) * 12;
    case 'fx_mrr': return 0;
    case 'customers': return count(end);
    case 'new_customers': return many('new');
    case 'churned_customers': return many('churn');
    case 'net_new_mrr': return mrr(end) - mrr(from);
    case 'quick_ratio': return div(sum('new') + sum('expansion'), sum('contraction') + sum('churn'));
    case 'arpa': return div(mrr(end), count(end));
    case 'cash': return (mrr(end) * 1.04 * (end - from)) / (30.4 * DAY);
    case 'revenue': return (mrr(end) * (end - from)) / (30.4 * DAY);
    case 'customer_churn_rate': return div(many('churn'), count(from));
    case 'gross_mrr_churn_rate': return div(sum('churn') + sum('contraction'), mrr(from));
    case 'net_mrr_churn_rate': return div(sum('churn') + sum('contraction') - sum('expansion'), mrr(from));
    case 'nrr': case 'grr': {
      const start = end - 365 * DAY, a = new Map<string, number>(), b = new Map<string, number>();
      for (const e of events) if (keep(e)) { if (e.t < start) a.set(e.id, (a.get(e.id) ?? 0) + e.amount); if (e.t < end) b.set(e.id, (b.get(e.id) ?? 0) + e.amount); }
      let x = 0, y = 0;
      for (const [id, v] of a) if (v > 0) { x += v; const w = b.get(id) ?? 0; y += metric === 'grr' ? Math.min(v, w) : w; }
      return div(y, x);
    }
    case 'ltv': { const c = div(many('churn'), count(from)); const a = div(mrr(end), count(end)); return c && a ? (a * 0.8) / c : null; }
    case 'ltv_to_cac': return null;
    default: return sum(metric.replace('_mrr', '') as Kind);
  }
}

function query(p: URLSearchParams) {
  if ((p.get('metrics') ?? '').split(',').every(isEventMetric)) return queryEvents(p);
  const grain = p.get('grain') ?? 'month';
  const periods = [] as { label: string; start: string; end: string; complete: boolean; a: number; b: number }[];
  const last = Math.min(NOW, p.get('to') ? nextOf(periodOf(parse(p.get('to')!), grainOf(p.get('to')!)), grainOf(p.get('to')!)) - 1 : NOW);
  for (let t = periodOf(Math.max(parse(p.get('from') ?? '2024-01'), START - 900 * DAY), grain); t <= last; t = nextOf(t, grain))
    periods.push({ label: label(t, grain), start: date(t), end: date(nextOf(t, grain)), complete: nextOf(t, grain) <= NOW, a: t, b: nextOf(t, grain) });
  const keep = filters(p.getAll('where'));
  const by = (p.get('by') ?? '').split(',').filter(Boolean);
  const tuples = by.length ? [...new Set(events.filter(keep).map((e) => by.map((d) => e.dims[d] ?? '').join('\u001f')))].sort().map((s) => s.split('\u001f')) : [[]];
  const compare = p.get('compare');
  const shift = (i: number, of: 'a' | 'b') => (compare === 'year_ago' ? periods[i]![of] - 365 * DAY : periods[i]![of] - (periods.at(-1)!.b - periods[0]!.a));
  const series = (p.get('metrics') ?? 'mrr').split(',').flatMap((metric) => {
    if (!D[metric]) throw new Error(metric);
    return tuples.map((tuple) => {
      const only: Filter = (e) => keep(e) && by.every((d, i) => (e.dims[d] ?? '') === tuple[i]);
      const values = periods.map((x) => value(metric, x.a, x.b, only));
      return {
        metric, unit: D[metric]!.unit, dimensions: Object.fromEntries(by.map((d, i) => [d, tuple[i] || null])), values,
        reasons: values.map((v) => (v === null ? (metric.startsWith('ltv_to') ? 'No costs are imported, so there is no CAC to divide by.' : 'The divisor is zero.') : null)),
        compare: compare ? periods.map((_, i) => value(metric, shift(i, 'a'), shift(i, 'b'), only)) : null,
      };
    });
  });
  return {
    grain, currency: p.get('currency') ?? 'USD', timezone: 'Europe/Berlin', as_of: iso(NOW), data_through: iso(NOW), rule_version: 'r1',
    periods: periods.map(({ a: _a, b: _b, ...x }) => x), series, warnings: [], took_ms: 12,
    compare_periods: compare ? periods.map((x, i) => ({ ...x, label: label(shift(i, 'a') + 2 * DAY, grain), a: undefined, b: undefined })) : null,
  };
}

function explain(p: URLSearchParams) {
  const metric = p.get('metric')!, period = p.get('period')!, grain = grainOf(period);
  const a = periodOf(parse(period), grain), b = nextOf(a, grain), q = periodOf(p.get('against') ? parse(p.get('against')!) : a - DAY, grain);
  const keep = filters(p.getAll('where'));
  const both = (m: string, k: Filter) => ({ before: value(m, q, nextOf(q, grain), k), after: value(m, a, b, k) });
  const node = (m: string, depth: number): unknown => {
    const x = both(m, keep), d = D[m]!;
    return { metric: m, label: describe(m).label, unit: d.unit, ...x, change: (x.after ?? 0) - (x.before ?? 0), contribution: (x.after ?? 0) - (x.before ?? 0), operator: d.type === 'formula' ? 'formula' : null, children: depth ? d.needs.map((n) => node(n, depth - 1)) : [] };
  };
  const x = both(metric, keep), change = (x.after ?? 0) - (x.before ?? 0);
  const by = (p.get('by') ?? '').split(',').filter(Boolean).map((dim) => {
    const rows = [...new Set(events.map((e) => e.dims[dim] ?? ''))].map((v) => {
      const y = both(metric, (e) => keep(e) && (e.dims[dim] ?? '') === v), c = (y.after ?? 0) - (y.before ?? 0);
      return { value: v || null, ...y, change: c, mix: c * 0.1, rate: c * 0.9 };
    }).sort((m, n) => Math.abs(n.change) - Math.abs(m.change)).slice(0, 12);
    return { dimension: dim, rows, sum: rows.reduce((s, r) => s + r.change, 0) };
  });
  return { metric, unit: D[metric]!.unit, currency: 'USD', period, against: label(q, grain), ...x, change, change_ratio: x.before ? change / x.before : null, tree: node(metric, 2), by, sentences: [], releases: [{ at: iso(a + 3 * DAY), name: 'Price change Pro', kind: 'price_change' }] };
}

function rows(p: URLSearchParams) {
  const period = p.get('period'), keep = filters(p.getAll('where'));
  const a = period ? periodOf(parse(period), grainOf(period)) : START, b = period ? nextOf(a, grainOf(period)) : NOW;
  const kind = (p.get('metric') ?? 'mrr').replace('_mrr', '');
  const hit = events.filter((e) => e.t >= a && e.t < b && keep(e) && (!['new', 'churn', 'expansion', 'contraction', 'reactivation'].includes(kind) || e.kind === kind)).reverse();
  const off = +(p.get('offset') ?? 0), limit = +(p.get('limit') ?? 50);
  return {
    columns: [{ name: 'at', type: 'timestamp' }, { name: 'customer_id', type: 'text' }, { name: 'movement', type: 'text' }, { name: 'amount', type: 'money' }, { name: 'currency', type: 'text' }, { name: 'plan', type: 'text' }, { name: 'reason', type: 'text' }],
    rows: hit.slice(off, off + limit).map((e) => ({ values: [iso(e.t), e.id, e.kind, e.amount / 100, 'USD', e.dims['plan']!, e.reason], record: { table: 'subscription_changes', entity: e.id, key: String(e.t) } })),
    total: hit.length, sum: hit.reduce((s, e) => s + e.amount, 0) / 100,
  };
}

const tables = { customers: 900, plans: 4, subscription_changes: events.length, cancellations: 214, invoices: 18_204, invoice_lines: 21_930, payments: 17_800, refunds: 140, credit_notes: 22, discounts: 64, fx_rates: 1090, costs: 0, releases: 3, ...tablesOfEvents };
const imports: Record<string, unknown>[] = [{ import_id: 'imp_1', file: 'stripe-subscriptions.csv', shape: 'stripe_subscriptions', bytes_read: null, bytes_total: null, table: 'subscription_changes', state: 'done', rows_read: 18_204, taken: 18_190, replaced: 2, unchanged: 0, rejected: 12, missing: 0, removed: 0, error: null, started_at: iso(NOW - 3 * DAY), finished_at: iso(NOW - 3 * DAY + 4000) }];

function customer(c: Cust) {
  return { customer_id: c.id, name: c.name, email: `billing@${c.name.toLowerCase().replace(/\W+/g, '-')}.example`, country: c.country, channel: c.channel, plan: c.plan, mrr: c.mrr / 100, currency: 'USD', since: iso(c.since), status: c.mrr > 0 ? 'active' : 'canceled', ltv: events.filter((e) => e.id === c.id).length * 431.5 };
}

function route(method: string, path: string, p: URLSearchParams, body: string): unknown {
  if (path === '/workspace') return { name: 'Fernwood', timezone: 'Europe/Berlin', week_start: 'monday', currency: 'USD', currencies: ['USD', 'EUR', 'GBP', 'JPY'], version: '0.1.0', now: iso(NOW), data_through: iso(NOW - 60_000), demo: true, rule_version: 'r1', token_required: false, tables };
  if (path === '/metrics') return { metrics: [...Object.keys(D).map(describe), ...eventMetrics()] };
  const of = eventsRoute(method, path, p, body);
  if (of !== undefined) return of;
  let m = /^\/metrics\/(\w+)$/.exec(path);
  if (m) {
    const d = D[m[1]!];
    if (!d) return null;
    return { ...describe(m[1]!), formula: d.formula, prose: `**${d.label[0]}** is computed from the movements of every customer.\n\n- normalised to a month\n- net of discounts and tax\n\nSee \`REVENUE.md\`.`, definition: `name: ${m[1]}\ntype: ${d.type}\nformula: ${d.formula}`, depends_on: d.needs, used_by: Object.keys(D).filter((k) => D[k]!.needs.includes(m![1]!)), fact: d.type === 'formula' ? null : 'mrr_movements', records: ['subscription_changes'], settings: [{ name: 'discounts', value: 'net', doc: 'Net of a discount while it is active.' }], file: `definitions/metrics/${d.area}/${m[1]}.md` };
  }
  if (path === '/query') return query(p);
  if (path === '/explain') return explain(p);
  if (path === '/rows') return rows(p);
  m = /^\/records\/(\w+)\/([^/]+)\/([^/]+)$/.exec(path);
  if (m) {
    const e = events.find((x) => x.id === m![2] && String(x.t) === m![3]);
    return e && { record: { customer_id: e.id, subscription_id: `${e.id}-s1`, effective_at: iso(e.t), status: e.kind === 'churn' ? 'canceled' : 'active', amount_minor: Math.abs(e.amount), currency: 'USD', interval: 'month', interval_count: 1, quantity: 1, plan: e.dims['plan'], reason: e.reason }, source: { source: 'file:stripe-subscriptions.csv', file: '9c0f3b7a11d2e4f0', line: 1204, raw: `${e.id},active,${Math.abs(e.amount) / 100},USD,month` } };
  }
  if (path === '/customers') {
    const s = (p.get('search') ?? '').toLowerCase(), sort = p.get('sort') ?? 'mrr', dir = p.get('order') === 'asc' ? 1 : -1;
    const all = customers.map(customer).filter((c) => !s || `${c.name} ${c.customer_id} ${c.email}`.toLowerCase().includes(s));
    all.sort((a, b) => { const x = a[sort as 'mrr'], y = b[sort as 'mrr']; return x < y ? -dir : x > y ? dir : 0; });
    return { customers: all.slice(+(p.get('offset') ?? 0), +(p.get('offset') ?? 0) + +(p.get('limit') ?? 50)), total: all.length };
  }
  m = /^\/customers\/([^/]+)$/.exec(path);
  if (m) {
    const c = customers.find((x) => x.id === m![1]);
    if (!c) return null;
    const own = events.filter((e) => e.id === c.id);
    let run = 0;
    return {
      customer: customer(c), attributes: { industry: 'Software', employees: 42, segment: 'SMB' },
      subscriptions: [{ subscription_id: `${c.id}-s1`, plan: c.plan, status: c.mrr > 0 ? 'active' : 'canceled', amount: c.mrr / 100, currency: 'USD', interval: c.interval, quantity: 1, since: iso(c.since) }],
      timeline: own.map((e) => ({ at: iso(e.t), kind: e.kind, title_key: `movement.${e.kind}`, params: { plan: e.dims['plan'], reason: e.reason }, amount: e.amount / 100, currency: 'USD', record: { table: 'subscription_changes', entity: e.id, key: String(e.t) } })).reverse(),
      mrr: own.map((e) => ({ at: iso(e.t), amount: (run += e.amount) / 100 })),
    };
  }
  if (path === '/changes') {
    const changes = ['mrr', 'churn_mrr', 'new_mrr', 'customer_churn_rate', 'customers'].map((metric) => {
      const x = explain(new URLSearchParams({ metric, period: '2026-10', by: 'plan' }));
      const top = x.by[0]!.rows[0]!;
      return { metric, before: x.before, after: x.after, change: x.change, change_ratio: x.change_ratio, cause: { dimension: 'plan', value: top.value, change: top.change, customers: 12 }, unusual: metric === 'churn_mrr' };
    });
    return { period: '2026-10', against: '2026-09', changes };
  }
  if (path === '/imports' && method === 'GET') return { imports };
  if (path === '/imports') {
    if (/name="dry_run"\s+true/.test(body) || p.get('dry_run') === 'true') return { shape: 'subscription_periods', table: 'subscription_changes', tables: ['subscription_changes'], mapping: [{ field: 'customer_id', column: 'Customer', confidence: 0.98, required: true, doc: 'Customer in the billing system.' }, { field: 'start', column: 'Start', confidence: 0.9, required: true, doc: 'First day.' }, { field: 'end', column: 'End', confidence: 0.9, required: false, doc: 'First day without service.' }, { field: 'amount', column: 'Price', confidence: 0.62, required: true, doc: 'Price of one unit for one interval.' }, { field: 'currency', column: null, confidence: 0, required: true, doc: 'ISO 4217 code.' }], columns: ['Customer', 'Start', 'End', 'Price', 'Note'].map((name) => ({ name, type: 'text', examples: ['a', 'b'] })), sample: [{ customer_id: 'a', start: '2025-01-01', end: null, amount: '120.00' }, { customer_id: 'b', start: '2025-02-01', end: '2025-05-01', amount: '80.00' }], rejects: [{ line: 14, reason: 'start “31.02.2025” is not a date', bytes: 'q,31.02.2025,,12' }], rows_seen: 200, rejected: 1, undecided: ['currency: no column holds a currency; say map currency="EUR"'], notes: ['Price: the comma is read as the decimal sign'] };
    const run = { import_id: `imp_${imports.length + 1}`, file: 'upload.csv', shape: null, bytes_read: null, bytes_total: null, table: 'subscription_changes', state: 'done', rows_read: 200, taken: 199, replaced: 0, unchanged: 0, rejected: 1, missing: 0, removed: 0, error: null, started_at: iso(Date.now()), finished_at: iso(Date.now()) };
    imports.unshift(run);
    return run;
  }
  m = /^\/imports\/(\w+)$/.exec(path);
  if (m) return imports.find((i) => i['import_id'] === m![1]) ?? null;
  if (path === '/rejects') return { rejects: [{ reject_id: 'r1', source: 'file:stripe-subscriptions.csv', table: 'subscription_changes', line: 14, reason: 'effective_at “31.02.2025” is not a date; use 2025-02-28', bytes: 'cus_9,active,31.02.2025,120', import_id: 'imp_1', at: iso(NOW - 3 * DAY), replayed_at: null, base64: false }], total: 1, open: 1 };
  if (path === '/rejects/replay') return { read: 1, taken: 0, still_rejected: 1 };
  if (path === '/settings') {
    const setting = (name: string, value: unknown, fallback: unknown, doc: string, is_rule: boolean, choices: string[] = []) => ({ name, value, default: fallback, doc, choices, is_rule });
    return {
      rule_version: 'r1',
      settings: [
        setting('timezone', 'Europe/Berlin', 'UTC', 'Days, weeks and months begin in this zone.', false),
        setting('currency', 'USD', 'USD', 'Figures are shown in this currency.', false),
        setting('discounts', 'net', 'net', 'Net of a discount while it is active.', true, ['net', 'list']),
        setting('netting_window_minutes', 60, 60, 'Changes of one customer within this window count as one.', true),
        setting('keep_paused', false, false, 'Paused subscriptions stay in MRR.', true),
      ],
    };
  }
  if (path === '/releases') return { releases: [{ release_id: 'rel1', at: '2026-08-03T08:00:00Z', name: 'Price change Pro', kind: 'price_change', note: 'Pro from 199 to 249' }, { release_id: 'rel2', at: '2026-03-10T08:00:00Z', name: '4.0', kind: 'release', note: null }] };
  if (path === '/dashboards/pulse') {
    const section = (name: string, en: string, metrics: string[]) => ({ name, label: { en, ru: en, zh: en }, items: metrics.map((m) => ({ chart: 'card', metrics: [m], by: [] })) });
    return { name: 'pulse', label: { en: 'Pulse' }, sections: [section('revenue', 'Revenue', ['mrr', 'arr', 'net_new_mrr', 'quick_ratio', 'cash']), section('customers', 'Customers', ['customers', 'new_customers', 'arpa', 'ltv', 'ltv_to_cac']), section('retention', 'Retention', ['nrr', 'grr', 'customer_churn_rate', 'net_mrr_churn_rate'])] };
  }
  if (path === '/session') return { ok: true };
  return null;
}

function serve(req: IncomingMessage, res: ServerResponse): void {
  const url = new URL(req.url ?? '/', 'http://stand-in');
  if (url.pathname === '/live') {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('event: hello\ndata: {}\n\n');
    const beat = setInterval(() => res.write(`event: change\ndata: ${JSON.stringify({ metrics: [], tables: ['events'], position: 1, at: iso(Date.now()) })}\n\n`), 4000);
    const timer = setInterval(() => res.write(`event: change\ndata: ${JSON.stringify({ metrics: ['mrr', 'new_mrr'], tables: ['subscription_changes'], position: 1, at: iso(NOW) })}\n\n`), 15_000);
    req.on('close', () => { clearInterval(timer); clearInterval(beat); });
    return;
  }
  let body = '';
  req.on('data', (c: Buffer) => (body += c.toString('latin1')));
  req.on('end', () => {
    let out: unknown = null;
    try {
      out = route(req.method ?? 'GET', url.pathname, url.searchParams, body);
    } catch (e) {
      res.statusCode = 500;
      out = { error: { code: 'stand_in', message: String(e), mend: null, param: null } };
    }
    if (out === null || out === undefined) {
      res.statusCode = 404;
      out = { error: { code: 'not_found', message: `nothing at ${url.pathname}`, mend: 'Look at the address.', param: null } };
    }
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify(out));
  });
}

export function standIn(): Plugin {
  return {
    name: 'burgeon-stand-in',
    configureServer: (server) => void server.middlewares.use('/api/v1', serve),
    configurePreviewServer: (server) => void server.middlewares.use('/api/v1', serve),
  };
}
