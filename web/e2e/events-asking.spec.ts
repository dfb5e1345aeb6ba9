import { expect, test } from '@playwright/test';
import { open, settled } from './events';
import { demo } from './global';

test('a funnel is built by clicking, and each bar opens its people', async ({ page }) => {
  await open(page, '/funnels?range=90d');
  const bars = page.locator('[data-funnel] .funnel-bar');
  await expect(bars.first()).toBeVisible();
  const steps = await bars.count();
  await page.getByRole('button', { name: 'Add a step' }).click();
  const fresh = page.getByRole('group', { name: `Step ${steps + 1}` });
  await fresh.getByRole('combobox').click();
  await page.getByRole('option', { name: 'page view' }).first().click();
  await expect(page).toHaveURL(/step=.*step=.*step=page_view/);
  await expect(bars).toHaveCount(steps + 1);
  await page.getByText('Any order', { exact: true }).click();
  await expect(page).toHaveURL(/mode=any/);
  await page.getByRole('button', { name: `Remove: Step ${steps + 1}` }).click();
  await expect(bars).toHaveCount(steps);
  await settled(page);
  const label = (await bars.nth(1).getAttribute('aria-label')) ?? '';
  const people = label.match(/: ([\d,]+) people/)?.[1];
  await bars.nth(1).click();
  await expect(page).toHaveURL(/people=step%3D2/);
  const panel = page.getByRole('dialog', { name: /^People:/ });
  await expect(panel).toContainText(`${people} p`);
  // The link shows another person the same list.
  await page.reload();
  await expect(panel).toContainText(`${people} p`);
  await panel.locator('tbody a').first().click();
  await expect(page).toHaveURL(/\/persons\//);
  await expect(page.getByRole('heading', { name: 'Timeline' })).toBeVisible();
});

test('those who left are as many as the step lost', async ({ page }) => {
  await open(page, '/funnels?range=90d&compare=none');
  const lost = page.locator('.funnel-drop .link').first();
  await expect(lost).toBeVisible();
  const n = (await lost.innerText()).match(/[\d,]+/)![0];
  await lost.click();
  await expect(page.getByRole('dialog', { name: /^People:/ })).toContainText(`${n} p`);
});

test('a funnel is divided, compared, shown as a table and saved as a file', async ({ page }) => {
  await open(page, '/funnels?range=90d');
  await expect(page.locator('.funnel-old').first()).toBeAttached();
  await page.locator('main').getByRole('combobox', { name: 'Break down' }).click();
  await page.getByRole('option', { name: 'Channel' }).click();
  await expect(page).toHaveURL(/by=channel/);
  await expect(page.locator('.funnel-group').first()).toBeVisible();
  const funnel = page.getByRole('region', { name: /^Funnel:/ });
  await funnel.getByRole('button', { name: 'Show as a table' }).click();
  await expect(funnel.locator('table.figures thead')).toContainText('Channel');
  await funnel.getByRole('button', { name: /^Export/ }).click();
  const csv = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: 'Download CSV' }).click();
  const file = await csv;
  expect(file.suggestedFilename()).toMatch(/\.csv$/);
  const text = await (await file.createReadStream()).toArray().then((parts) => Buffer.concat(parts as Buffer[]).toString());
  expect(text.split('\r\n')[0]).toBe('step,channel,people,conversion,step_conversion,median_seconds');
  await funnel.getByRole('button', { name: /^Export/ }).click();
  const xlsx = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: 'Download Excel' }).click();
  expect((await xlsx).suggestedFilename()).toMatch(/\.xlsx$/);
});

test('retention follows the question, and a cell opens its people', async ({ page }) => {
  await open(page, '/user-retention?range=90d&grain=week');
  const cell = page.locator('.heat tbody tr').nth(1).locator('td button').nth(1);
  await expect(cell).toBeVisible();
  const people = (await cell.getAttribute('title'))!.match(/\(([\d,]+)\)$/)![1];
  await cell.click();
  const panel = page.getByRole('dialog', { name: /^People:/ });
  await expect(panel).toContainText(people === '0' ? 'Nobody' : `${people} p`);
  await panel.getByRole('button', { name: 'Close' }).click();
  await expect(page).not.toHaveURL(/people=/);
  await page.getByText('Then or later', { exact: true }).click();
  await expect(page).toHaveURL(/count=unbounded/);
  await settled(page);
  // Who came back then or later never grows with age.
  const shares = await page.locator('.heat tbody tr').first().locator('td button').allInnerTexts();
  const numbers = shares.map((s) => Number(s.replace('%', '')));
  for (let i = 1; i < numbers.length; i++) expect(numbers[i]!).toBeLessThanOrEqual(numbers[i - 1]! + 1e-9);
});

test('paths lead on and back', async ({ page }) => {
  await open(page, '/paths?range=90d');
  const node = page.locator('.flow-node').first();
  await expect(node).toBeVisible();
  const number = (text: string | null | undefined) => Number(text?.replaceAll(',', ''));
  const visits = number((await node.getAttribute('aria-label'))!.match(/, ([\d,]+) visits/)![1]);
  await node.click();
  const listed = page.getByRole('dialog', { name: /^People:/ }).locator('.rows-sum');
  await expect(listed).toContainText(/[\d,]+ p/);
  // Nobody makes less than one visit.
  expect(number((await listed.innerText()).match(/[\d,]+/)![0])).toBeGreaterThan(0);
  expect(number((await listed.innerText()).match(/[\d,]+/)![0])).toBeLessThanOrEqual(visits);
  await page.getByRole('dialog', { name: /^People:/ }).getByRole('button', { name: 'Close' }).click();
  await page.getByText('What came before', { exact: true }).click();
  await expect(page).toHaveURL(/end=/);
  await expect(page.getByRole('heading', { name: /^Before / })).toBeVisible();
});

test('a click on a source filters the whole page, its number opens the people', async ({ page }) => {
  await open(page, '/traffic?range=90d&compare=none');
  const top = page.locator('[data-tops=channel] li').first();
  await expect(top).toBeVisible();
  const n = (await top.locator('.top-value').innerText()).trim();
  await top.locator('.top-value').click();
  await expect(page.getByRole('dialog', { name: /^People:/ })).toContainText(`${n} p`);
  await page.keyboard.press('Escape');
  await top.locator('button.top-name').click();
  await expect(page).toHaveURL(/where=channel:/);
  await expect(page.locator('.chip')).toHaveCount(1);
  await settled(page);
  await expect(page.locator('[data-tops=channel] li')).toHaveCount(1);
  await page.locator('[data-tops=channel] li button.top-name').click();
  await expect(page).not.toHaveURL(/where=/);
});

test('a segment is saved, used, compared with and deleted', async ({ page }) => {
  const name = `e2e ${Date.now()}`;
  await open(page, '/traffic?range=90d&where=device:mobile');
  await page.locator('[data-segments]').click();
  const box = page.getByRole('dialog', { name: 'Segment' });
  await box.getByRole('textbox', { name: 'Name of the segment' }).fill(name);
  await box.getByRole('button', { name: 'Save the segment' }).click();
  await expect(page.locator('[data-segments]')).toHaveText(name);
  await open(page, '/product?range=90d');
  await page.locator('[data-segments]').click();
  await box.getByRole('button', { name: `Compare with ${name}` }).click();
  await expect(page).toHaveURL(/versus=device:mobile/);
  await expect(page.locator('[data-compare=segment]')).toHaveCount(1);
  await expect(page.locator('.card-change .when').first()).toContainText(name);
  await box.getByRole('button', { name: `Delete the segment ${name}` }).click();
  await expect(box.getByText(name)).toHaveCount(0);
});

test('a view is saved under a name and found again', async ({ page }) => {
  const name = `e2e view ${Date.now()}`;
  await open(page, '/user-retention?range=90d&count=unbounded');
  await page.locator('[data-saved-views]').click();
  const box = page.getByRole('dialog', { name: 'Saved views' });
  await box.getByRole('textbox', { name: 'Name of the view' }).fill(name);
  await box.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.locator('[data-saved-views]')).toHaveText(name);
  await open(page, '/');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: /Metrics, customers/ }).fill(name);
  await expect(page.getByRole('option', { name, selected: true })).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/user-retention.*count=unbounded/);
  await expect(page.locator('[data-palette]')).toHaveCount(0);
  await expect(page.locator('[data-saved-views]')).toHaveText(name);
  await page.locator('[data-saved-views]').click();
  await box.getByRole('button', { name: `Delete the view ${name}` }).click();
  await expect(page.locator('[data-saved-views]')).toHaveText('Saved views');
});

test('the rule of who is active is changed and taken back', async ({ page }) => {
  await open(page, '/product?range=90d');
  const rule = page.locator('[data-active-rule]');
  const before = await rule.locator('.rule-words').innerText();
  await rule.getByRole('button', { name: 'Change the rule' }).click();
  await rule.getByRole('spinbutton', { name: 'At least, times' }).fill('3');
  await rule.getByRole('button', { name: 'Save' }).click();
  await expect(rule.locator('.rule-words')).toContainText('at least 3 times');
  await rule.getByRole('button', { name: 'Change the rule' }).click();
  await rule.getByRole('button', { name: 'As usual again' }).click();
  await expect(rule.locator('.rule-words')).toHaveText(before.replace(/\n/g, ''));
});

test('a person is searched and opened; their customer knows them', async ({ page }) => {
  const answer = (await (await page.request.get(`${demo()}/api/v1/persons?limit=50`)).json()) as { persons: { person_id: string; name: string | null; customer_id: string | null }[] };
  const person = answer.persons.find((p) => p.name && p.customer_id);
  expect(person, 'somebody of a customer was seen lately').toBeTruthy();
  await open(page, '/persons');
  await page.getByRole('searchbox').fill(person!.name!);
  await expect(page).toHaveURL(/q=/);
  await page.locator('table.data tbody').getByRole('link', { name: person!.name! }).first().click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText(person!.name!);
  await expect(page.locator('.sitting').first()).toBeVisible();
  await page.locator('dl.facts a').first().click();
  await expect(page).toHaveURL(/\/customers\//);
  await expect(page.getByRole('region', { name: 'People' })).toContainText(person!.name!);
});

test('an event tells its properties and leads on', async ({ page }) => {
  await open(page, '/events?range=30d');
  const row = page.locator('table[data-events] tbody tr').first();
  await row.locator('th button').click();
  await expect(page).toHaveURL(/event=/);
  const panel = page.getByRole('dialog', { name: /: what arrives$/ });
  await expect(panel.getByRole('region', { name: 'Latest' }).locator('.event-line').first()).toBeVisible();
  await panel.getByRole('link', { name: 'Paths' }).click();
  await expect(page).toHaveURL(/\/paths\?.*start=/);
  await expect(page.locator('.flow-node').first()).toBeVisible();
});

test('a filter on what people did narrows the funnel, and is saved as a segment', async ({ page }) => {
  const name = `e2e did ${Date.now()}`;
  await open(page, '/funnels?range=90d&compare=none');
  const first = page.locator('[data-funnel] .funnel-bar').first();
  const people = async () => Number((await first.getAttribute('aria-label'))!.match(/: ([\d,]+) people/)![1]!.replaceAll(',', ''));
  await expect(first).toBeVisible();
  const everybody = await people();
  await page.locator('[data-add-filter]').click();
  await page.getByRole('combobox', { name: 'Dimension' }).click();
  await page.getByRole('option', { name: 'Did an event' }).click();
  await page.getByRole('combobox', { name: 'Events', exact: true }).click();
  await page.getByRole('option', { name: 'Signup', exact: true }).click();
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page).toHaveURL(/where=did:signup/);
  await expect(page.locator('.chip')).toContainText('Did Signup');
  await settled(page);
  await expect.poll(people).toBeLessThan(everybody);
  await page.locator('[data-segments]').click();
  const box = page.getByRole('dialog', { name: 'Segment' });
  await box.getByRole('textbox', { name: 'Name of the segment' }).fill(name);
  await box.getByRole('button', { name: 'Save the segment' }).click();
  await expect(page.locator('[data-segments]')).toHaveText(name);
  await box.getByRole('button', { name: `Delete the segment ${name}` }).click();
  await expect(box.getByText(name)).toHaveCount(0);
  // Figures of metrics follow it too.
  const asked = page.waitForResponse((r) => r.url().includes('/api/v1/query') && decodeURIComponent(r.url()).includes('where=did:signup'));
  await open(page, '/traffic?range=90d&where=did:signup');
  expect((await asked).status()).toBe(200);
});

test('a funnel ends with a step of the ledger', async ({ page }) => {
  await open(page, '/funnels?range=90d&step=signup&step=fact:first_payment&compare=none');
  await expect(page.locator('[data-funnel] .funnel-head').nth(1)).toContainText('First payment');
  await page.getByRole('button', { name: 'Add a step' }).click();
  await page.getByRole('group', { name: 'Step 3' }).getByRole('combobox').click();
  await page.getByRole('option', { name: 'Renewal', exact: true }).click();
  await expect(page).toHaveURL(/step=fact:renewal/);
  await expect(page.locator('[data-funnel] .funnel-bar')).toHaveCount(3);
});

test('the lifecycle stands beside the range before it', async ({ page }) => {
  await open(page, '/product?range=90d');
  const life = page.getByRole('region', { name: 'Lifecycle' });
  await life.getByRole('button', { name: 'Show as a table' }).click();
  await expect(life.locator('table.figures thead')).toContainText('New, compared');
});
