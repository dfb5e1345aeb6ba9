import { expect, test } from '@playwright/test';
import { open } from './events';
import { demo } from './global';

// It sends and deletes: only on a company made for the run.
test.skip(Boolean(process.env.BURGEON_URL), 'needs a server of its own');

test('a key is created, events sent with it arrive on the open page, and a revoked key is refused', async ({ page, request }) => {
  await open(page, '/events?view=keys');
  await page.getByRole('textbox', { name: 'Name of the key' }).fill('e2e');
  await page.getByRole('button', { name: 'Create a key' }).click();
  const key = (await page.locator('.whole-key').innerText()).trim();
  expect(key).toMatch(/^wk_/);
  await page.getByRole('combobox', { name: 'Client' }).click();
  await page.getByRole('option', { name: 'PostHog · browser' }).click();
  await expect(page.locator('[data-snippet=posthog-js] pre')).toContainText(demo());

  await open(page, '/live');
  await expect(page.locator('[data-live=live], .live-value').first()).toBeVisible();
  const name = `e2e_${Date.now()}`;
  const batch = { writeKey: key, sentAt: new Date().toISOString(), batch: [{ type: 'track', messageId: name, userId: 'e2e-person', event: name, timestamp: new Date().toISOString(), properties: { colour: 'green' } }] };
  const answer = await request.post(`${demo()}/v1/batch`, { data: batch, headers: { authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` } });
  expect(answer.status()).toBe(200);
  await expect(page.locator('.event-line', { hasText: name.replaceAll('_', ' ') })).toBeVisible({ timeout: 20_000 });

  // The same message again is kept once.
  expect((await request.post(`${demo()}/v1/batch`, { data: batch })).status()).toBe(200);
  const seen = (await (await request.get(`${demo()}/api/v1/events/recent?event=${name}`)).json()) as { events: unknown[] };
  expect(seen.events).toHaveLength(1);

  await open(page, '/persons/e2e-person');
  await expect(page.locator('.run').first()).toContainText(name.replaceAll('_', ' '), { ignoreCase: true });

  await open(page, '/events?view=keys');
  await page.getByRole('row', { name: /^e2e/ }).getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog', { name: /Revoke the key e2e/ }).getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByRole('row', { name: /^e2e/ })).toContainText('revoked');
  expect((await request.post(`${demo()}/v1/batch`, { data: batch })).status()).toBe(401);
});

test('a person is deleted everywhere', async ({ page, request }) => {
  await open(page, '/persons/e2e-person');
  await page.getByRole('button', { name: 'Delete' }).click();
  const asked = page.getByRole('dialog', { name: /^Delete / });
  await asked.getByRole('textbox').fill('e2e-person');
  await asked.getByRole('button', { name: 'Delete' }).click();
  await expect(asked.getByRole('status')).toContainText('Deleted everywhere');
  // Their page stays behind the answer as it was; it is not asked for again.
  await expect(page.locator('.notice.bad')).toHaveCount(0);
  expect((await request.get(`${demo()}/api/v1/persons/e2e-person`)).status()).toBe(404);
});
