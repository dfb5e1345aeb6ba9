/**
 * Official clients of other systems send to a running server, unchanged but for the host: through a proxy that answers
 * the first request with 503, with identify, alias and group; then what arrived is looked at, in the page's interface
 * while the server runs and in SQL after it was stopped.
 */
import { execFile } from 'node:child_process';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import Mixpanel from 'mixpanel';
import { Analytics as Segment } from '@segment/analytics-node';
import Rudder from '@rudderstack/rudder-sdk-node';
import { PostHog } from 'posthog-node';
import { browser } from './browser.mjs';
import { check, story } from './expect.mjs';
import { proxy } from './proxy.mjs';
import { Server } from './server.mjs';

const python = process.env.CLIENTS_PYTHON ?? 'python3';
const run = promisify(execFile);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

let server;
const looks = [];

before(async () => {
  server = await Server.start();
});

after(async () => {
  await server?.remove();
});

/** A client's story through a proxy of its own; what it left is looked at when all have told theirs. */
function client(name, tag, tell) {
  test(`${name} sends, is refused once, and sends again`, async () => {
    const between = await proxy(server.url);
    try {
      const { old, before, done, user, anonymous, former } = story(tag);
      const all = async () => {
        for (const name of [old, before, done]) await server.arrived(name);
        // A request that was refused may come again after the others, and it may be the one that says who somebody is.
        await server.joined(user, anonymous, former);
      };
      await tell({ host: between.url, key: server.key, told: story(tag) }, all);
      await all();
      assert.equal(between.refused(), 1, 'the first request was answered with 503');
      const bad = between.seen.filter((one) => one.status !== 200);
      assert.deepEqual(bad, [], 'every other request was answered with 200');
    } finally {
      await between.close();
    }
  });
  looks.push([name, tag]);
}

client('@segment/analytics-node', 'SegmentNode', async ({ host, key, told }) => {
  const analytics = new Segment({ writeKey: key, host, flushAt: 20 });
  analytics.track({ anonymousId: told.anonymous, event: told.before });
  analytics.track({ userId: told.former, event: told.old });
  analytics.identify({ anonymousId: told.anonymous, userId: told.user, traits: { email: told.email } });
  analytics.group({ userId: told.user, groupId: told.account, traits: { name: 'Acme', seats: 7 } });
  analytics.alias({ previousId: told.former, userId: told.user });
  analytics.page({ userId: told.user, name: 'Reports', properties: { url: 'https://example.com/reports' } });
  analytics.screen({ userId: told.user, name: 'Reports' });
  analytics.track({ userId: told.user, event: told.done, properties: { rows: 7, format: 'csv' } });
  await analytics.closeAndFlush();
});

client('posthog-node', 'PostHogNode', async ({ host, key, told }) => {
  const posthog = new PostHog(key, { host, flushAt: 20, fetchRetryDelay: 300 });
  posthog.capture({ distinctId: told.anonymous, event: told.before });
  posthog.capture({ distinctId: told.former, event: told.old });
  posthog.identify({ distinctId: told.user, properties: { $set: { email: told.email }, $anon_distinct_id: told.anonymous } });
  posthog.groupIdentify({ groupType: 'company', groupKey: told.account, properties: { name: 'Acme' } });
  posthog.alias({ distinctId: told.user, alias: told.former });
  posthog.capture({ distinctId: told.user, event: told.done, properties: { rows: 7, format: 'csv' }, groups: { company: told.account } });
  await posthog.shutdown();
});

client('posthog-node, version 1 of its protocol', 'PostHogNodeV1', async ({ host, key, told }) => {
  process.env.POSTHOG_CAPTURE_MODE = 'v1';
  try {
    const posthog = new PostHog(key, { host, flushAt: 20, fetchRetryDelay: 300 });
    posthog.capture({ distinctId: told.anonymous, event: told.before });
    posthog.capture({ distinctId: told.former, event: told.old });
    posthog.identify({ distinctId: told.user, properties: { $set: { email: told.email }, $anon_distinct_id: told.anonymous } });
    posthog.alias({ distinctId: told.user, alias: told.former });
    posthog.capture({ distinctId: told.user, event: told.done, properties: { rows: 7, format: 'csv' }, groups: { company: told.account } });
    await posthog.shutdown();
  } finally {
    delete process.env.POSTHOG_CAPTURE_MODE;
  }
});

client('@rudderstack/rudder-sdk-node', 'RudderNode', async ({ host, key, told }) => {
  const rudder = new Rudder(key, { dataPlaneUrl: host, flushAt: 20 });
  rudder.track({ anonymousId: told.anonymous, event: told.before });
  rudder.track({ userId: told.former, event: told.old });
  rudder.identify({ anonymousId: told.anonymous, userId: told.user, traits: { email: told.email } });
  rudder.group({ userId: told.user, groupId: told.account, traits: { name: 'Acme' } });
  rudder.alias({ previousId: told.former, userId: told.user });
  rudder.track({ userId: told.user, event: told.done, properties: { rows: 7, format: 'csv' } });
  await rudder.flush();
  await pause(100);
});

for (const [name, tag] of [['segment-analytics-python', 'SegmentPython'], ['posthog', 'PostHogPython'], ['rudder-sdk-python', 'RudderPython']]) {
  client(`${name} (PyPI)`, tag, async ({ host, key, told }) => {
    await run(python, ['clients.py', name, host, key, JSON.stringify(told)], { cwd: import.meta.dirname, timeout: 120_000 });
  });
}

client('posthog-js in Chromium', 'PostHogBrowser', (settings, all) => browser('posthog', settings, all));

client('@segment/analytics-next in Chromium', 'SegmentBrowser', (settings, all) => browser('segment', settings, all));

test('plausible-tracker in Chromium counts a page and an event', async () => {
  // This client has no identities and sends nothing again, so that there is nothing to refuse.
  const told = story('Plausible');
  await browser('plausible', { host: server.url, key: server.key, told }, () => server.arrived(told.done));
});

test('mixpanel for Node is told that all is well', async () => {
  // This client sends nothing again either: it hands the failure to whoever called.
  const told = story('MixpanelNode');
  const mixpanel = Mixpanel.init(server.key, { host: new URL(server.url).host, protocol: 'http' });
  const call = (send) => new Promise((done, fail) => send((error) => (error ? fail(error) : done())));
  await call((answer) => mixpanel.track(told.done, { distinct_id: told.user, rows: 7, format: 'csv' }, answer));
  await call((answer) => mixpanel.people.set(told.user, { $email: told.email }, answer));
  await server.arrived(told.done);
});

test('a key that was made while the server runs is good, and a revoked one is not', async () => {
  const key = (await server.burgeon('keys', 'create', 'late')).trim();
  const send = (id) =>
    fetch(`${server.url}/v1/track`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` },
      body: JSON.stringify({ messageId: id, userId: 'late-user', event: 'Late', timestamp: new Date().toISOString() }),
    });
  assert.equal((await send('late-1')).status, 200);
  await server.burgeon('keys', 'revoke', key);
  let status = 200;
  for (let turn = 0; turn < 50 && status === 200; turn++) {
    await pause(100);
    status = (await send('late-1')).status;
  }
  assert.equal(status, 401);
});

test('the same events are there after the server was stopped', async (t) => {
  await server.stop();
  for (const [name, tag] of looks) {
    await t.test(name, () => check(server, tag));
  }
  const persons = await server.sql("SELECT email FROM persons WHERE distinct_id = 'MixpanelNode-user'");
  assert.deepEqual(persons, [{ email: 'MixpanelNode@example.com' }]);
  const [{ visits }] = await server.sql("SELECT count(*) AS visits FROM events WHERE event = 'page_view' AND host = 'plausible.example'");
  assert.equal(visits, 1);
  const rejects = await server.sql('SELECT reason, bytes FROM rejects');
  assert.deepEqual(rejects, []);
});
