import { expect, test } from '@playwright/test';
import { start, type Server } from './server';

let server: Server;
test.skip(Boolean(process.env.BURGEON_URL), 'needs a server of its own');
test.beforeAll(async () => {
  test.setTimeout(120_000);
  server = await start((listen) => ['serve', '--listen', listen], { BURGEON_TOKEN: 'a-token-for-this-test-only' });
});
test.afterAll(async () => server?.stop());

test('the page asks for the token, refuses a wrong one and lets the right one in', async ({ page }) => {
  await page.goto(server.url);
  const prompt = page.getByRole('dialog', { name: 'This workspace needs a token' });
  await expect(prompt).toBeVisible();
  await prompt.getByLabel('Token', { exact: true }).fill('wrong');
  await prompt.getByRole('button', { name: 'Enter' }).click();
  await expect(prompt).toContainText('That is not the token.');
  await prompt.getByLabel('Token', { exact: true }).fill('a-token-for-this-test-only');
  await prompt.getByRole('button', { name: 'Enter' }).click();
  await expect(prompt).toBeHidden();
  await expect(page.getByText('No subscriptions yet')).toBeVisible();
});
