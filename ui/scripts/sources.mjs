// What the build is made from, as one hash: the daemon's tests reckon it again.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = [
  'index.html',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'vite.config.ts',
  'public/favicon.svg',
  'scripts/finish.mjs',
  'scripts/sources.mjs',
];
for (const entry of readdirSync(`${root}/src`, { recursive: true, withFileTypes: true })) {
  const path = `${entry.parentPath}/${entry.name}`.slice(root.length).replaceAll('\\', '/').replace(/^\//, '');
  if (entry.isFile() && !/\.test\.tsx?$/.test(path)) files.push(path);
}
files.sort((one, other) => (one < other ? -1 : 1));
const hash = createHash('sha256');
for (const file of files)
  hash
    .update(file)
    .update('\0')
    .update(readFileSync(`${root}/${file}`))
    .update('\0');
export const sources = hash.digest('hex');
