// After vite: says what was built from.
import { writeFileSync } from 'node:fs';
import { sources } from './sources.mjs';

writeFileSync(new URL('../dist/.sources', import.meta.url), `${sources}\n`);
