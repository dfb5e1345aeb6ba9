import AxeBuilder from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { demo } from './global';

const open = async (page: Page, path: string) => {
  await page.goto(demo() + path);
  await expect(page.locator('main')).toBeVisible();
};
const card = (page: Page, metric: string) => page.locator(`article[data-metric=${metric}]`);

test('Pulse shows every figure and what changed', async ({ page }) => {
  const problems: string[] = [];
  page.on('pageerror', (e) => problems.push(e.message));
  page.on('console', (m) => m.type() === 'error' && problems.push(m.text()));
  await open(page, '/');
  for (const metric of ['mrr', 'customers', 'nrr', 'customer_churn_rate']) {
    await expect(card(page, metric)).toBeVisible();
    await expect(card(page, metric).locator('.value')).not.toHaveText('–');
    await expect(card(page, metric)).not.toContainText('NaN');
  }
  await expect(page.getByRole('heading', { name: 'What changed' })).toBeVisible();
  await expect(page.locator('.what').first()).toBeVisible();
  await expect(page.locator('[data-live]').first()).toHaveAttribute('data-live', 'live');
  expect(problems).toEqual([]);
});

test('the range, grain, comparison and filters are in the address, and back goes back', async ({ page }) => {
  await open(page, '/revenue');
  await page.locator('button[data-range]').click();
  await page.getByRole('menuitem', { name: '90 days' }).click();
  await expect(page).toHaveURL(/range=90d/);
  await expect(page.locator('button[data-range=\'90d\']')).toBeVisible();
  await page.getByRole('button', { name: 'Earlier', exact: true }).click();
  await expect(page).toHaveURL(/from=\d{4}-\d\d-\d\d&to=/);
  await page.goBack();
  await expect(page).toHaveURL(/range=90d/);
  await page.keyboard.press('c');
  await expect(page).toHaveURL(/compare=year_ago/);
  await open(page, '/?where=plan:Pro&currency=EUR');
  await expect(page.locator('.chip')).toContainText('Pro');
  await page.locator('.chip button').last().click();
  await expect(page).not.toHaveURL(/where=/);
});

test('a figure opens down to the source record', async ({ page }) => {
  await open(page, '/');
  await card(page, 'mrr').getByRole('button').click();
  const panel = page.getByRole('dialog', { name: /MRR/ });
  await expect(panel).toBeVisible();
  await expect(page).toHaveURL(/open=mrr/);
  await expect(panel.locator('.sentences li').first()).toContainText('MRR');
  await panel.getByRole('tab', { name: 'Definition' }).click();
  await expect(panel.locator('.lineage')).toBeVisible();
  await panel.getByRole('tab', { name: 'Rows' }).click();
  await expect(panel.locator('table.data tbody tr').first()).toBeVisible();
  await panel.getByRole('link', { name: 'Open the record' }).first().click();
  await expect(page).toHaveURL(/\/records\/subscription_changes\//);
  await expect(page.getByRole('region', { name: 'Fields' })).toContainText('customer_id');
  await page.locator('dd a').first().click();
  await expect(page).toHaveURL(/\/customers\//);
  await expect(page.getByRole('heading', { name: 'Timeline' })).toBeVisible();
});

test('customers are searched, sorted and opened', async ({ page }) => {
  await open(page, '/customers');
  const rows = page.locator('table.data tbody tr');
  await expect(rows.first()).toBeVisible();
  const name = (await rows.nth(3).getByRole('link').first().innerText()).trim();
  await page.getByRole('searchbox').fill(name);
  await expect(page).toHaveURL(/q=/);
  await expect(rows.first()).toContainText(name);
  await page.getByRole('searchbox').fill('');
  await page.getByRole('button', { name: 'Since' }).click();
  await expect(page).toHaveURL(/sort=since/);
  await rows.first().getByRole('link').first().click();
  await expect(page.getByRole('heading', { name: 'Subscriptions' })).toBeVisible();
});

test('retention shows cohorts by customers and by revenue', async ({ page }) => {
  await open(page, '/retention');
  await expect(page.locator('.heat tbody tr').first()).toContainText('%');
  await page.getByText('Revenue', { exact: true }).last().click();
  await expect(page).toHaveURL(/view=revenue/);
  await expect(page.locator('.heat tbody tr').first()).toContainText('%');
});

test('a metric page has chart, table, break-down, definition and exports', async ({ page }) => {
  await open(page, '/metrics/mrr');
  await expect(page.locator('[data-chart][data-ready]').first()).toBeVisible();
  await page.keyboard.press('b');
  await page.getByRole('menuitem', { name: 'Plan', exact: true }).click();
  await expect(page).toHaveURL(/by=plan/);
  await expect(page.locator('.legend').first()).toBeVisible();
  await page.getByRole('button', { name: 'Show as a table' }).first().click();
  await expect(page.locator('table.figures').first()).toBeVisible();
  await page.getByRole('button', { name: /^Export/ }).first().click();
  const csv = await page.getByRole('menuitem', { name: 'Download CSV' }).getAttribute('href');
  const text = await (await page.request.get(demo() + csv)).text();
  expect(text.split('\n')[0]).toContain('period,plan,mrr');
  const xlsx = await page.getByRole('menuitem', { name: 'Download Excel' }).getAttribute('href');
  expect((await page.request.get(demo() + xlsx)).status()).toBe(200);
  const download = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: /PNG/ }).click();
  expect((await download).suggestedFilename()).toMatch(/\.png$/);
});

test('a file is previewed and imported in the page, and its bad row is kept', async ({ page }) => {
  await open(page, '/data');
  const csv = 'customer_id,subscription_id,effective_at,status,amount,currency,interval\ne2e-1,s1,2026-11-01,active,100.00,USD,month\ne2e-2,s2,2026-11-02,active,50.00,USD,month\ne2e-3,s3,not a date,active,50.00,USD,month\n';
  await page.locator('input[type=file]').setInputFiles({ name: 'small.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) });
  const preview = page.locator('[data-import-preview]');
  await expect(preview.locator('table.mapping tbody tr').first()).toBeVisible();
  await expect(preview).toContainText('1 row would be rejected');
  await preview.locator('[data-import-start]').click();
  await expect(page.locator('[data-import-state=done]')).toBeVisible({ timeout: 30_000 });
  await expect(page.locator('[data-import-state=done]')).toContainText('Taken');
  await expect(page.getByRole('region', { name: 'Rejected rows' })).toContainText('small.csv');
  await open(page, '/customers/e2e-1');
  await expect(page.locator('.facts')).toContainText('$100.00');
});

test('figures change without a reload when records arrive', async ({ page }) => {
  await open(page, '/');
  const value = card(page, 'mrr').locator('.value');
  await expect(value).toBeVisible();
  await expect(page.locator('[data-live=live]').first()).toBeVisible();
  const before = await value.getAttribute('aria-label');
  const answer = await page.request.post(`${demo()}/api/v1/records/subscription_changes`, {
    data: [{ customer_id: `live-${Date.now()}`, subscription_id: 'l1', effective_at: '2026-11-19T00:00:00Z', status: 'active', amount: '123456.00', currency: 'USD', interval: 'month' }],
  });
  expect(answer.ok()).toBe(true);
  await expect.poll(() => value.getAttribute('aria-label'), { timeout: 15_000 }).not.toBe(before);
});

test('the palette and the keys', async ({ page }) => {
  await open(page, '/');
  await expect(card(page, 'mrr')).toBeVisible();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: /Metrics, customers/ }).fill('quick');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/metrics\/quick_ratio/);
  await expect(page.locator('[data-palette]')).toHaveCount(0);
  await page.keyboard.press('g');
  await page.keyboard.press('c');
  await expect(page).toHaveURL(/\/customers/);
  await page.keyboard.press('g');
  await page.keyboard.press('p');
  await expect(page.locator('[data-page=pulse]')).toBeVisible();
  await page.keyboard.press('[');
  await expect(page).toHaveURL(/from=/);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
});

test('English, Russian and Chinese', async ({ page }) => {
  await open(page, '/');
  await page.getByRole('button', { name: 'Language' }).click();
  await page.getByRole('menuitem', { name: 'Русский' }).click();
  await expect(page.getByRole('heading', { name: 'Что изменилось' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Что изменилось' })).toBeVisible();
  await page.getByRole('button', { name: 'Язык' }).click();
  await page.getByRole('menuitem', { name: '中文' }).click();
  await expect(page.getByRole('link', { name: '概览' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN');
});

test('dark is kept', async ({ page }) => {
  await open(page, '/');
  await expect(card(page, 'mrr')).toBeVisible();
  await page.keyboard.press('d');
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark');
});

test('a phone: the rail folds, the bar is one button, nothing overflows', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of ['/', '/revenue', '/retention', '/customers', '/metrics/mrr', '/definitions', '/data', '/settings']) {
    await open(page, path);
    await page.waitForLoadState('networkidle').catch(() => {});
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(over, path).toBeLessThanOrEqual(0);
  }
  await open(page, '/');
  await page.locator('[data-bar-button]').click();
  await expect(page.getByRole('dialog', { name: 'Range and filters' })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Pages' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Customers' }).click();
  await expect(page).toHaveURL(/\/customers/);
});

for (const scheme of ['light', 'dark'] as const)
  test(`no accessibility faults in ${scheme}`, async ({ page }) => {
    test.setTimeout(420_000);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    for (const path of ['/', '/revenue', '/retention', '/customers', '/metrics/quick_ratio', '/definitions?metric=nrr', '/data', '/settings', '/revenue?open=mrr']) {
      await open(page, path);
      await expect(page.locator('.mantine-Skeleton-root')).toHaveCount(0);
      await expect(page.locator('.stale')).toHaveCount(0);
      const found = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa']).analyze();
      expect(found.violations.map((v) => `${path} ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(' | ')}`)).toEqual([]);
    }
  });
