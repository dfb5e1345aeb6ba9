// Fails when src/api/schema.d.ts is not what ../openapi.json says.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

if (!existsSync('../openapi.json')) {
  console.log('openapi.json is not there; nothing to compare');
  process.exit(0);
}
const dir = mkdtempSync(join(tmpdir(), 'burgeon-api-'));
const fresh = join(dir, 'schema.d.ts');
try {
  execFileSync('npx', ['openapi-typescript', '../openapi.json', '-o', fresh], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (readFileSync(fresh, 'utf8') !== readFileSync('src/api/schema.d.ts', 'utf8')) {
    console.error('src/api/schema.d.ts is stale: run `npm run api` in web/');
    process.exit(1);
  }
} finally {
  rmSync(dir, { recursive: true });
}
