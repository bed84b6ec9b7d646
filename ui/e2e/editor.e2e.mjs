// The editor in a real browser: an example is opened, broken, mended, tried on a real event, published; an order runs it; somebody
// else writes meanwhile; and how quick it is with 100 and 500 nodes.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { asker, looker, open, pageOf } from './browser.mjs';
import { chain, diagnosticsAfterKeys, framesWhilePanning } from './figures.mjs';

const [base, link, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const asks = asker();
const found = [];
const looks = looker(folder, found);
const WIDE = ['wide'];

const browser = await open();
try {
  const { page, context, complaints } = await pageOf(browser, base);
  page.setDefaultTimeout(15_000);
  const node = (label) => page.locator('.react-flow__node').filter({ hasText: label });
  const kept = () => page.locator('.kept.is-kept').waitFor();

  await page.goto(link);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${base}/workflows`);
  await asks('order');
  await page.getByRole('button', { name: 'Examples' }).click();
  await page.getByRole('button', { name: 'Use this: Welcome points' }).click();
  await page.waitForURL(/\/workflows\/[0-9a-f-]{36}$/);
  await page.locator('.edit-card').first().waitFor();
  await looks(page, 'editor');

  // A typo is said where it is.
  await node('Thank you, with points').locator('.card').click();
  await page.getByRole('textbox', { name: 'Subject' }).click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type(' {{ order.totl }}');
  await page.locator('.dot.is-failed').waitFor();
  await page.waitForFunction(() => document.querySelector('.cm-fault')?.textContent === 'order.totl');
  await looks(page, 'editor-fault', WIDE);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.locator('.inspector-head').waitFor({ state: 'detached' });
  await page.getByRole('banner').or(page.locator('.top')).getByRole('button', { name: '1 thing to mend' }).click();
  await page.getByText('did you mean').waitFor();
  await page.getByRole('textbox', { name: 'Subject' }).click();
  await page.keyboard.press('Control+End');
  for (let at = 0; at < 7; at += 1) await page.keyboard.press('Backspace');
  await page.keyboard.type('total|money }}');
  await page.locator('.dot.is-failed').waitFor({ state: 'detached' });
  // What it gives for the order that was placed.
  await page.locator('.looked output').filter({ hasText: 'Ada 250.00' }).waitFor();
  await looks(page, 'editor-value', WIDE);
  await page.keyboard.press('Escape');
  await kept();

  // Tried on the order that was placed.
  await page.locator('.graph').click({ position: { x: 700, y: 620 } });
  await page.keyboard.press('t');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByText(/Would change \d rows, send 1 mail/).waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.edge.is-taken').length === 4);
  // What it decided by.
  await page
    .getByRole('region', { name: 'Test run' })
    .getByRole('button', { name: /^100.00 or more/ })
    .click();
  await page.getByRole('row', { name: 'order.total 25000' }).waitFor();
  await looks(page, 'editor-test-run', WIDE);
  await page.keyboard.press('Escape');

  // Published, with what it would have done.
  await page.keyboard.press('p');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Reckon' }).click();
  await dialog.getByRole('rowheader', { name: 'Award points' }).waitFor();
  await looks(page, 'publish', WIDE);
  await dialog.getByRole('button', { name: 'Publish v1' }).click();
  await page.locator('.top-state').getByText('published').waitFor();
  await dialog.waitFor({ state: 'detached' });
  await asks('order');
  const ran = page.getByRole('complementary').getByRole('link', { name: /succeeded/ });
  await ran.first().waitFor();

  // Another edition, beside the one in force.
  await node('100.00 or more?').locator('.card').click();
  await page.getByRole('textbox', { name: 'Value' }).fill('150');
  await node('order.total ≥ 150.00').waitFor();
  await looks(page, 'editor-rules', WIDE);
  await page.keyboard.press('Escape');
  await kept();
  await page.getByRole('button', { name: /^v1/ }).click();
  await page.locator('.is-change.is-changed').waitFor();
  await looks(page, 'editor-version', WIDE);
  await page.getByRole('button', { name: 'Back to the draft' }).click();
  await page.locator('.edit-card').first().waitFor();
  await page.keyboard.press('p');
  await dialog.getByText('150.00').waitFor();
  await dialog.getByRole('button', { name: 'Reckon' }).click();
  await dialog.getByRole('columnheader', { name: 'v1, in force' }).waitFor();
  await looks(page, 'publish-again', WIDE);
  await dialog.getByRole('button', { name: /^Publish v2|^Publish ·/ }).click();
  await page.getByRole('button', { name: /^v2/ }).waitFor();
  await dialog.waitFor({ state: 'detached' });

  // Without a mouse: the palette adds behind what is chosen, arrows walk, ⌘Z takes it back.
  await page.locator('.graph').click({ position: { x: 700, y: 620 } });
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('/');
  await page.keyboard.type('add tag');
  await page.keyboard.press('Enter');
  await node('Add tag').waitFor();
  await page.keyboard.press('Control+z');
  await node('Add tag').waitFor({ state: 'detached' });
  // A circle is refused in words.
  await page.getByRole('button', { name: 'Fit View' }).click();
  await page.waitForTimeout(300);
  const [from, to] = [
    await node('Thank you, with points').locator('.out').first().boundingBox(),
    await node('100.00 or more?').boundingBox(),
  ];
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(to.x + 90, to.y + 40, { steps: 8 });
  await page.getByText('That would be a circle').waitFor();
  await page.screenshot({ path: `${folder}/editor-refused-light-wide.png` });
  await page.mouse.up();

  // Somebody else writes: nothing is lost.
  await kept();
  const other = await context.newPage();
  await other.goto(page.url());
  await other.locator('.edit-card').first().waitFor();
  await other.locator('.react-flow__node').filter({ hasText: 'An order is placed' }).locator('.card').click();
  await other.getByRole('textbox', { name: 'Name' }).fill('Theirs');
  await other.locator('.kept.is-changed').waitFor();
  await other.locator('.kept.is-kept').waitFor();
  await node('An order is placed').locator('.card').click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Mine');
  await page.getByText('Somebody else changed this draft.').waitFor();
  await looks(page, 'editor-conflict', WIDE);
  await page.getByRole('button', { name: 'Write mine over theirs' }).click();
  await kept();

  // A page behind another is drawn twice a second only.
  await other.close();
  console.log(await diagnosticsAfterKeys(page, base, chain(100)));
  console.log(await framesWhilePanning(page, base, chain(500)));

  const unexpected = complaints.filter((one) => !one.includes('412'));
  assert.deepEqual(unexpected, [], 'what the browser complains of');
  assert.deepEqual(found, [], 'what axe finds');
  console.log('fine');
} catch (fault) {
  for (const [at, one] of browser
    .contexts()
    .flatMap((each) => each.pages())
    .entries())
    await one.screenshot({ path: `${folder}/fault-${at}.png` });
  throw fault;
} finally {
  await browser.close();
  process.stdin.destroy();
}
