// Takes the picture of the README from a running demo: BURGEON_URL=http://127.0.0.1:8090 node dev/screenshot.mjs
import { chromium } from '@playwright/test';

const url = process.env.BURGEON_URL ?? 'http://127.0.0.1:8090';
const out = process.argv[2] ?? '../docs/src/images/pulse.png';
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage({ viewport: { width: 1440, height: 1264 }, colorScheme: 'light', locale: 'en-US' });
await page.goto(url);
await page.waitForSelector('article[data-metric=mrr] .value', { timeout: 60_000 });
await page.waitForSelector('.what', { timeout: 60_000 }).catch(() => {});
await page.waitForFunction(() => !document.querySelector('.stale, .mantine-Skeleton-root'), null, { timeout: 60_000 });
await page.screenshot({ path: out });
await browser.close();
