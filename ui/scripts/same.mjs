// Builds beside what is committed, and says whether it is the same, byte for byte.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

const ui = fileURLToPath(new URL('..', import.meta.url));
const dist = `${ui}dist`;
const fresh = mkdtempSync(`${tmpdir()}/studio-`);
try {
  execFileSync('npx', ['vite', 'build', '--outDir', fresh, '--emptyOutDir', '--logLevel', 'error'], {
    cwd: ui,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const files = (folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== '.sources')
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(folder.length + 1))
      .sort();
  const [one, other] = [files(fresh), files(dist)];
  const different = one.filter(
    (file) => !other.includes(file) || !readFileSync(`${fresh}/${file}`).equals(readFileSync(`${dist}/${file}`)),
  );
  different.push(...other.filter((file) => !one.includes(file)));
  if (different.length > 0) {
    console.error(`error: ui/dist is not what ui/ builds: ${different.join(', ')}\nhelp: make ui`);
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
