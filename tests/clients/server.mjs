/** Starts the program on a data directory of its own with a write key, and asks it what arrived. */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The program under test. */
export const program = resolve(process.env.BURGEON_BIN ?? '../../target/debug/burgeon');

/** Asks again until the answer is true; what it says otherwise is the fault after a minute. */
async function until(ask) {
  const end = Date.now() + 60_000;
  for (;;) {
    const said = await ask();
    if (said === true) return;
    if (Date.now() > end) throw new Error(said);
    await new Promise((again) => setTimeout(again, 100));
  }
}

/** A server with a write key. */
export class Server {
  constructor(folder) {
    this.folder = folder;
    this.data = join(folder, 'data');
  }

  static async start() {
    if (!existsSync(program)) throw new Error(`${program} is not there: build it, or name it in BURGEON_BIN`);
    const server = new Server(mkdtempSync(join(tmpdir(), 'burgeon-clients-')));
    // Before there is a server; a second one below is made while it runs.
    server.key = (await server.burgeon('keys', 'create', 'clients')).trim();
    await server.serve();
    return server;
  }

  /** Runs a verb to its end and returns what it printed. */
  async burgeon(...words) {
    const { stdout } = await run(program, ['--data', this.data, ...words], { maxBuffer: 64 << 20 });
    return stdout;
  }

  async serve() {
    const child = spawn(program, ['--data', this.data, 'serve', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child = child;
    this.said = '';
    this.url = await new Promise((done, fail) => {
      child.stderr.on('data', (chunk) => {
        this.said += chunk.toString();
        const found = /http:\/\/\S+(?=\s)/.exec(this.said);
        if (found) done(found[0]);
      });
      child.on('exit', (code) => fail(new Error(`the program ended with ${code}:\n${this.said}`)));
    });
  }

  async get(path) {
    const answer = await fetch(`${this.url}/api/v1${path}`);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }

  /** Waits until `count` events of a name have arrived, as the page sees them. */
  async arrived(event, count = 1) {
    await until(async () => {
      const { names } = await this.get('/events/names');
      const seen = names.find((name) => name.event === event)?.count ?? 0;
      return seen >= count || `${event}: ${seen} of ${count} arrived; seen: ${names.map((n) => `${n.event} ${n.count}`).join(', ')}`;
    });
  }

  /** Waits until identifiers are one person. */
  async joined(person, ...others) {
    await until(async () => {
      const answer = await fetch(`${this.url}/api/v1/persons/${encodeURIComponent(person)}`);
      const ids = answer.ok ? (await answer.json()).person.identifiers.map((one) => one.id) : [];
      return others.every((id) => ids.includes(id)) || `${person}: is ${ids.join(', ')} and not ${others.join(', ')}`;
    });
  }

  /** Asks the process to stop; what it acknowledged is on disk. */
  async stop() {
    const { child } = this;
    if (child && child.exitCode === null) {
      child.removeAllListeners('exit');
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      await gone;
    }
    this.child = undefined;
  }

  /** Rows of an SQL query as objects; the server must be stopped, since one process works on a data directory. */
  async sql(statement) {
    const table = JSON.parse(await this.burgeon('--format', 'json', 'sql', statement));
    return table.rows.map((row) => Object.fromEntries(table.columns.map((column, at) => [column.name, row[at]])));
  }

  async remove() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
