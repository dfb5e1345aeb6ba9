/**
 * The tracker that customers' sites load as /burgeon.js. Documented in docs/src/tracker.md; it speaks Burgeon's own language
 * (docs/src/sending.md).
 *
 * It is small on purpose (`npm run check` fails above 3 KB gzipped): one closure, no classes, no helpers from elsewhere.
 * It must never throw into the page that it lives on, hence the guards around everything that browsers may refuse.
 */

type Values = Record<string, unknown>;

/** One item of a request; an event when it has no type. */
export interface Item {
  type?: 'identify' | 'group' | 'alias';
  event_id: string;
  at: string;
  event?: string | undefined;
  user_id?: string | undefined;
  anonymous_id?: string | undefined;
  customer_id?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  url?: string;
  referrer?: string;
  title?: string;
  properties?: Values | undefined;
  traits?: Values | undefined;
}

/** What is kept in the browser: anonymous identifier, user, group, answer about consent (0 no, 1 yes, 2 cookieless). */
interface Kept {
  a?: string | undefined;
  u?: string | undefined;
  g?: string | undefined;
  c?: 0 | 1 | 2 | undefined;
}

type Call = ((verb: string, ...rest: never[]) => void) & { on?: 1 };

/** The window, as far as pages share it with the tracker. */
export type Page = Window & typeof globalThis & { burgeon?: Call & { q?: ArrayLike<unknown>[] } };

const MINUTE = 60_000;
/** Items of one request: with long addresses they stay under the 64 KB that browsers allow for beacons. */
const BATCH = 20;
/** Items that wait for consent, and items that wait for the network. */
const HELD = 100;
const STORED = 200;
const FILES = /\.(7z|csv|dmg|docx?|exe|gz|iso|mp3|mp4|msi|pdf|pkg|pptx?|rar|tar|xlsx?|zip)$/i;

/** Starts the tracker on a page; the script's attributes are its options. */
export function start(window: Page, script: HTMLElement | null): void {
  const { document, location, navigator, history } = window;
  const option = (name: string) => script?.getAttribute('data-' + name) ?? undefined;
  const key = option('key');
  // A script that stands on the page twice counts once.
  if (!key || window.burgeon?.on) return;
  const endpoint = (option('host') ?? new URL((script as HTMLScriptElement).src, location.href).origin) + '/api/v1/events';
  const id = () => Array.from(window.crypto.getRandomValues(new Uint8Array(12)), (b) => (b + 256).toString(16).slice(1)).join('');
  const now = () => new Date().toISOString();

  const load = <T>(name: string, or: T): T => {
    try {
      return (JSON.parse(window.localStorage.getItem(name) as string) as T | null) ?? or;
    } catch {
      return or;
    }
  };
  const save = (name: string, value: unknown) => {
    try {
      if (value) window.localStorage.setItem(name, JSON.stringify(value));
      else window.localStorage.removeItem(name);
    } catch {
      // No room, or storage is refused: the page goes on without.
    }
  };

  // What may be done: 0 nothing, 1 everything, 2 without storage, undefined: not asked yet.
  const dnt = option('dnt');
  const asksNot = dnt !== 'ignore' && ((navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl || navigator.doNotTrack === '1');
  let kept = load<Kept>('burgeon', {});
  let may = kept.c ?? (option('consent') != null ? undefined : 1);
  const limit = () => {
    if (may === 1 && option('cookieless') != null) may = 2;
    if (may && asksNot) may = dnt === 'cookieless' ? 2 : 0;
  };
  limit();
  if (may !== 1) kept = {};
  const keep = () => may === 1 && save('burgeon', kept);

  let queue: Item[] = [];
  let timer: number | undefined;
  let busy = false;
  let wait = 1000;

  const body = (events: Item[]) => JSON.stringify({ key, sent_at: now(), events });

  /** Keeps items for later visits, and forgets those that are gone. Other tabs write the same list. */
  const store = (add: Item[], gone: Item[]) => {
    if (may !== 1) return;
    const known = new Set([...add, ...gone].map((item) => item.event_id));
    const list = load<Item[]>('burgeon.queue', []).filter((item) => !known.has(item.event_id));
    const left = [...list, ...add].slice(-STORED);
    save('burgeon.queue', left.length && left);
  };

  const later = (delay: number) => {
    window.clearTimeout(timer);
    timer = window.setTimeout(send, delay);
  };

  const send = () => {
    if (!may || busy || !queue.length) return;
    const items = queue.slice(0, BATCH);
    const failed = () => {
      store(queue, []);
      busy = false;
      wait = Math.min(wait * 2, 5 * MINUTE);
      later(wait);
    };
    busy = true;
    const text = body(items);
    window
      // Browsers refuse to keep more than 64 KB alive beyond the page.
      .fetch(endpoint, { method: 'POST', body: text, keepalive: text.length < 60_000, credentials: 'omit' })
      .then((answer) => {
        // What is wrong with a request does not get better by sending it again; what is wrong with the server may.
        if (answer.status > 499 || answer.status === 429 || answer.status === 408) return failed();
        queue = queue.filter((item) => !items.includes(item));
        store([], items);
        busy = false;
        wait = 1000;
        if (queue.length) send();
      })
      .catch(failed);
  };

  /** The page may go away at any moment: hand everything to the browser, or keep it. */
  const leave = () => {
    if (!may) return;
    while (queue.length) {
      const items = queue.slice(0, BATCH);
      if (!navigator.onLine || !navigator.sendBeacon(endpoint, body(items))) break;
      // What was stored stays there until an answer says that it arrived; it is sent once more then, and known by its id.
      queue = queue.slice(BATCH);
    }
    store(queue, []);
  };

  const add = (more: Partial<Item>) => {
    if (may === 0) return;
    kept.a ??= id();
    keep();
    const item: Item = { event_id: id(), at: now(), user_id: kept.u, anonymous_id: kept.a, ...more };
    // An identifier that ends with the page must not be linked to a user: it would say nothing, and cost a link a page.
    if (may === 2 && kept.u) item.anonymous_id = undefined;
    queue = [...queue, item].slice(may === undefined ? -HELD : -STORED);
    if (may !== undefined) later(Math.max(300, wait > 1000 ? wait : 0));
  };

  let address = '';
  let before = document.referrer;
  const event = (event: string, properties?: Values) =>
    add({ event, url: address || location.href, referrer: before, title: document.title, customer_id: kept.g, properties });

  // --- Pages and reading -----------------------------------------------------------------------------------------------

  let shown = 0;
  let seconds = 0;
  let told = 0;
  let depth = 0;
  let toldDepth = 0;
  let read = true;
  let readTimer: number | undefined;
  const [readDepth = 75, readSeconds = 20] = (option('read') || '75,20').split(',').map(Number);

  const clock = () => {
    const at = window.performance.now();
    if (shown) seconds += (at - shown) / 1000;
    shown = document.visibilityState === 'visible' ? at : 0;
    const root = document.documentElement;
    depth = Math.max(depth, Math.min(100, Math.round(((window.scrollY + window.innerHeight) / Math.max(root.scrollHeight, 1)) * 100)));
  };
  const look = () => {
    clock();
    if (!read && depth >= readDepth && seconds >= readSeconds) {
      read = true;
      event('content_read', { engaged_seconds: Math.round(seconds), scroll_depth: depth });
    }
    window.clearTimeout(readTimer);
    if (!read && seconds < readSeconds) readTimer = window.setTimeout(look, Math.max(1, readSeconds - seconds) * 1000);
  };
  const engagement = () => {
    if (!address) return;
    look();
    const more = Math.round(seconds - told);
    if (more < 1 && depth <= toldDepth) return;
    told += more;
    toldDepth = depth;
    event('engagement', { engaged_seconds: more, scroll_depth: depth });
  };

  const page = (properties?: Values) => {
    engagement();
    if (address) before = address;
    address = location.href;
    seconds = told = depth = toldDepth = shown = 0;
    read = false;
    event('page_view', properties);
    look();
  };

  const route = () => {
    const place = (url: string) => (option('hash') != null ? url : url.split('#')[0]);
    if (place(location.href) !== place(address)) page();
  };

  const click = (press: MouseEvent) => {
    if (press.button > 1) return;
    const link = (press.target as Element | null)?.closest?.<HTMLAnchorElement>('a[href]');
    if (!link || !/^http/.test(link.protocol)) return;
    if (FILES.test(link.pathname)) event('download', { target: link.href, file: link.pathname.split('/').pop() });
    else if (link.host !== location.host) event('outbound_click', { target: link.href });
  };

  // --- What the page may say -------------------------------------------------------------------------------------------

  const verbs: Record<string, (...rest: never[]) => void> = {
    event: (name: string, properties?: Values) => event(name, properties),
    page: (properties?: Values) => page(properties),
    identify: (user: string, traits?: Values) => {
      // Another user on the same device: the anonymous identifier belongs to the one before.
      user = String(user);
      if (kept.u && kept.u !== user) kept = { c: kept.c };
      kept.u = user;
      add({ type: 'identify', traits });
    },
    group: (group: string, traits?: Values) => {
      kept.g = String(group);
      add({ type: 'group', customer_id: kept.g, traits });
    },
    alias: (user: string, previous?: string) => {
      const last = previous ?? kept.u ?? kept.a;
      kept.u = String(user);
      if (last && last !== kept.u) add({ type: 'alias', from: last, to: kept.u });
    },
    reset: () => {
      kept = { c: kept.c };
      keep();
    },
    consent: (answer: boolean | 'cookieless') => {
      const waited = may === undefined;
      may = answer === 'cookieless' ? 2 : answer ? 1 : 0;
      const said = may;
      limit();
      if (may !== 1) {
        save('burgeon', 0);
        save('burgeon.queue', 0);
        // What was not stored yet may live on until the page ends.
        if (may !== 2 || !waited) kept.a = undefined;
      }
      if (!may) queue = [];
      if (may === 2) queue.forEach((item) => item.user_id && delete item.anonymous_id);
      // The answer itself is kept, or a refusal would be forgotten with the page. Where consent is asked for, silence is one.
      kept.c = said;
      if (may === 1 || (option('consent') == null && !asksNot)) save('burgeon', may === 1 ? kept : { c: said });
      later(0);
    },
  };

  const call = ((verb: string, ...rest: never[]) => {
    try {
      verbs[verb]?.(...rest);
    } catch (error) {
      window.console.error('burgeon:', error);
    }
  }) as Call;
  const early = window.burgeon?.q;
  call.on = 1;
  window.burgeon = call;

  const begin = () => {
    if (may === 1) queue = load<Item[]>('burgeon.queue', []);
    if (option('manual') == null) {
      for (const name of ['pushState', 'replaceState'] as const) {
        const original = history[name];
        history[name] = function (...rest: Parameters<History['pushState']>) {
          original.apply(this, rest);
          call('route');
        };
      }
      verbs.route = route;
      window.addEventListener('popstate', route);
      window.addEventListener('hashchange', route);
      document.addEventListener('click', click, true);
      document.addEventListener('auxclick', click, true);
      window.addEventListener('scroll', look, { passive: true });
      window.addEventListener('pageshow', (shown) => shown.persisted && page());
      page();
    }
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') return look();
      engagement();
      // The page may come back, so that an answer can be waited for, or be gone without another word.
      if (busy) leave();
      else send();
    });
    window.addEventListener('pagehide', () => {
      engagement();
      leave();
    });
    window.addEventListener('online', () => later(0));
    for (const words of Array.from(early ?? [])) call(...(Array.from(words) as Parameters<Call>));
    if (queue.length) later(300);
  };
  // A page that is made ready in advance may never be seen.
  if ((document as { prerendering?: boolean }).prerendering) document.addEventListener('prerenderingchange', begin, { once: true });
  else begin();
}
