/** A page of another site in Chromium, with one of the browser clients on it. */
import { createServer } from 'node:http';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const bundles = new Map();

/** The script of the page: the client as npm has it, and its story. */
async function bundle(client) {
  if (!bundles.has(client)) {
    const built = await build({
      entryPoints: [new URL(`pages/${client}.mjs`, import.meta.url).pathname],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      define: { 'process.env.NODE_ENV': '"production"' },
      logLevel: 'error',
    });
    bundles.set(client, built.outputFiles[0].text);
  }
  return bundles.get(client);
}

/** Opens a page with the client on it and keeps it open until `until` is done. */
export async function browser(client, settings, until) {
  const script = await bundle(client);
  const page = `<!doctype html><meta charset="utf-8"><title>Shop</title><script>window.settings = ${JSON.stringify(settings)}</script><script type="module" src="/page.js"></script>`;
  const site = createServer((request, response) => {
    const js = request.url === '/page.js';
    response.writeHead(200, { 'content-type': js ? 'text/javascript' : 'text/html' });
    response.end(js ? script : page);
  });
  await new Promise((done) => site.listen(0, '127.0.0.1', done));
  const window = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // Clients send nothing for browsers that say they are driven by a program.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-blink-features=AutomationControlled'],
  });
  const said = [];
  try {
    const userAgent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${window.version()} Safari/537.36`;
    const tab = await (await window.newContext({ userAgent })).newPage();
    tab.on('console', (line) => said.push(line.text()));
    tab.on('pageerror', (error) => said.push(String(error)));
    tab.on('requestfailed', (request) => said.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`));
    // Another site than the server's, so that the browser asks it whether it may send there.
    await tab.goto(`http://localhost:${site.address().port}/shop?utm_source=news&utm_medium=email`);
    await until();
  } catch (error) {
    throw new Error(`${error.message}\nthe page said:\n${said.join('\n')}`);
  } finally {
    await window.close();
    site.closeAllConnections();
    await new Promise((done) => site.close(done));
  }
}
