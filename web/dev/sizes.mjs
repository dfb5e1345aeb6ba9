// Prints what the browser loads first and what comes later, gzipped.
import { readFileSync, readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const dir = new URL('../dist/', import.meta.url);
const html = readFileSync(new URL('index.html', dir), 'utf8');
const kilo = (n) => `${(n / 1024).toFixed(1)} kB`;
let first = 0;
for (const file of readdirSync(new URL('assets/', dir)).sort()) {
  const size = gzipSync(readFileSync(new URL(`assets/${file}`, dir))).length;
  const initial = html.includes(`assets/${file}`);
  if (initial) first += size;
  console.log(`${initial ? 'first' : 'later'}  ${kilo(size).padStart(9)}  ${file}`);
}
console.log(`first load, gzipped: ${kilo(first)}`);
