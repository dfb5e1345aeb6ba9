/** What each client's story must have left, whatever its protocol. */
import assert from 'node:assert/strict';

/**
 * The story that every client tells, under names of its own (`tag`):
 * an anonymous visitor does something, is identified with a mail address, does something as a user of an account, and an
 * older identifier turns out to be the same person.
 */
export const story = (tag) => ({
  anonymous: `${tag}-anonymous`,
  user: `${tag}-user`,
  former: `${tag}-former`,
  account: `${tag}-account`,
  email: `${tag}@example.com`,
  before: `${tag} Looked Around`,
  done: `${tag} Report Created`,
  old: `${tag} Old Business`,
});

/** Looks at the stored rows of a story. The server is stopped. */
export async function check(server, tag) {
  const told = story(tag);
  const quoted = [told.before, told.done, told.old].map((name) => `'${name}'`).join(', ');
  const rows = await server.sql(`SELECT event, event_id, distinct_id, person_id, customer_id, properties FROM events WHERE event IN (${quoted})`);
  const of = (name) => rows.filter((row) => row.event === name);

  const [done, ...again] = of(told.done);
  assert.ok(done, `${tag}: the user's event is not there`);
  assert.deepEqual(again, [], `${tag}: an event that was sent again is stored twice`);
  assert.equal(done.distinct_id, told.user, `${tag}: identifier of the user's event`);
  assert.equal(done.person_id, told.user, `${tag}: person of the user's event`);
  const properties = JSON.parse(done.properties);
  assert.equal(properties.rows, 7, `${tag}: ${done.properties}`);
  assert.equal(properties.format, 'csv', `${tag}: ${done.properties}`);
  assert.equal(done.customer_id, told.account, `${tag}: account of the user's event`);

  assert.equal(of(told.before).length, 1, `${tag}: the visitor's event`);
  assert.equal(of(told.before)[0].person_id, told.user, `${tag}: what the visitor did belongs to the user`);
  assert.equal(of(told.old).length, 1, `${tag}: the event under the older identifier`);
  assert.equal(of(told.old)[0].person_id, told.user, `${tag}: what the older identifier did belongs to the user`);
  const persons = await server.sql(`SELECT email FROM persons WHERE distinct_id = '${told.user}'`);
  assert.deepEqual(persons, [{ email: told.email }], `${tag}: the person's record`);
}
