import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { open, PAGES, problems, settled } from './events';
import { demo } from './global';

for (const [path, figures] of PAGES)
  test(`${path} shows figures without a fault`, async ({ page }) => {
    const found = problems(page);
    await open(page, path);
    await expect(page.locator(figures).first()).toBeVisible();
    await settled(page);
    const text = await page.locator('main').innerText();
    expect(text).not.toContain('NaN');
    expect(text).not.toMatch(/\b(undefined|\[object)/);
    expect(found).toEqual([]);
  });

test('the rail groups the pages, and keys go to them', async ({ page }) => {
  await open(page, '/');
  const rail = page.getByRole('navigation', { name: 'Pages' });
  for (const name of ['Live', 'Traffic', 'Activity', 'Funnels', 'User retention', 'Paths', 'Customer retention', 'People', 'Events']) await expect(rail.getByRole('link', { name, exact: true })).toBeVisible();
  for (const [letter, address] of [['f', /\/funnels/], ['b', /\/user-retention/], ['h', /\/paths/], ['a', /\/traffic/], ['u', /\/product/], ['l', /\/live/], ['e', /\/events/], ['o', /\/persons/]] as const) {
    await page.keyboard.press('g');
    await page.keyboard.press(letter);
    await expect(page).toHaveURL(address);
    await expect(page.locator('main h1').first()).toBeVisible();
  }
});

test('Russian and Chinese have all words', async ({ page }) => {
  await open(page, '/funnels');
  await page.getByRole('button', { name: 'Language' }).click();
  await page.getByRole('menuitem', { name: 'Русский' }).click();
  await expect(page.getByRole('heading', { name: 'Воронки' })).toBeVisible();
  await open(page, '/user-retention');
  await expect(page.getByRole('heading', { name: 'Возвращаемость' })).toBeVisible();
  await page.getByRole('button', { name: 'Язык' }).click();
  await page.getByRole('menuitem', { name: '中文' }).click();
  await expect(page.getByRole('heading', { name: '用户留存' })).toBeVisible();
});

test('a phone: nothing overflows', async ({ page }) => {
  test.setTimeout(300_000);
  await page.setViewportSize({ width: 390, height: 844 });
  for (const [path, figures] of PAGES) {
    await open(page, path);
    await expect(page.locator(figures).first()).toBeVisible();
    await settled(page);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(over, path).toBeLessThanOrEqual(0);
  }
});

for (const scheme of ['light', 'dark'] as const)
  test(`no accessibility faults in ${scheme}`, async ({ page }) => {
    test.setTimeout(600_000);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    const more: [string, string][] = [['/funnels?range=90d&by=channel', '.funnel-bar'], ['/funnels?range=90d&people=step%3D1', '.side table.data tbody tr'], ['/user-retention?range=90d&by=channel', '.heat tbody tr'], ['/product?range=90d&open=mau&tab=people', '.side table.data tbody tr']];
    const { persons } = (await (await page.request.get(`${demo()}/api/v1/persons?limit=50`)).json()) as { persons: { person_id: string; customer_id: string | null }[] };
    const person = persons.find((p) => p.customer_id);
    if (person) more.push([`/persons/${encodeURIComponent(person.person_id)}`, '.sitting'], [`/customers/${person.customer_id}`, '.event-line, table.data tbody tr']);
    for (const [path, figures] of [...PAGES, ...more]) {
      await open(page, path);
      await expect(page.locator(figures).first()).toBeVisible();
      await settled(page);
      const found = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa']).analyze();
      expect(found.violations.map((v) => `${path} ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(' | ')}`)).toEqual([]);
    }
  });
