import { defineConfig } from '@playwright/test';

/** Against `burgeon demo`: the program named by BURGEON_BIN, on Debian's Chromium. */
export default defineConfig({
  testDir: 'e2e',
  globalSetup: './e2e/global.ts',
  // The tests' own build of the program is not optimised, and a busy machine is slower still.
  timeout: 180_000,
  expect: { timeout: 45_000 },
  workers: 1,
  retries: 0,
  reporter: [['list']],
  use: {
    viewport: { width: 1440, height: 900 },
    locale: 'en-US',
    timezoneId: 'UTC',
    trace: 'off',
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] },
  },
});
