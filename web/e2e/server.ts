/** Starts the program on a data directory of its own and a port that is free, and stops it again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const NOW = '2026-11-20T09:41:00Z';

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.on('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => (typeof address === 'object' && address ? done(address.port) : fail(new Error('no port'))));
    });
  });
}

export interface Server {
  url: string;
  stop: () => Promise<void>;
}

export const binary = (): string => resolve(process.env.BURGEON_BIN ?? '../target/debug/burgeon');

/** `burgeon demo` with a seed, a fixed clock and few customers; or any other command after which it serves. */
export async function start(command: (listen: string) => string[], extra: Record<string, string> = {}): Promise<Server> {
  const program = binary();
  if (!existsSync(program)) throw new Error(`${program} is not there: build it, or name it in BURGEON_BIN`);
  const folder = mkdtempSync(join(tmpdir(), 'burgeon-e2e-'));
  const listen = `127.0.0.1:${await freePort()}`;
  const child: ChildProcess = spawn(program, ['--data', join(folder, 'data'), '--now', NOW, ...command(listen)], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...extra } });
  let said = '';
  child.stdout?.on('data', (c: Buffer) => (said += c.toString()));
  child.stderr?.on('data', (c: Buffer) => (said += c.toString()));
  const url = `http://${listen}`;
  const stop = async () => {
    if (child.exitCode === null) {
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      await Promise.race([gone, new Promise((done) => setTimeout(done, 5000))]);
      if (child.exitCode === null) child.kill('SIGKILL');
    }
    rmSync(folder, { recursive: true, force: true });
  };
  for (let i = 0; i < 600; i++) {
    if (child.exitCode !== null) {
      await stop();
      throw new Error(`the program ended with ${child.exitCode}:\n${said}`);
    }
    try {
      const answer = await fetch(`${url}/api/v1/workspace`);
      if (answer.status === 200 || answer.status === 401) return { url, stop };
    } catch {
      // It is not listening yet.
    }
    await new Promise((done) => setTimeout(done, 200));
  }
  await stop();
  throw new Error(`the program did not answer:\n${said}`);
}
