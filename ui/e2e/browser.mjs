// A real browser, as the tests and the pictures need it: alone, without anything from outside.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

export const executable = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => existsSync(path));

export const SIZES = { wide: { width: 1280, height: 800 }, small: { width: 400, height: 800 } };

export async function open() {
  return chromium.launch({ executablePath: executable, headless: true, args: FLAGS });
}

/** A page that notes whatever it complains of, and everything that it asks of others than the daemon. */
export async function pageOf(browser, base, options = {}) {
  const context = await browser.newContext({
    viewport: SIZES.wide,
    reducedMotion: 'reduce',
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
    bypassCSP: false,
    ...options,
  });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    // Who is not signed in is told so, and who types what is no template yet; that is no fault.
    const isTold = message.text().includes('401') || message.location().url.endsWith('/preview');
    if (message.type() === 'error' && !isTold) complaints.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (fault) => complaints.push(String(fault)));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith('data:') && !url.startsWith('about:')) complaints.push(`asked elsewhere: ${url}`);
  });
  return { page, context, complaints };
}

/** What axe finds, serious or worse. It is run from outside the page's own policy. */
export async function faults(page) {
  await page.evaluate(readFileSync(axe, 'utf8'));
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] });
    return violations.map(({ id, impact, nodes }) => ({
      id,
      impact,
      where: nodes.slice(0, 4).map((node) => `${node.target.join(' ')} ${node.failureSummary?.split('\n')[1]?.trim() ?? ''}`),
    }));
  });
  return found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
}

/** Pictures of a page in both themes and sizes, and what axe says of each theme. */
export const looker =
  (folder, found) =>
  async (page, name, sizes = Object.keys(SIZES)) => {
    for (const theme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: theme });
      for (const size of sizes) {
        await page.setViewportSize(SIZES[size]);
        await page.waitForTimeout(150);
        await page.screenshot({ path: `${folder}/${name}-${theme}-${size}.png` });
        if (size === 'small') {
          const wide = await page.evaluate(() => document.documentElement.scrollWidth);
          assert.ok(wide <= SIZES.small.width, `${name} is ${wide} wide at ${SIZES.small.width}`);
        }
      }
      await page.setViewportSize(SIZES.wide);
      for (const one of await faults(page)) found.push(`${name}, ${theme}: ${JSON.stringify(one)}`);
    }
    await page.emulateMedia({ colorScheme: 'light' });
  };

/** Has whoever started this do something in the database on the way, and gives what is said of it. */
export function asker() {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  return async (what) => {
    console.log(`do: ${what}`);
    const { value } = await lines.next();
    assert.ok(value?.startsWith('done'), what);
    return value.slice('done '.length);
  };
}
