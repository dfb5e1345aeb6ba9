/** What the specs of events share: the server to ask, and how a page is opened on it. */
import { expect, test, type Page } from '@playwright/test';
import { start, type Server } from './server';

let server: Server;

/** A page that is already served (BURGEON_URL) is taken as it is; otherwise the demo company is made for the run. */
export function withDemo(): void {
  test.beforeAll(async () => {
    test.setTimeout(300_000);
    server = process.env.BURGEON_URL ? { url: process.env.BURGEON_URL, stop: async () => {} } : await start((listen) => ['demo', '--customers', '2000', '--seed', '7', '--listen', listen, '--live', 'off']);
  });
  test.afterAll(async () => server?.stop());
}

export const url = (): string => server.url;

export const open = async (page: Page, path: string): Promise<void> => {
  await page.goto(server.url + path);
  await expect(page.locator('main h1').first()).toBeVisible();
};

/** Figures have come and none is being computed anew. */
export const settled = async (page: Page): Promise<void> => {
  await expect(page.locator('.mantine-Skeleton-root')).toHaveCount(0);
  await expect(page.locator('.stale')).toHaveCount(0);
};

/** What went wrong while a page was open. */
export function problems(page: Page): string[] {
  const found: string[] = [];
  page.on('pageerror', (e) => found.push(e.message));
  page.on('console', (m) => m.type() === 'error' && found.push(m.text()));
  return found;
}

/** Every page of events, with what shows that it has figures. */
export const PAGES: [string, string][] = [
  ['/live', '.live-value'], ['/traffic?range=90d', '.top-list li'], ['/product?range=90d', '.top-list li'], ['/funnels?range=90d', '[data-funnel] .funnel-bar'], ['/user-retention?range=90d', '.heat tbody tr'],
  ['/paths?range=90d', '.flow-node'], ['/events?range=30d', 'table[data-events] tbody tr'], ['/events?view=meanings', '[data-meaning]'], ['/events?view=keys', '[data-snippet]'], ['/persons', 'table.data tbody tr'],
];
