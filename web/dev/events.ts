/**
 * Events and persons of the stand-in: a small generator with a seed, and plain answers computed from its rows in the shapes
 * of `/api/v1`. For work on the page alone; rough where the server is exact.
 */
import { readStep } from '../src/state/step.ts';
import { DAY, date, grainOf, iso, label, nextOf, NOW, parse, periodOf } from './time.ts';

const HOUR = 3_600_000;
const MIN = 60_000;
const BEGIN = Date.parse('2025-08-01T00:00:00Z');
let seed = 7;
const rnd = () => ((seed = (seed * 1_664_525 + 1_013_904_223) >>> 0) / 2 ** 32);
const pick = <T>(list: readonly T[]): T => list[Math.floor(rnd() * list.length)]!;

interface Cust { id: string; name: string; plan: string; country: string; since: number; mrr: number }
interface Move { t: number; id: string; kind: string; amount: number; dims: Record<string, string>; reason: string | null }
interface Person { i: number; id: string; name: string | null; email: string | null; anon: string; customer: Cust | null; dims: Record<string, string>; evs: Ev[]; known: boolean; joined: number | null }
interface Ev { t: number; p: Person; e: string; id: string; sid: number; path: string; props: Record<string, unknown>; fact?: boolean }

const CHANNELS = [
  ['organic_search', 'google', 'organic', '', 'google.com'], ['organic_search', 'google', 'organic', '', 'google.com'], ['direct', '', '', '', ''], ['direct', '', '', '', ''],
  ['paid_search', 'google', 'cpc', 'brand_autumn', 'google.com'], ['referral', 'g2.com', 'referral', '', 'g2.com'], ['organic_social', 'linkedin.com', 'social', '', 'linkedin.com'],
  ['paid_social', 'facebook', 'paid_social', 'lookalike_3', 'facebook.com'], ['email', 'newsletter', 'email', 'october_letter', ''], ['ai_assistant', 'chatgpt.com', 'referral', '', 'chatgpt.com'], ['affiliate', 'partnerhub', 'affiliate', 'spring', 'partnerhub.io'],
] as const;
const SITE = ['/', '/pricing', '/features', '/blog/cohort-retention-explained', '/blog/quick-ratio', '/docs/start', '/customers', '/about', '/blog/churn-reasons', '/compare/spreadsheets'];
const APP: [string, number, string][] = [['dashboard_viewed', 9, '/app'], ['report_created', 4, '/app/reports'], ['report_exported', 2, '/app/reports'], ['comment_added', 2, '/app/reports'], ['segment_saved', 1, '/app/people'], ['integration_connected', 0.5, '/app/settings'], ['alert_set', 0.8, '/app/alerts']];
const FIRST = ['Ada', 'Ben', 'Chen', 'Daria', 'Emil', 'Fatima', 'Goran', 'Hana', 'Ivo', 'Julia', 'Kenji', 'Lena', 'Mateo', 'Nadia', 'Omar', 'Priya', 'Quentin', 'Rosa', 'Sven', 'Tara', 'Uma', 'Viktor', 'Wanda', 'Yuki', 'Zoe'];
const LAST = ['Abel', 'Brandt', 'Costa', 'Dubois', 'Eriksen', 'Fischer', 'Garcia', 'Haddad', 'Ito', 'Jansen', 'Kowalski', 'Lindqvist', 'Moreau', 'Novak', 'Okafor', 'Petrov', 'Quinn', 'Rossi', 'Sato', 'Tanaka'];

const persons: Person[] = [];
const all: Ev[] = [];
const facts: Ev[] = [];
let number = 0;
let sitting = 0;
let moves: Move[] = [];
export const tablesOfEvents: Record<string, number> = { persons: 0, identity_links: 0, events: 0 };

function emit(p: Person, t: number, e: string, path: string, props: Record<string, unknown> = {}, fact = false): void {
  const ev: Ev = { t, p, e, id: `ev_${(number += 1).toString(36)}`, sid: sitting, path, props };
  if (fact) ev.fact = true;
  p.evs.push(ev);
  (fact ? facts : all).push(ev);
}

function visit(p: Person, start: number, known: boolean): number {
  let t = start;
  sitting += 1;
  const pages = 1 + Math.floor(rnd() * rnd() * 7);
  for (let k = 0; k < pages && t < NOW; k++) {
    const path = k === 0 ? (p.dims['channel'] === 'organic_search' && rnd() < 0.6 ? pick(SITE.filter((s) => s.startsWith('/blog'))) : pick(['/', '/', '/features', '/pricing'])) : pick(SITE);
    emit(p, t, 'page_view', path, { title: path === '/' ? 'Home' : path.slice(1) });
    t += MIN * (0.3 + 3 * rnd());
    if (path.startsWith('/blog') && rnd() < 0.4) emit(p, t, 'content_read', path, { scroll: 90 });
    if (path === '/docs/start' && rnd() < 0.3) emit(p, t, 'file_download', path, { file: 'benchmarks.pdf' });
    if (path === '/pricing' && rnd() < 0.2) emit(p, t, 'pricing_toggled', path, { interval: pick(['month', 'year']) });
  }
  void known;
  return t;
}

function use(p: Person, start: number, eager: number): void {
  let t = start;
  sitting += 1;
  const n = 1 + Math.floor(rnd() * 5 * eager);
  for (let k = 0; k < n && t < NOW; k++) {
    let x = rnd() * APP.reduce((s, a) => s + a[1], 0);
    const [e, , path] = APP.find((a) => (x -= a[1]) < 0) ?? APP[0]!;
    emit(p, t, e, path, e === 'report_created' ? { template: pick(['weekly', 'board', 'blank']), rows: Math.floor(rnd() * 900) } : e === 'integration_connected' ? { kind: pick(['stripe', 'hubspot', 'postgres']) } : {});
    t += MIN * (0.5 + 9 * rnd());
  }
  if (rnd() < 0.03) emit(p, t, 'invite_sent', '/app/team', { to: 'colleague' });
}

export function startEvents(customers: Cust[], ledger: Move[]): void {
  moves = ledger;
  const left = new Map<string, number>();
  for (const m of ledger) if (m.kind === 'churn') left.set(m.id, m.t);
  const make = (customer: Cust | null, at: number): Person => {
    const c = pick(CHANNELS);
    const i = persons.length;
    const name = `${pick(FIRST)} ${pick(LAST)}`;
    const known = customer !== null || rnd() < 0.16;
    const dims: Record<string, string> = { channel: c[0], source: c[1], medium: c[2], campaign: c[3], referrer_host: c[4], country: customer?.country ?? pick(['US', 'US', 'US', 'DE', 'GB', 'FR', 'JP', 'BR', 'IN', 'ES', 'CN', 'RU']), device: pick(['desktop', 'desktop', 'desktop', 'mobile', 'mobile', 'tablet']), browser: pick(['Chrome', 'Chrome', 'Safari', 'Firefox', 'Edge']), os: pick(['Windows', 'macOS', 'macOS', 'Linux', 'iOS', 'Android']), plan: customer?.plan ?? '', customer_id: customer?.id ?? '', mrr_band: customer ? (customer.mrr > 50_000 ? '500+' : customer.mrr > 10_000 ? '100–500' : customer.mrr > 0 ? '1–100' : '0') : '', cohort: customer ? iso(customer.since).slice(0, 7) : '' };
    const p: Person = { i, id: known ? `user_${i + 1}` : `anon-${((i + 11) * 2_654_435_761 >>> 0).toString(16)}${(i * 40_503 >>> 0).toString(16)}c4`, anon: `anon-${((i + 5) * 2_246_822_519 >>> 0).toString(16)}`, name: known ? name : null, email: known ? `${name.toLowerCase().replace(' ', '.')}@${customer ? customer.name.toLowerCase().replace(/\W+/g, '-') : 'mail'}.example` : null, customer, dims, evs: [], known, joined: null };
    void at;
    persons.push(p);
    return p;
  };
  // Visitors who never pay.
  for (let k = 0; k < 5200; k++) {
    const born = BEGIN + (NOW - BEGIN) * Math.sqrt(rnd());
    const p = make(null, born);
    let t = visit(p, born, false);
    if (p.known) {
      emit(p, t, 'signup', '/signup', { plan: 'trial', method: pick(['email', 'google', 'google']) });
      p.joined = t;
      t += MIN;
      if (rnd() < 0.7) { emit(p, t, 'trial_started', '/app', {}); if (rnd() < 0.6) { emit(p, t + 8 * MIN, 'report_created', '/app/reports', { template: 'weekly' }); } }
      for (let n = 0, x = t + HOUR; n < 8 && x < NOW && rnd() < 0.55; n++, x += DAY * (0.5 + 6 * rnd())) use(p, x, 0.7);
    } else for (let n = 0, x = t + DAY * 9 * rnd(); n < 4 && x < NOW && rnd() < 0.3; n++, x += DAY * 20 * rnd()) visit(p, x, false);
  }
  // People of customers.
  for (const c of customers.slice(0, 420)) {
    const since = Math.max(c.since, BEGIN - 60 * DAY);
    const end = Math.min(left.get(c.id) ?? NOW, NOW);
    const team = 1 + Math.floor(rnd() * rnd() * 6);
    for (let k = 0; k < team; k++) {
      const born = Math.max(BEGIN, since - DAY * 16 * rnd() + k * DAY * 6);
      if (born > NOW - DAY) continue;
      const p = make(c, born);
      let t = k === 0 || rnd() < 0.2 ? visit(p, born, true) : born;
      emit(p, t, 'signup', '/signup', { plan: 'trial', method: pick(['email', 'google']), ...(k ? { invited: true } : {}) });
      p.joined = t;
      if (k) emit(p, t - MIN, 'invite_accepted', '/signup', {});
      t += 2 * MIN;
      if (k === 0) emit(p, t, 'trial_started', '/app', {});
      if (rnd() < 0.85) emit(p, t + 11 * MIN * (1 + rnd() * 300), 'report_created', '/app/reports', { template: pick(['weekly', 'board']) });
      if (k === 0 && c.since >= BEGIN) emit(p, Math.max(c.since, t + HOUR), 'fact:first_payment', '', { plan: c.plan }, true);
      if (k === 0) for (let x = Math.max(c.since, t) + 30 * DAY; x < end; x += 30 * DAY) emit(p, x, 'fact:renewal', '', { plan: c.plan }, true);
      const eager = 0.4 + rnd() * 1.2;
      const fading = rnd() < 0.12;
      for (let x = t + HOUR * 20; x < end; ) {
        const slow = fading && x > NOW - 40 * DAY ? 6 : 1;
        x += (DAY * slow * (0.6 + 7 * rnd() * rnd())) / eager;
        // Work happens on weekdays, in the day.
        const d = new Date(x).getUTCDay();
        if (d === 0 || d === 6) { if (rnd() < 0.75) continue; }
        const at = periodOf(x, 'day') + HOUR * (7 + 11 * rnd());
        if (at < end && at > t) use(p, at, eager);
      }
    }
  }
  for (const p of persons) p.evs.sort((a, b) => a.t - b.t);
  all.sort((a, b) => a.t - b.t);
  tablesOfEvents['persons'] = persons.length;
  tablesOfEvents['identity_links'] = persons.filter((p) => p.known).length;
  tablesOfEvents['events'] = all.length;
}

/* What is asked again and again. */

type Keep = (e: Ev) => boolean;
const dimOf = (e: Ev, dim: string): string => (dim === 'event' ? e.e : dim === 'path' ? e.path : (e.p.dims[dim] ?? (e.props[dim] === undefined ? '' : String(e.props[dim]))));
function keepOf(where: string[]): Keep {
  const list = where.map((w) => /^([\w.]+)(!?):(.*)$/.exec(w)).filter((m) => m !== null).map((m) => ({ dim: m[1]!, not: m[2] === '!', values: m[3]!.split(',') }));
  return (e) => list.every((f) => f.values.includes(dimOf(e, f.dim)) !== f.not);
}
function fits(text: string): Keep {
  const step = readStep(text);
  if (!step) throw new Error(`“${text}” is not a step`);
  return (e) => (step.event === '*' ? !e.fact : e.e === step.event) && step.conditions.every((c) => { const v = dimOf(e, c.property); return c.op === '=' ? v === c.value : c.op === '!=' ? v !== c.value : v.toLowerCase().includes(c.value.toLowerCase()); });
}
const spanOf = (p: URLSearchParams): [number, number] => {
  const to = p.get('to');
  return [p.get('from') ? parse(p.get('from')!) : BEGIN, to ? Math.min(NOW, nextOf(periodOf(parse(to), grainOf(to)), grainOf(to))) : NOW];
};
const within = (text: string): number => Number(/^\d+/.exec(text)?.[0] ?? 14) * { m: MIN, h: HOUR, d: DAY, w: 7 * DAY }[text.slice(-1) as 'd'];
const median = (list: number[]): number | null => (list.length ? list.sort((a, b) => a - b)[Math.floor(list.length / 2)]! : null);
const groupKeep = (p: URLSearchParams): ((v: string) => boolean) => (p.get('none') === 'true' ? (v) => v === '' : p.has('value') ? (v) => v === p.get('value') : () => true);

const meanings = [
  ['signup', 'Sign-up', 'Регистрация', '注册', ['signup', 'user_signed_up']], ['trial', 'Trial', 'Пробный период', '试用', ['trial_started']], ['demo_request', 'Demo request', 'Запрос демо', '演示请求', ['demo_requested']], ['activation', 'Activation', 'Активация', '激活', ['report_created']],
  ['active', 'Active', 'Активность', '活跃', ['dashboard_viewed', 'report_created', 'report_exported', 'comment_added']], ['content_view', 'Content view', 'Просмотр материала', '内容浏览', ['page_view[path~/blog]']], ['content_read', 'Content read', 'Прочтение', '内容阅读', ['content_read']], ['content_share', 'Share', 'Поделился', '分享', ['content_share']],
  ['download', 'Download', 'Скачивание', '下载', ['file_download']], ['invite', 'Invite', 'Приглашение', '邀请', ['invite_sent']], ['page_view', 'Page view', 'Просмотр страницы', '页面浏览', ['page_view']], ['contact', 'Contact', 'Контакт', '联系', ['contact_sent']], ['pql', 'Product-qualified lead', 'PQL', 'PQL', ['segment_saved']],
].map(([name, en, ru, zh, steps]) => ({ name: name as string, label: { en: en as string, ru: ru as string, zh: zh as string }, steps: steps as string[], at_least: 1 as number | null, within: null as string | null, builtin: true }));
const usual = structuredClone(meanings);
const meaning = (name: string): Keep => {
  const list = (meanings.find((m) => m.name === name)?.steps ?? []).map(fits);
  return (e) => list.some((f) => f(e));
};

/* Metrics over events. */

const LABELS: Record<string, [string, string, string, string, string, string, boolean]> = {
  visitors: ['Visitors', 'Посетители', '访客', 'acquisition', 'count', 'higher', false], visits: ['Visits', 'Визиты', '访问', 'acquisition', 'count', 'higher', true], page_views: ['Page views', 'Просмотры', '浏览量', 'acquisition', 'count', 'higher', true],
  pages_per_visit: ['Pages per visit', 'Страниц за визит', '每次访问页数', 'acquisition', 'ratio', 'higher', false], bounce_rate: ['Bounce rate', 'Отказы', '跳出率', 'acquisition', 'percent', 'lower', false], visit_duration: ['Visit duration', 'Длительность визита', '访问时长', 'acquisition', 'seconds', 'higher', false],
  returning_visitors: ['Returning visitors', 'Вернувшиеся посетители', '回访访客', 'acquisition', 'count', 'higher', false], signups: ['Sign-ups', 'Регистрации', '注册', 'acquisition', 'count', 'higher', true], signup_rate: ['Sign-up rate', 'Доля регистраций', '注册率', 'acquisition', 'percent', 'higher', false],
  content_reads: ['Content reads', 'Прочтения', '内容阅读', 'acquisition', 'count', 'higher', true], content_downloads: ['Downloads', 'Скачивания', '下载', 'acquisition', 'count', 'higher', true],
  dau: ['Daily actives', 'Активные за день', '日活', 'product', 'count', 'higher', false], wau: ['Weekly actives', 'Активные за неделю', '周活', 'product', 'count', 'higher', false], mau: ['Monthly actives', 'Активные за месяц', '月活', 'product', 'count', 'higher', false], stickiness: ['Stickiness', 'Липкость', '黏性', 'product', 'percent', 'higher', false],
  new_users: ['New users', 'Новые пользователи', '新用户', 'product', 'count', 'higher', false], activation_rate: ['Activation rate', 'Активация', '激活率', 'product', 'percent', 'higher', false], events: ['Events', 'События', '事件', 'product', 'count', 'neutral', true], active_users: ['Active users', 'Активные пользователи', '活跃用户', 'product', 'count', 'higher', false], product_usage: ['Product usage', 'Использование продукта', '产品使用量', 'product', 'count', 'higher', true],
};
const DIMS: [string, string, string, string][] = [['channel', 'Channel', 'Канал', '渠道'], ['source', 'Source', 'Источник', '来源'], ['medium', 'Medium', 'Тип', '媒介'], ['campaign', 'Campaign', 'Кампания', '活动'], ['referrer_host', 'Referring site', 'Сайт-источник', '来路'], ['path', 'Page', 'Страница', '页面'], ['exit_path', 'Last page', 'Последняя страница', '退出页'], ['country', 'Country', 'Страна', '国家'], ['device', 'Device', 'Устройство', '设备'], ['browser', 'Browser', 'Браузер', '浏览器'], ['os', 'System', 'Система', '系统'], ['plan', 'Plan', 'Тариф', '套餐'], ['mrr_band', 'MRR band', 'Размер MRR', 'MRR 区间'], ['cohort', 'Cohort', 'Когорта', '同期群'], ['event', 'Event', 'Событие', '事件'], ['customer_id', 'Customer', 'Клиент', '客户']];
export const isEventMetric = (name: string): boolean => name in LABELS;
export const eventMetrics = () =>
  Object.entries(LABELS).map(([name, [en, ru, zh, area, unit, better, additive]]) => ({
    name, label: { en, ru, zh }, area, type: 'simple', unit, better, additive, summary: { en: `${en} from events.` }, bands: [],
    dimensions: DIMS.filter(([d]) => (['active_users', 'product_usage', 'events'].includes(name) ? true : d !== 'event') && (area === 'acquisition' || name === 'events' || !['exit_path', 'path'].includes(d))).map(([d, e, r, z]) => ({ name: d, label: { en: e, ru: r, zh: z }, kind: 'event' })),
  }));

function figure(metric: string, list: Ev[], from: number, to: number): number | null {
  const end = Math.min(to, NOW);
  // Rows stand in order of time.
  const place = (t: number): number => { let [a, b] = [0, list.length]; while (a < b) { const m = (a + b) >> 1; if (list[m]!.t < t) a = m + 1; else b = m; } return a; };
  const span = (a: number, b = end) => list.slice(place(a), place(b));
  const own = span(from);
  const distinct = (evs: Ev[], keep: Keep = () => true) => new Set(evs.filter(keep).map((e) => e.p.i)).size;
  const view: Keep = (e) => e.e === 'page_view';
  const div = (a: number, b: number) => (b ? a / b : null);
  const sessions = () => {
    const m = new Map<number, Ev[]>();
    for (const e of own) if (view(e)) m.set(e.sid, [...(m.get(e.sid) ?? []), e]);
    return [...m.values()];
  };
  const active = meaning('active');
  const actives = (days: number) => distinct(span(end - days * DAY), active);
  switch (metric) {
    case 'visitors': return distinct(own, view);
    case 'visits': return sessions().length;
    case 'page_views': return own.filter(view).length;
    case 'pages_per_visit': return div(own.filter(view).length, sessions().length);
    case 'bounce_rate': { const s = sessions(); return div(s.filter((x) => x.length === 1).length, s.length); }
    case 'visit_duration': { const s = sessions(); return div(s.reduce((n, x) => n + (x.at(-1)!.t - x[0]!.t) / 1000, 0), s.length); }
    case 'returning_visitors': return distinct(own, (e) => view(e) && e.p.evs[0]!.t < from);
    case 'signups': return distinct(own, meaning('signup'));
    case 'signup_rate': return div(distinct(own, meaning('signup')), distinct(own, view));
    case 'content_reads': return own.filter((e) => e.e === 'content_read').length;
    case 'content_downloads': return own.filter((e) => e.e === 'file_download').length;
    case 'dau': return actives(1);
    case 'wau': return actives(7);
    case 'mau': return actives(30);
    case 'stickiness': { const days = Math.max(1, Math.min(30, Math.round((end - from) / DAY))); let s = 0; for (let d = 0; d < days; d++) s += distinct(span(end - (d + 1) * DAY, end - d * DAY), active); return div(s / days, actives(30)); }
    case 'new_users': return distinct(own, (e) => e.p.joined !== null && e.p.joined >= from && e.p.joined < end);
    case 'activation_rate': { const s = new Set(own.filter(meaning('signup')).map((e) => e.p)); return div([...s].filter((p) => p.evs.some((e) => meaning('activation')(e))).length, s.size); }
    case 'events': return own.length;
    case 'active_users': return distinct(own, active);
    case 'product_usage': return own.filter(active).length;
    default: return null;
  }
}

/** Divides rows by a dimension; pages of entry and exit are those of the sitting. */
function divided(list: Ev[], dim: string, metric = ''): Map<string, Ev[]> {
  const out = new Map<string, Ev[]>();
  const ends = new Map<number, string>();
  // Of visits, the path is the first page; of page views, the page itself.
  const visit = dim === 'exit_path' || (dim === 'path' && ['visitors', 'visits', 'bounce_rate', 'pages_per_visit', 'visit_duration', 'returning_visitors'].includes(metric));
  if (visit) for (const e of list) if (e.e === 'page_view' && (dim === 'exit_path' || !ends.has(e.sid))) ends.set(e.sid, e.path);
  for (const e of list) {
    const v = visit ? (ends.get(e.sid) ?? '') : dimOf(e, dim);
    const at = out.get(v);
    if (at) at.push(e);
    else out.set(v, [e]);
  }
  return out;
}

export function queryEvents(p: URLSearchParams) {
  const grain = p.get('grain') ?? 'month';
  const metrics = (p.get('metrics') ?? '').split(',');
  const [from, to] = spanOf(p);
  const periods: { label: string; start: string; end: string; complete: boolean; a: number; b: number }[] = [];
  if (grain === 'range') periods.push({ label: `${date(from)}/${date(to - 1)}`, start: date(from), end: date(to), complete: true, a: from, b: to });
  else for (let t = periodOf(from, grain); t < to; t = nextOf(t, grain)) periods.push({ label: label(t, grain), start: date(t), end: date(nextOf(t, grain)), complete: nextOf(t, grain) <= NOW, a: t, b: nextOf(t, grain) });
  const keep = keepOf(p.getAll('where'));
  const compare = p.get('compare');
  const length = (periods.at(-1)?.b ?? 0) - (periods[0]?.a ?? 0);
  const shift = compare === 'year_ago' ? 364 * DAY : length;
  const reach = Math.min(from, periods[0]?.a ?? from) - (compare ? shift : 0) - 31 * DAY;
  const rows = all.filter((e) => e.t >= reach && e.t < to && keep(e));
  const by = p.get('by');
  let groups: [string | null, Ev[]][] = by ? [...divided(rows, by, metrics[0])].map(([v, l]) => [v || null, l]) : [[null, rows]];
  const score = new Map(groups.map(([v, l]) => [v, figure(metrics[0]!, l, from, to) ?? 0]));
  groups = groups.sort((a, b) => score.get(b[0])! - score.get(a[0])!).slice(0, Number(p.get('top') ?? 40));
  const series = metrics.flatMap((metric) =>
    groups.map(([v, list]) => {
      const values = periods.map((x) => figure(metric, list, x.a, x.b));
      return { metric, unit: LABELS[metric]![4], dimensions: by ? { [by]: v } : {}, values, reasons: values.map((x) => (x === null ? 'Nothing to divide by.' : null)), compare: compare ? periods.map((x) => figure(metric, list, x.a - shift, x.b - shift)) : null };
    }),
  );
  return {
    grain, currency: 'USD', timezone: 'Europe/Berlin', as_of: iso(NOW), data_through: iso(NOW), rule_version: 'r1', warnings: [], took_ms: 9, series,
    periods: periods.map(({ a: _a, b: _b, ...x }) => x),
    compare_periods: compare ? periods.map((x) => ({ label: grain === 'range' ? `${date(x.a - shift)}/${date(x.b - shift - 1)}` : label(x.a - shift, grain), start: date(x.a - shift), end: date(x.b - shift), complete: true })) : null,
  };
}

/* Funnels, retention, paths. */

interface Chain { p: Person; at: number[]; value: string }
function chains(p: URLSearchParams): { steps: string[]; list: Chain[]; by: string | null } {
  const steps = p.getAll('step');
  const test = steps.map(fits);
  const out = p.getAll('exclude').map(fits);
  const [from, to] = spanOf(p);
  const keep = keepOf(p.getAll('where'));
  const limit = within(p.get('within') ?? '14d');
  const order = p.get('order') ?? 'ordered';
  const by = p.get('by');
  const list: Chain[] = [];
  for (const person of persons) {
    const evs = person.evs.filter((e) => e.t < to + limit && (e.fact || keep(e)));
    let best: Chain | null = null;
    for (let i = 0; i < evs.length; i++) {
      const first = evs[i]!;
      if (first.t < from || first.t >= to || !(order === 'any' ? test.some((f) => f(first)) : test[0]!(first))) continue;
      const at = [first.t];
      const open = new Set(test.map((_, k) => k));
      open.delete(order === 'any' ? test.findIndex((f) => f(first)) : 0);
      for (let k = i + 1; k < evs.length && open.size; k++) {
        const e = evs[k]!;
        if (e.t > first.t + limit || out.some((f) => f(e))) break;
        const next = order === 'any' ? [...open].find((s) => test[s]!(e)) : test[at.length]!(e) ? at.length : undefined;
        if (next !== undefined) { open.delete(next); at.push(e.t); }
        else if (order === 'strict') break;
      }
      if (!best || at.length > best.at.length) best = { p: person, at, value: by ? dimOf(first, by) : '' };
      if (best.at.length === steps.length) break;
    }
    if (best) list.push(best);
  }
  return { steps, list, by };
}

function funnel(p: URLSearchParams) {
  const { steps, list, by } = chains(p);
  const count = (of: Chain[]) => steps.map((_, i) => of.filter((c) => c.at.length > i).length);
  const group = (value: string | null, of: Chain[]) => ({ value, people: count(of), median_seconds: steps.map((_, i) => (i ? median(of.filter((c) => c.at.length > i).map((c) => (c.at[i]! - c.at[p.get('times') === 'previous' ? i - 1 : 0]!) / 1000)) : null)) });
  const values = by ? [...new Set(list.map((c) => c.value))] : [''];
  return { steps: steps.map((step) => ({ step })), groups: values.map((v) => group(by ? v || null : null, list.filter((c) => c.value === v))), as_of: iso(NOW) };
}

function cells(p: URLSearchParams): { cohort: string; value: string; p: Person; ages: Set<number>; room: number }[] {
  const grain = p.get('grain') ?? 'week';
  const [from, to] = spanOf(p);
  const keep = keepOf(p.getAll('where'));
  const [first, back] = [fits(p.get('first') ?? '*'), fits(p.get('return') ?? '*')];
  const out: { cohort: string; value: string; p: Person; ages: Set<number>; room: number }[] = [];
  const index = (t: number): number => { const d = new Date(t); return grain === 'day' ? Math.floor(t / DAY) : grain === 'week' ? Math.floor((t / DAY + 3) / 7) : d.getUTCFullYear() * 12 + d.getUTCMonth(); };
  const last = index(Math.min(NOW, to - 1));
  for (const person of persons) {
    const begun = person.evs.filter((e) => first(e) && keep(e));
    const starts = p.get('kind') === 'recurring' ? [...new Map(begun.map((e) => [index(e.t), e])).values()] : begun.slice(0, 1);
    for (const s of starts) {
      if (s.t < from || s.t >= to) continue;
      const ages = new Set([0]);
      for (const e of person.evs) if (e.t > s.t && back(e) && index(e.t) <= last) ages.add(index(e.t) - index(s.t));
      if (p.get('bounded') === 'false') for (const a of [...ages]) for (let k = 0; k <= a; k++) ages.add(k);
      out.push({ cohort: label(periodOf(s.t, grain), grain), value: p.get('by') ? dimOf(s, p.get('by')!) : '', p: person, ages, room: last - index(s.t) });
    }
  }
  return out;
}

function retention(p: URLSearchParams) {
  const list = cells(p);
  const keys = [...new Set(list.map((c) => `${c.cohort}\u001f${c.value}`))].sort();
  return {
    as_of: iso(NOW),
    cohorts: keys.map((key) => {
      const [cohort, value] = key.split('\u001f') as [string, string];
      const own = list.filter((c) => c.cohort === cohort && c.value === value);
      return { cohort, ...(p.get('by') ? { value: value || null } : {}), size: own.length, people: Array.from({ length: Math.min(27, (own[0]?.room ?? 0) + 1) }, (_, k) => own.filter((c) => c.ages.has(k)).length) };
    }),
  };
}

function walks(p: URLSearchParams): { p: Person; events: string[] }[] {
  const n = Number(p.get('steps') ?? 5);
  const [from, to] = spanOf(p);
  const keep = keepOf(p.getAll('where'));
  const backwards = p.has('end');
  const anchor = fits(p.get('end') ?? p.get('start') ?? '*');
  const out: { p: Person; events: string[] }[] = [];
  for (const person of persons) {
    const evs = person.evs.filter((e) => !e.fact && keep(e));
    const seen = new Set<number>();
    evs.forEach((first, i) => {
      // Once a visit.
      if (first.t < from || first.t >= to || !anchor(first) || seen.has(first.sid)) return;
      seen.add(first.sid);
      const names: string[] = [];
      let before = first.t;
      for (const e of backwards ? evs.slice(0, i + 1).reverse() : evs.slice(i)) {
        if (Math.abs(e.t - before) > 30 * MIN || names.length === n) break;
        before = e.t;
        const name = p.get('by') === 'path' ? e.path : e.e;
        if (names.at(-1) !== name) names.push(name);
      }
      out.push({ p: person, events: backwards ? names.reverse() : names });
    });
  }
  return out;
}

function paths(p: URLSearchParams) {
  const m = new Map<string, { who: Set<Person>; visits: number }>();
  for (const w of walks(p)) {
    const key = w.events.join('\u001f');
    const x = m.get(key) ?? { who: new Set<Person>(), visits: 0 };
    x.who.add(w.p);
    x.visits += 1;
    m.set(key, x);
  }
  return { paths: [...m].map(([k, x]) => ({ events: k.split('\u001f'), people: x.who.size, visits: x.visits })).sort((a, b) => b.people - a.people).slice(0, 200), as_of: iso(NOW) };
}

function states(p: URLSearchParams): { period: string; a: number; b: number; of: Map<Person, string> }[] {
  const grain = p.get('grain') ?? 'week';
  const [from, to] = spanOf(p);
  const keep = keepOf(p.getAll('where'));
  const active = meaning('active');
  const out: { period: string; a: number; b: number; of: Map<Person, string> }[] = [];
  for (let t = periodOf(from, grain); t < to; t = nextOf(t, grain)) out.push({ period: label(t, grain), a: t, b: nextOf(t, grain), of: new Map() });
  for (const person of persons) {
    const at = person.evs.filter((e) => active(e) && keep(e)).map((e) => e.t);
    if (!at.length) continue;
    for (const x of out) {
      const before = periodOf(x.a - 1, grain);
      const [now, was, ever] = [at.some((t) => t >= x.a && t < x.b), at.some((t) => t >= before && t < x.a), at[0]! < x.a];
      if (now) x.of.set(person, !ever ? 'new' : was ? 'returning' : 'resurrecting');
      else if (was) x.of.set(person, 'dormant');
    }
  }
  return out;
}

function days(p: URLSearchParams): Map<Person, number> {
  const [, to] = spanOf(p);
  const span = p.get('grain') === 'month' ? 30 : 7;
  const keep = keepOf(p.getAll('where'));
  const active = meaning('active');
  const out = new Map<Person, number>();
  for (const person of persons) {
    const n = new Set(person.evs.filter((e) => e.t >= to - span * DAY && e.t < to && active(e) && keep(e)).map((e) => date(e.t))).size;
    if (n) out.set(person, n);
  }
  return out;
}

/* Shapes of persons and events. */

const head = (p: Person) => ({ person_id: p.id, name: p.name, email: p.email, customer_id: p.customer?.id ?? null, customer_name: p.customer?.name ?? null, country: p.dims['country'] ?? null, channel: p.dims['channel'] ?? null, first_at: p.evs[0] ? iso(p.evs[0].t) : null, last_at: p.evs.length ? iso(p.evs.at(-1)!.t) : null, events: p.evs.filter((e) => !e.fact).length });
const row = (e: Ev) => ({ event_id: e.id, event: e.e, at: iso(e.t), person_id: e.p.id, customer_id: e.p.customer?.id ?? null, channel: e.p.dims['channel'] ?? null, path: e.path || null, source: e.p.dims['source'] || null, country: e.p.dims['country'] ?? null, device: e.p.dims['device'] ?? null, properties: Object.keys(e.props).length ? e.props : null });

function people(p: URLSearchParams) {
  const of = p.get('of');
  const fit = groupKeep(p);
  let found: Person[] = [];
  if (of === 'funnel') {
    const at = Number(p.get('at') ?? 1);
    found = chains(p).list.filter((c) => fit(c.value) && (p.get('dropped') === 'true' ? c.at.length === at - 1 : c.at.length >= at)).map((c) => c.p);
  } else if (of === 'retention') found = cells(p).filter((c) => (!p.get('cohort') || c.cohort === p.get('cohort')) && fit(c.value) && c.ages.has(Number(p.get('period')))).map((c) => c.p);
  else if (of === 'paths') {
    const way = p.getAll('path');
    found = walks(p).filter((w) => (p.has('end') ? w.events.slice(-way.length) : w.events.slice(0, way.length)).join('\u001f') === way.join('\u001f')).map((w) => w.p);
  }
  else if (of === 'lifecycle') found = [...(states(p).find((s) => s.period === p.get('period'))?.of ?? [])].filter(([, s]) => s === p.get('state')).map(([x]) => x);
  else if (of === 'stickiness') found = [...days(p)].filter(([, n]) => n === Number(p.get('days'))).map(([x]) => x);
  else if (of === 'live') found = [...new Set(recent().filter((e) => e.t > nowAt() - 5 * MIN && (p.get('path') ? e.path === p.get('path') : p.get('on') === 'product' ? e.path.startsWith('/app') : !e.path.startsWith('/app'))).map((e) => e.p))];
  else {
    let [a, b] = spanOf(p);
    const period = p.get('period');
    if (period) { a = periodOf(parse(period), grainOf(period)); b = nextOf(a, grainOf(period)); }
    const metric = p.get('metric') ?? 'visitors';
    const keep = keepOf(p.getAll('where'));
    const test: Keep = ['visitors', 'visits', 'page_views', 'pages_per_visit', 'bounce_rate', 'visit_duration'].includes(metric) ? (e) => e.e === 'page_view' : metric.startsWith('signup') ? meaning('signup') : ['dau', 'wau', 'mau', 'stickiness', 'active_users', 'product_usage'].includes(metric) ? meaning('active') : () => true;
    if (metric === 'mau') a = Math.min(b, NOW) - 30 * DAY;
    if (metric === 'wau') a = Math.min(b, NOW) - 7 * DAY;
    if (metric === 'dau') a = Math.min(b, NOW) - DAY;
    const rows = all.filter((e) => e.t >= a && e.t < b && keep(e));
    const list = p.get('by') ? (divided(rows, p.get('by')!, metric).get(p.get('none') === 'true' ? '' : (p.get('value') ?? '')) ?? []) : rows;
    found = [...new Set(list.filter(test).map((e) => e.p))];
  }
  const once = [...new Set(found)].sort((a, b) => (b.evs.at(-1)?.t ?? 0) - (a.evs.at(-1)?.t ?? 0));
  const offset = Number(p.get('offset') ?? 0);
  return { people: once.slice(offset, offset + Number(p.get('limit') ?? 50)).map((x) => { const h = head(x); return { person_id: h.person_id, name: h.name, email: h.email, customer_id: h.customer_id, customer_name: h.customer_name, last_at: h.last_at }; }), total: once.length };
}

/* The running minute: a few events more for each second since the start. */

const boot = Date.now();
const nowAt = (): number => NOW + (Date.now() - boot);
let made = NOW - 30 * MIN;
const stream: Ev[] = [];
function recent(): Ev[] {
  while (made < nowAt()) {
    made += 400 + 5200 * rnd();
    const p = rnd() < 0.55 ? pick(persons.slice(0, 4000)) : pick(persons.slice(5200));
    const app = p.customer !== null && rnd() < 0.8;
    const [e, , path] = app ? pick(APP) : (['page_view', 1, pick(SITE)] as const);
    stream.push({ t: made, p, e, id: `live_${(number += 1).toString(36)}`, sid: -1, path, props: app && e === 'report_created' ? { template: 'weekly' } : {} });
  }
  if (stream.length > 3000) stream.splice(0, stream.length - 2000);
  return stream;
}

/* Everything that is kept in memory while the stand-in runs. */

const segments = [{ name: 'Pro in Germany', of: 'persons', filter: ['plan:Pro', 'country:DE'] }, { name: 'From search', of: 'persons', filter: ['channel:organic_search,paid_search'] }, { name: 'Paying customers', of: 'customers', filter: ['plan!:'] }].slice(0, 2);
const views = [{ name: 'Sign-up to payment', page: '/funnels', query: '?step=signup&step=trial_started&step=fact:first_payment&within=30d' }];
const keys = [{ key_id: 'k1', name: 'website', key: 'wk_4f9a2c7e1b', domains: ['fernwood.example'], created_at: iso(NOW - 200 * DAY), last_used_at: iso(NOW - 20_000), revoked_at: null as string | null }, { key_id: 'k2', name: 'backend', key: 'wk_b81d03aa5c', created_at: iso(NOW - 120 * DAY), last_used_at: iso(NOW - 3 * HOUR), revoked_at: null }, { key_id: 'k3', name: 'old app', key: 'wk_0c55e9d1f2', created_at: iso(NOW - 400 * DAY), last_used_at: iso(NOW - 90 * DAY), revoked_at: iso(NOW - 60 * DAY) }];
const gone = new Set<string>();

/** Answers what belongs to events; undefined when the address is not of events. */
export function eventsRoute(method: string, path: string, p: URLSearchParams, body: string): unknown {
  const json = <T>() => JSON.parse(body || '{}') as T;
  if (path === '/events/names') {
    const of = (list: Ev[], kind: 'event' | 'fact') => {
      const m = new Map<string, { count: number; who: Set<number>; first: number; last: number; props: Set<string> }>();
      for (const e of list) {
        const x = m.get(e.e) ?? { count: 0, who: new Set(), first: e.t, last: e.t, props: new Set<string>() };
        x.count += 1; x.who.add(e.p.i); x.last = Math.max(x.last, e.t); x.first = Math.min(x.first, e.t);
        for (const k of Object.keys(e.props)) x.props.add(k);
        m.set(e.e, x);
      }
      return [...m].map(([event, x]) => ({ event, kind, label: event === 'fact:first_payment' ? { en: 'First payment', ru: 'Первая оплата', zh: '首次付款' } : event === 'fact:renewal' ? { en: 'Renewal', ru: 'Продление', zh: '续费' } : null, count: x.count, persons: x.who.size, first_at: iso(x.first), last_at: iso(x.last), properties: [...x.props], meanings: meanings.filter((n) => n.steps.some((s) => readStep(s)?.event === event)).map((n) => n.name) }));
    };
    return { names: [...of(all, 'event'), ...of(facts, 'fact')].sort((a, b) => b.count - a.count) };
  }
  if (path === '/events/recent') {
    const limit = Number(p.get('limit') ?? 50);
    const list = [...recent().slice(-400), ...all.slice(-40_000)].filter((e) => (!p.get('event') || e.e === p.get('event')) && (!p.get('person') || e.p.id === p.get('person')) && (!p.get('customer') || e.p.customer?.id === p.get('customer')));
    const sorted = list.sort((a, b) => b.t - a.t);
    const after = p.get('after') ? sorted.findIndex((e) => e.id === p.get('after')) + 1 : 0;
    const cut = sorted.slice(after, after + limit);
    return { events: cut.map(row), cursor: sorted.length > after + limit ? cut.at(-1)!.id : null };
  }
  if (path === '/events/live') {
    const list = recent();
    const t = nowAt();
    const last = list.filter((e) => e.t > t - 5 * MIN);
    const site = last.filter((e) => !e.path.startsWith('/app'));
    const count = (of: Ev[]) => new Set(of.map((e) => e.p.i)).size;
    const minutes = Array.from({ length: 30 }, (_, k) => { const a = Math.floor(t / MIN) * MIN - (29 - k) * MIN; const own = list.filter((e) => e.t >= a && e.t < a + MIN); return { at: iso(a), events: own.length, persons: count(own) }; });
    const pages = [...new Set(site.map((e) => e.path))].map((x) => ({ path: x, persons: count(site.filter((e) => e.path === x)) })).sort((a, b) => b.persons - a.persons);
    return { now: { on_site: count(site), in_product: count(last.filter((e) => e.path.startsWith('/app'))) }, minutes, pages, events: list.slice(-60).reverse().map(row) };
  }
  if (path === '/meanings') return { meanings };
  let m = /^\/meanings\/(\w+)$/.exec(path);
  if (m) {
    const i = meanings.findIndex((x) => x.name === m![1]);
    if (i < 0) return null;
    if (method === 'DELETE') meanings[i] = structuredClone(usual[i]!);
    else Object.assign(meanings[i]!, { within: null, ...json<object>(), builtin: false });
    return meanings[i];
  }
  if (path === '/funnel') return funnel(p);
  if (path === '/retention') return retention(p);
  if (path === '/paths') return paths(p);
  if (path === '/lifecycle') {
    const list = states(p);
    return { periods: list.map((s) => ({ label: s.period, start: date(s.a), end: date(s.b), complete: s.b <= NOW })), series: ['new', 'returning', 'resurrecting', 'dormant'].map((state) => ({ state, values: list.map((s) => [...s.of.values()].filter((x) => x === state).length) })), as_of: iso(NOW) };
  }
  if (path === '/stickiness') {
    const span = p.get('grain') === 'month' ? 30 : 7;
    const list = [...days(p).values()];
    return { days: Array.from({ length: span }, (_, k) => ({ days: k + 1, people: list.filter((n) => n === k + 1).length })), span, as_of: iso(NOW) };
  }
  if (path === '/people') return people(p);
  if (path === '/usage') {
    const [a, b] = spanOf(p);
    const test = fits(p.get('event') ?? '*');
    const fell = Number(p.get('fell') ?? 0);
    const m2 = new Map<Cust, [number, number]>();
    for (const e of all) {
      if (!e.p.customer || !test(e) || e.t < a - (b - a) || e.t >= b) continue;
      const x = m2.get(e.p.customer) ?? [0, 0];
      x[e.t >= a ? 0 : 1] += 1;
      m2.set(e.p.customer, x);
    }
    const list = [...m2].map(([c, [now, before]]) => ({ customer_id: c.id, name: c.name, now, before, change: before ? now / before - 1 : null })).filter((x) => !fell || (x.before >= 10 && x.change !== null && x.change <= -fell));
    list.sort((x, y) => (fell ? (x.change ?? 0) - (y.change ?? 0) : y.now - x.now));
    return { customers: list.slice(0, 100), total: list.length, as_of: iso(NOW) };
  }
  if (path === '/persons') {
    const s = (p.get('search') ?? '').toLowerCase();
    const segment = segments.find((x) => x.name === p.get('segment'));
    const keep = keepOf(segment?.filter ?? []);
    const list = persons.filter((x) => !gone.has(x.id) && x.evs.length && (!s || `${x.name ?? ''} ${x.email ?? ''} ${x.id}`.toLowerCase().includes(s)) && (!p.get('customer') || x.customer?.id === p.get('customer')) && (!segment || keep(x.evs[0]!))).sort((a, b) => b.evs.at(-1)!.t - a.evs.at(-1)!.t);
    const from = p.get('after') ? list.findIndex((x) => x.id === p.get('after')) + 1 : 0;
    const cut = list.slice(from, from + Number(p.get('limit') ?? 50));
    return { persons: cut.map(head), total: list.length, cursor: from + cut.length < list.length ? cut.at(-1)!.id : null };
  }
  m = /^\/persons\/([^/]+)(\/unlink)?$/.exec(path);
  if (m) {
    const x = persons.find((q) => q.id === decodeURIComponent(m![1]!));
    if (!x || gone.has(x.id)) return null;
    if (m[2]) return { ok: true };
    if (method === 'DELETE') { gone.add(x.id); return { identifiers: x.known ? 2 : 1, events: x.evs.length, records: 2, event_files: 3, source_rows: 4, source_files: 1, source_files_given_up: 0, rejects: 0, audit_lines: 0 }; }
    const own = x.evs.filter((e) => !e.fact).map((e) => ({ kind: 'event', ...row(e), session_id: String(e.sid) }));
    const ledger = x.customer ? moves.filter((v) => v.id === x.customer!.id).map((v) => ({ at: iso(v.t), kind: 'record', title_key: `movement.${v.kind}`, params: { plan: v.dims['plan'], reason: v.reason }, amount: v.amount / 100, currency: 'USD', record: { table: 'subscription_changes', entity: v.id, key: String(v.t) } })) : [];
    const timeline = [...own, ...ledger].sort((a, b) => (a.at < b.at ? 1 : -1));
    const after = Number(p.get('after') ?? 0);
    const h = head(x);
    return {
      person: { ...h, traits: x.known ? { role: x.i % 3 ? 'analyst' : 'owner', language: 'en', joined_at: x.joined ? iso(x.joined) : null } : {}, identifiers: [{ id: x.id, kind: 'main', to: null, at: x.joined ? iso(x.joined) : h.first_at }, ...(x.known ? [{ id: x.anon, kind: 'identify', to: x.id, at: h.first_at }] : [])], customer: x.customer ? { customer_id: x.customer.id, name: x.customer.name, plan: x.customer.plan, mrr: x.customer.mrr / 100, currency: 'USD', status: x.customer.mrr > 0 ? 'active' : 'canceled' } : null, device: x.dims['device'] ?? null },
      timeline: timeline.slice(after, after + 150), cursor: timeline.length > after + 150 ? String(after + 150) : null, as_of: iso(NOW),
    };
  }
  const named = (list: { name: string }[], kind: string, match: RegExpExecArray): unknown => {
    const name = decodeURIComponent(match[1]!);
    const i = list.findIndex((x) => x.name === name);
    if (method === 'DELETE') { if (i >= 0) list.splice(i, 1); return { ok: true }; }
    const next = { ...json<{ name: string }>(), name };
    if (i >= 0) list[i] = next; else list.push(next);
    void kind;
    return next;
  };
  if (path === '/segments') return { segments };
  m = /^\/segments\/(.+)$/.exec(path);
  if (m) return named(segments, 'segment', m);
  if (path === '/views') return { views };
  m = /^\/views\/(.+)$/.exec(path);
  if (m) return named(views, 'view', m);
  if (path === '/keys') {
    if (method === 'GET') return { keys };
    const key = { key_id: `k${keys.length + 1}`, name: json<{ name: string }>().name, key: `wk_${Math.floor(rnd() * 2 ** 31).toString(16)}9b0d4c`, created_at: iso(NOW), last_used_at: null, revoked_at: null };
    keys.unshift(key as never);
    return key;
  }
  m = /^\/keys\/(\w+)$/.exec(path);
  if (m) {
    const k = keys.find((x) => x.key_id === m![1]);
    if (k) k.revoked_at = iso(NOW);
    return k ?? null;
  }
  if (/^\/metrics\/\w+$/.test(path)) {
    const about = eventMetrics().find((x) => x.name === path.slice(9));
    return about && { ...about, formula: null, prose: `**${about.label.en}** is counted from events.`, definition: `name: ${about.name}`, depends_on: [], used_by: [], fact: 'events', records: ['events'], settings: [], file: `definitions/metrics/${about.area}/${about.name}.md` };
  }
  if (path === '/explain' && isEventMetric(p.get('metric') ?? '')) {
    const metric = p.get('metric')!, period = p.get('period')!, grain = grainOf(period);
    const a = periodOf(parse(period), grain), b = nextOf(a, grain), q = p.get('against') ? periodOf(parse(p.get('against')!), grain) : periodOf(a - DAY, grain);
    const keep = keepOf(p.getAll('where'));
    const rows = all.filter((e) => keep(e));
    const both = (list: Ev[]) => { const before = figure(metric, list, q, nextOf(q, grain)), after = figure(metric, list, a, b); return { before, after, change: (after ?? 0) - (before ?? 0) }; };
    const x = both(rows);
    const by = (p.get('by') ?? '').split(',').filter(Boolean).map((dim) => { const list = [...divided(rows, dim, metric)].map(([v, l]) => { const y = both(l); return { value: v || null, ...y, mix: 0, rate: y.change }; }).sort((m1, m2) => Math.abs(m2.change) - Math.abs(m1.change)).slice(0, 12); return { dimension: dim, rows: list, sum: x.change }; });
    const about = eventMetrics().find((n) => n.name === metric)!;
    return { metric, unit: about.unit, currency: 'USD', period, against: label(q, grain), ...x, change_ratio: x.before ? x.change / x.before : null, tree: { metric, label: about.label, unit: about.unit, ...x, contribution: x.change, operator: null, children: [] }, by, sentences: [], releases: [] };
  }
  if (path === '/rows' && isEventMetric(p.get('metric') ?? '')) {
    const period = p.get('period')!, a = periodOf(parse(period), grainOf(period)), b = nextOf(a, grainOf(period));
    const keep = keepOf(p.getAll('where'));
    const hit = all.filter((e) => e.t >= a && e.t < b && keep(e)).reverse();
    const off = Number(p.get('offset') ?? 0);
    return { columns: ['at', 'event', 'person_id', 'customer_id', 'path', 'channel'].map((name) => ({ name, type: name === 'at' ? 'timestamp' : 'text' })), rows: hit.slice(off, off + 25).map((e) => ({ values: [iso(e.t), e.e, e.p.id, e.p.customer?.id ?? null, e.path, e.p.dims['channel'] ?? null], record: null })), total: hit.length, sum: null, metric: p.get('metric') };
  }
  return undefined;
}
