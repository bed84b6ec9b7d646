// The first page, packed: what index.html loads, and what the list of workflows does.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const MOST = 250_000;
const FIRST = 'src/pages/workflows/WorkflowsPage.tsx';
const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('manifest.json', dist), 'utf8'));
const size = (file) => gzipSync(readFileSync(new URL(file, dist))).length;
function reach(key, met) {
  const chunk = manifest[key];
  if (!chunk || met.has(key)) return met;
  met.add(key);
  for (const other of chunk.imports ?? []) reach(other, met);
  return met;
}
const weigh = (keys) => {
  const files = new Set();
  for (const key of keys) {
    files.add(manifest[key].file);
    for (const css of manifest[key].css ?? []) files.add(css);
  }
  return [...files].reduce((sum, file) => sum + size(file), 0);
};
const base = reach('index.html', new Set());
for (const key of Object.keys(manifest).filter((key) => manifest[key].isDynamicEntry)) {
  const total = weigh(reach(key, new Set(base)));
  console.log(`${(total / 1000).toFixed(1).padStart(7)} kB  ${key}`);
  if (key === FIRST && total > MOST) {
    console.error(`error: the first page has ${total} bytes packed, ${MOST} at most`);
    process.exitCode = 1;
  }
}
if (!manifest[FIRST]) throw new Error(`${FIRST} is in no bundle: which page is the first now?`);
console.log(`${(weigh(base) / 1000).toFixed(1).padStart(7)} kB  the frame alone`);
