// Fails when the tracker that customers' sites load has grown beyond its limit.
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const LIMIT = 3 * 1024;
const built = await build({ configFile: new URL('vite.config.ts', import.meta.url).pathname, build: { write: false } });
const [{ output }] = Array.isArray(built) ? built : [built];
const code = output.map((chunk) => chunk.code ?? '').join('');
const size = gzipSync(code, { level: 9 }).length;
console.log(`tracker: ${size} bytes gzipped of at most ${LIMIT}`);
if (output.length !== 1 || code.length === 0 || size > LIMIT) {
  console.error('web/tracker must build into one file under 3 KB gzipped: take something out of it');
  process.exit(1);
}
