/** The tracker in a real browser, on a site of its own that sends to a server of another origin. The program is not needed. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test, type BrowserContext, type Page } from '@playwright/test';
import { build, type Rollup } from 'vite';
import type { Item } from '../tracker/tracker';

interface Request {
  method: string;
  type: string;
  body: { key: string; sent_at: string; events: Item[] };
}

let code = '';
let site: Server;
let intake: Server;
let home = '';
let target = '';
/** What arrived, in order; what is answered next (200 when empty); what the site's page looks like. */
let requests: Request[] = [];
let answers: number[] = [];
let attributes = '';
let head = '';

const listen = (server: Server): Promise<string> => new Promise((done) => server.listen(0, '127.0.0.1', () => done(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)));

test.beforeAll(async () => {
  const built = (await build({ configFile: 'tracker/vite.config.ts', build: { write: false } })) as Rollup.RollupOutput[];
  code = built[0]?.output[0].code ?? '';
  intake = createServer((request, response) => {
    if (request.url === '/burgeon.js') return void response.writeHead(200, { 'content-type': 'text/javascript' }).end(code);
    let text = '';
    request.on('data', (piece: Buffer) => (text += piece.toString()));
    request.on('end', () => {
      if (request.url === '/api/v1/events') requests.push({ method: request.method ?? '', type: request.headers['content-type'] ?? '', body: JSON.parse(text || '{}') as Request['body'] });
      response.writeHead(answers.shift() ?? 200, { 'access-control-allow-origin': request.headers.origin ?? '*', 'content-type': 'application/json' }).end('{"success":true}');
    });
  });
  site = createServer((request, response) => {
    const at = new URL(request.url ?? '/', 'http://x').pathname;
    const script = at === '/elsewhere' ? '' : `<script defer src="${target}/burgeon.js" data-key="wk_test" ${attributes}></script>`;
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end(`<!doctype html><title>Page ${at}</title>${head}${script}<a id=out href="http://other.test/there">out</a> <a id=file href="/files/guide.pdf?x=1">file</a> <a id=in href="#x">in</a><div style="height:4000px"></div>`);
  });
  target = await listen(intake);
  home = await listen(site);
});

test.afterAll(() => {
  site.close();
  intake.close();
});

test.beforeEach(() => {
  requests = [];
  answers = [];
  attributes = head = '';
});

const items = () => requests.flatMap((request) => request.body.events);
const named = (name: string) => items().filter((item) => item.event === name);
const views = () => named('page_view');
const until = async (what: () => boolean) => expect.poll(what, { timeout: 10_000, intervals: [50] }).toBe(true);
const quiet = (page: Page) => page.waitForTimeout(900);
const say = (page: Page, ...words: unknown[]) => page.evaluate((words) => (window as unknown as { burgeon: (...w: unknown[]) => void }).burgeon(...words), words);
const stored = (page: Page) => page.evaluate(() => ({ ...localStorage, ...sessionStorage }) as Record<string, string>);
const nothingKept = async (page: Page, context: BrowserContext) => {
  expect(await stored(page)).toEqual({});
  expect(await context.cookies()).toEqual([]);
};

test('a page view says where it came from, in one plain request', async ({ page, context }) => {
  await page.goto(`${home}/pricing?utm_source=news&utm_campaign=spring&q=1`, { referer: 'https://search.test/' });
  await until(() => views().length === 1);
  const [request] = requests;
  // Plain text needs no preflight.
  expect(requests.map((one) => one.method)).toEqual(['POST']);
  expect(request?.type).toContain('text/plain');
  expect(request?.body.key).toBe('wk_test');
  expect(Math.abs(Date.parse(request?.body.sent_at ?? '') - Date.now())).toBeLessThan(60_000);
  const [view] = views();
  expect(view).toMatchObject({ url: `${home}/pricing?utm_source=news&utm_campaign=spring&q=1`, referrer: 'https://search.test/', title: 'Page /pricing' });
  expect(view?.event_id).toMatch(/^[0-9a-f]{24}$/);
  expect(view?.anonymous_id).toMatch(/^[0-9a-f]{24}$/);
  expect(view?.user_id).toBeUndefined();
  expect(await context.cookies()).toEqual([]);
  // The same device on the next page.
  await page.goto(`${home}/next`);
  await until(() => views().length === 2);
  expect(views()[1]?.anonymous_id).toBe(view?.anonymous_id);
});

test('routes of the client are pages', async ({ page }) => {
  await page.goto(`${home}/a`);
  await page.waitForTimeout(1100);
  await page.evaluate(() => history.pushState({}, '', '/b'));
  await page.evaluate(() => history.replaceState({ scroll: 1 }, '', '/b'));
  await page.evaluate(() => history.replaceState({}, '', '/b#part'));
  await page.evaluate(() => history.pushState({}, '', '/c'));
  await page.goBack();
  await until(() => views().length === 4);
  expect(views().map((view) => new URL(view.url ?? '').pathname)).toEqual(['/a', '/b', '/c', '/b']);
  expect(views().map((view) => (view.referrer ? new URL(view.referrer).pathname : ''))).toEqual(['', '/a', '/b#part', '/c'].map((path) => path.split('#')[0]));
  const [left] = named('engagement');
  expect(new URL(left?.url ?? '').pathname).toBe('/a');
  expect(left?.properties?.engaged_seconds).toBeGreaterThanOrEqual(1);
  // The order in which things happened is the order of the items.
  const order = items().map((item) => item.at);
  expect(order).toEqual([...order].sort());
});

test('with data-hash the part after # is a route', async ({ page }) => {
  attributes = 'data-hash';
  await page.goto(`${home}/#/one`);
  await page.evaluate(() => (location.hash = '#/two'));
  await until(() => views().length === 2);
  expect(views()[1]?.url).toBe(`${home}/#/two`);
});

test('links to elsewhere and to files are told', async ({ page, context }) => {
  await context.route('http://other.test/**', (route) => route.fulfill({ body: 'there' }));
  await page.goto(`${home}/`);
  await page.evaluate(() => document.addEventListener('click', (press) => press.preventDefault()));
  await page.click('#in');
  await page.click('#file');
  await page.click('#out');
  await until(() => named('outbound_click').length === 1);
  expect(named('download')[0]?.properties).toEqual({ target: `${home}/files/guide.pdf?x=1`, file: 'guide.pdf' });
  expect(named('outbound_click')[0]?.properties).toEqual({ target: 'http://other.test/there' });
  expect(named('download')).toHaveLength(1);
  // A followed link takes the page away; it is told all the same.
  requests = [];
  await page.goto(`${home}/`);
  await page.click('#out');
  await page.waitForURL('http://other.test/there');
  await until(() => named('outbound_click').length === 1);
});

test('a page counts as read once, by time and depth', async ({ page }) => {
  attributes = 'data-read="60,1"';
  await page.goto(`${home}/article`);
  await page.waitForTimeout(1300);
  expect(named('content_read')).toEqual([]);
  await page.evaluate(() => window.scrollTo(0, 3000));
  await until(() => named('content_read').length === 1);
  expect(named('content_read')[0]?.properties?.scroll_depth).toBeGreaterThanOrEqual(60);
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.evaluate(() => window.scrollTo(0, 4000));
  await page.goto(`${home}/elsewhere`);
  await until(() => named('engagement').length > 0);
  expect(named('engagement').at(-1)?.properties?.scroll_depth).toBe(100);
  expect(named('content_read')).toHaveLength(1);
});

test('what is seen last goes out when the page is closed', async ({ page }) => {
  await page.goto(`${home}/short`);
  await say(page, 'event', 'last_word', { n: 1 });
  await page.close({ runBeforeUnload: true });
  await until(() => named('last_word').length === 1 && views().length === 1 && named('engagement').length === 1);
});

test('people, accounts and calls before the script', async ({ page }) => {
  head = `<script>window.burgeon=window.burgeon||function(){(burgeon.q=burgeon.q||[]).push(arguments)};burgeon('event','early',{n:1})</script>`;
  await page.goto(`${home}/`);
  await until(() => named('early').length === 1);
  const anonymous = named('early')[0]?.anonymous_id;
  await say(page, 'identify', 'ada', { email: 'ada@example.com' });
  await say(page, 'group', 'cus_1', { name: 'One' });
  await say(page, 'event', 'work');
  await page.reload();
  await say(page, 'event', 'more_work');
  await say(page, 'alias', 'ada@work');
  await say(page, 'reset');
  await say(page, 'event', 'somebody');
  await say(page, 'identify', 'bob');
  await say(page, 'identify', 'eve');
  await until(() => items().filter((item) => item.type === 'identify').length === 3);
  const of = (type: string) => items().filter((item) => item.type === type);
  expect(of('identify')[0]).toMatchObject({ user_id: 'ada', anonymous_id: anonymous, traits: { email: 'ada@example.com' } });
  expect(of('group')[0]).toMatchObject({ user_id: 'ada', customer_id: 'cus_1', traits: { name: 'One' } });
  expect(named('work')[0]).toMatchObject({ user_id: 'ada', anonymous_id: anonymous, customer_id: 'cus_1' });
  expect(named('more_work')[0]).toMatchObject({ user_id: 'ada', anonymous_id: anonymous, customer_id: 'cus_1' });
  expect(of('alias')[0]).toMatchObject({ from: 'ada', to: 'ada@work' });
  // After signing out nothing ties the next one to the one before, and two users never share an anonymous identifier.
  const somebody = named('somebody')[0];
  expect(somebody?.user_id).toBeUndefined();
  expect(somebody?.anonymous_id).not.toBe(anonymous);
  expect(somebody?.customer_id).toBeUndefined();
  expect(of('identify')[1]).toMatchObject({ user_id: 'bob', anonymous_id: somebody?.anonymous_id });
  expect(of('identify')[2]?.user_id).toBe('eve');
  expect(of('identify')[2]?.anonymous_id).not.toBe(somebody?.anonymous_id);
});

test('what could not be sent waits for the network, under the same identifiers', async ({ page, context }) => {
  await page.goto(`${home}/`);
  await until(() => views().length === 1);
  await context.setOffline(true);
  for (let n = 0; n < 230; n++) await say(page, 'event', 'offline', { n });
  await expect.poll(async () => (JSON.parse((await stored(page))['burgeon.queue'] ?? '[]') as Item[]).length, { timeout: 10_000 }).toBeGreaterThan(0);
  await context.setOffline(false);
  await until(() => named('offline').some((item) => item.properties?.n === 229));
  await quiet(page);
  // The last 200 of them, in order, and nothing twice.
  expect(named('offline').map((item) => item.properties?.n)).toEqual(Array.from({ length: 200 }, (_, n) => n + 30));
  expect(new Set(named('offline').map((item) => item.event_id)).size).toBe(200);
  expect((await stored(page))['burgeon.queue']).toBeUndefined();
});

test('a visit without network is told at the next one', async ({ page, context }) => {
  await page.goto(`${home}/`);
  await until(() => views().length === 1);
  await context.route(`${target}/api/**`, (route) => route.abort());
  await context.setOffline(true);
  await say(page, 'event', 'lost_and_found');
  await context.setOffline(false);
  // The page goes while nothing can be sent; the failed attempt has kept the item.
  await expect.poll(async () => (await stored(page))['burgeon.queue'] ?? '', { timeout: 10_000 }).toContain('lost_and_found');
  await page.goto(`${home}/elsewhere`);
  await context.unroute(`${target}/api/**`);
  await page.goto(`${home}/again`);
  await until(() => named('lost_and_found').length >= 1);
  await quiet(page);
  expect(new Set(named('lost_and_found').map((item) => item.event_id)).size).toBe(1);
  expect((await stored(page))['burgeon.queue']).toBeUndefined();
});

test('a server in trouble gets the same items again, a refusal ends it', async ({ page }) => {
  answers = [503, 429];
  await page.goto(`${home}/`);
  await until(() => requests.length === 3);
  const ids = requests.map((request) => request.body.events[0]?.event_id);
  expect(new Set(ids).size).toBe(1);
  requests = [];
  answers = [400];
  await say(page, 'event', 'refused');
  await until(() => requests.length === 1);
  await say(page, 'event', 'taken');
  await until(() => named('taken').length === 1);
  expect(named('refused')).toHaveLength(1);
});

test('without cookies nothing is stored and nobody is known again', async ({ page, context }) => {
  attributes = 'data-cookieless';
  await page.goto(`${home}/?utm_source=news`);
  await say(page, 'event', 'here');
  await say(page, 'identify', 'ada');
  await until(() => items().some((item) => item.type === 'identify'));
  await nothingKept(page, context);
  await page.reload();
  await until(() => views().length === 2);
  // One identifier for the life of a page, and never beside a user's: nothing could link the two.
  expect(named('here')[0]?.anonymous_id).toBe(views()[0]?.anonymous_id);
  expect(views()[1]?.anonymous_id).not.toBe(views()[0]?.anonymous_id);
  expect(items().every((item) => !(item.user_id && item.anonymous_id))).toBe(true);
  await nothingKept(page, context);
});

test('consent is waited for', async ({ page, context }) => {
  attributes = 'data-consent';
  await page.goto(`${home}/?utm_source=news`);
  await say(page, 'event', 'before');
  await quiet(page);
  expect(requests).toEqual([]);
  await nothingKept(page, context);
  await say(page, 'consent', true);
  await until(() => named('before').length === 1 && views().length === 1);
  const before = await stored(page);
  expect(Object.keys(before)).toEqual(['burgeon']);
  // It is remembered, until it is taken back.
  await page.reload();
  await until(() => views().length === 2);
  expect(views()[1]?.anonymous_id).toBe(views()[0]?.anonymous_id);
  await say(page, 'consent', false);
  await quiet(page);
  requests = [];
  await say(page, 'event', 'after');
  await page.reload();
  await say(page, 'event', 'after');
  await quiet(page);
  expect(requests).toEqual([]);
  await nothingKept(page, context);
  await say(page, 'identify', 'ada');
  await say(page, 'consent', 'cookieless');
  await until(() => views().length === 1 && items().some((item) => item.type === 'identify'));
  expect(items().every((item) => !(item.user_id && item.anonymous_id))).toBe(true);
  await nothingKept(page, context);
});

test('a refusal is remembered where consent is not asked for', async ({ page }) => {
  await page.goto(`${home}/`);
  await until(() => views().length === 1);
  await say(page, 'consent', false);
  expect(Object.entries(await stored(page))).toEqual([['burgeon', '{"c":0}']]);
  await page.reload();
  await quiet(page);
  expect(views()).toHaveLength(1);
});

for (const signal of ['globalPrivacyControl', 'doNotTrack']) {
  test(`${signal} is honoured`, async ({ page, context }) => {
    const value = signal === 'doNotTrack' ? '1' : true;
    await page.addInitScript(([name, value]) => Object.defineProperty(navigator, name as string, { get: () => value }), [signal, value]);
    await page.goto(`${home}/`);
    await say(page, 'event', 'unseen');
    await say(page, 'consent', true);
    await quiet(page);
    expect(requests).toEqual([]);
    attributes = 'data-dnt="cookieless"';
    await page.goto(`${home}/`);
    await until(() => views().length === 1);
    await nothingKept(page, context);
    attributes = 'data-dnt="ignore"';
    await page.goto(`${home}/`);
    await until(() => views().length === 2);
    expect(Object.keys(await stored(page))).toEqual(['burgeon']);
  });
}

test('by hand means by hand', async ({ page }) => {
  attributes = 'data-manual';
  await page.goto(`${home}/`);
  await page.evaluate(() => history.pushState({}, '', '/b'));
  await quiet(page);
  expect(requests).toEqual([]);
  await say(page, 'page', { section: 'b' });
  await until(() => views().length === 1);
  expect(views()[0]?.properties).toEqual({ section: 'b' });
});

test('the page works on where storage is refused and calls are nonsense', async ({ page }) => {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.addInitScript(() => {
    for (const area of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, area, {
        get: () => {
          throw new DOMException('refused', 'SecurityError');
        },
      });
    }
  });
  await page.goto(`${home}/?utm_source=x`);
  await say(page, 'nonsense', 1);
  await say(page);
  await say(page, 'identify');
  await say(page, 'event', 'still_here');
  await until(() => named('still_here').length === 1);
  expect(errors).toEqual([]);
});

test('a script that stands on the page twice counts once', async ({ page }) => {
  head = `<script defer src="${target}/burgeon.js" data-key="wk_test"></script>`;
  await page.goto(`${home}/`);
  await until(() => views().length === 1);
  await quiet(page);
  expect(views()).toHaveLength(1);
});
