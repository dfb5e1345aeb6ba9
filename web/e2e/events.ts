/** What the specs of events share: how a page is opened, and which pages there are. */
import { expect, type Page } from '@playwright/test';
import { demo } from './global';

export const open = async (page: Page, path: string): Promise<void> => {
  await page.goto(demo() + path);
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
