// Writes src/api/schema.d.ts from the daemon's own description; with --check it only says whether that is stale.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import openapiTS, { astToString } from 'openapi-typescript';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? here('../../target');
// Not THENDO_…: those are the daemon's own settings, and it refuses what is none.
const thendo = process.env.DAEMON_BIN ?? `${target}/debug/thendo`;
if (!existsSync(thendo)) {
  console.error(`error: ${thendo} is missing\nhelp: cargo build --locked --bin thendo`);
  process.exit(1);
}
const described = execFileSync(thendo, ['catalog', '--format', 'openapi'], { maxBuffer: 64 << 20 });
const types = astToString(await openapiTS(JSON.parse(described.toString())));
const text = `// Made by \`npm run types\` from the daemon's description. Not to be edited.\n${types}`;
const file = here('../src/api/schema.d.ts');
if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (readFileSync(file, 'utf8') !== text) {
  console.error('error: src/api/schema.d.ts is not what the daemon describes\nhelp: npm run types');
  process.exit(1);
}
