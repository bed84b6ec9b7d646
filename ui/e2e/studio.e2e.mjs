// The studio in a real browser, through the built binary. The daemon's test starts this with the address, a link, and a folder
// for pictures; what it is asked to do on the way (`do: order`) it does in the database and answers with a line.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { asker, looker, open, pageOf } from './browser.mjs';
import { campaign, events, failures, health } from './pages.mjs';

const [base, link, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const asks = asker();
const found = [];
const looks = looker(folder, found);

const browser = await open();
try {
  const { page, complaints } = await pageOf(browser, base);
  page.setDefaultTimeout(15_000);

  await page.goto(`${base}/`);
  await page.getByRole('heading', { name: 'Sign in to thendo' }).waitFor();
  await looks(page, 'sign-in');
  await page.goto(link);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${base}/workflows`);

  const list = page.getByRole('list', { name: 'Workflows' });
  await list.getByText('welcome-points').waitFor();
  await looks(page, 'workflows');
  // Without a mouse: the link past the rail first, `/` to search, ⌘K to go anywhere.
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the page');
  await page.keyboard.press('/');
  await page.keyboard.type('welcome-p');
  await page.waitForFunction(() => document.querySelectorAll('.data-list li').length === 1);
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').waitFor();
  await looks(page, 'palette');
  await page.keyboard.type('go to health');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${base}/health`);
  await page.getByText('1 daemon works').waitFor();

  // An example becomes a draft.
  await page.keyboard.press('g');
  await page.keyboard.press('w');
  await page.getByRole('button', { name: 'Examples' }).click();
  await page.getByRole('button', { name: 'Use this: Abandoned cart' }).waitFor();
  await looks(page, 'gallery');
  // Tried on the event that comes with it, and nothing is made by that.
  await page.getByRole('button', { name: /^Try it with .*: Welcome points$/ }).click();
  const tried = page.getByRole('dialog', { name: 'Welcome points, on a made-up event' });
  await tried.getByText('Would change 3 rows, send 1 mail.').waitFor();
  await tried.getByText('250.00 is at least 100.00').waitFor();
  await looks(page, 'tried');
  await page.keyboard.press('Escape');
  await tried.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Use this: Abandoned cart' }).click();
  await page.waitForURL(/\/workflows\/[0-9a-f-]{36}$/);
  await page.locator('.card').first().waitFor();
  await page.locator('.pill.is-draft').waitFor();
  await looks(page, 'draft');

  // What a workflow does is seen without loading anew.
  await page.goto(`${base}/executions`);
  await page.getByText('Nothing has run yet').waitFor();
  await page.locator('.connection.is-live').waitFor();
  await looks(page, 'executions-empty');
  await asks('order');
  const row = page.getByRole('list', { name: 'Executions' }).getByRole('link').filter({ hasText: 'welcome-points' });
  await row.filter({ hasText: 'succeeded' }).waitFor();
  await looks(page, 'executions');
  await row.first().click();
  await page.getByText('250.00 is at least 100.00').waitFor();
  await page.locator('.edge.is-taken').first().waitFor({ state: 'attached' });
  assert.equal(await page.locator('.edge.is-taken').count(), 4);
  await looks(page, 'execution');
  await page
    .getByRole('button', { name: /One point per/ })
    .first()
    .click();
  await page.getByText('loyalty_ledger').waitFor();
  await looks(page, 'execution-step');
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('button', { name: /Put back \d+ row/ }).waitFor();
  await looks(page, 'undo');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /Thank you for your order/ }).click();
  await page.getByText('ada@example.com', { exact: true }).waitFor();
  await looks(page, 'mail');
  await page.keyboard.press('Escape');

  // One waits for an answer, which is given here.
  await page.goto(`${base}/executions`);
  await asks('approval');
  await page.getByRole('list', { name: 'Waiting for your answer' }).getByRole('link').click();
  await page.getByRole('button', { name: 'Approve' }).click();
  const dialog = page.getByRole('dialog', { name: 'Approve' });
  await dialog.getByRole('button', { name: 'Approve' }).waitFor();
  await looks(page, 'approval');
  await dialog.getByRole('button', { name: 'Approve' }).click();
  await page.locator('.top-state .is-succeeded').waitFor();

  await page.getByRole('link', { name: 'Workflows', exact: true }).first().click();
  await list.getByText('welcome-points').click();
  await page.locator('.card').first().waitFor();
  await looks(page, 'workflow');
  // The emergency stop, and on again.
  await page.getByRole('button', { name: 'Stop at once' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop at once' }).click();
  await page.getByRole('heading', { name: 'Held: nothing of it moves' }).waitFor();
  await page.getByRole('button', { name: 'Release' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
  await page.getByRole('button', { name: 'Stop at once' }).waitFor();

  const given = { page, base, looks, asks };
  await events(given);
  await failures(given);
  await campaign(given);
  await health(given);

  await page.goto(`${base}/settings`);
  await page.getByText('engine.batch').waitFor();
  await page.getByPlaceholder('Name, such as').fill('deploys');
  await page.getByRole('button', { name: 'Make a key' }).click();
  await page.getByText('This is shown once').waitFor();
  await looks(page, 'settings');
  await page.goto(`${base}/nothing/here`);
  await page.getByText('There is no such page').waitFor();

  // Whoever signs out leaves nothing on the page.
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('sign out');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Sign in to thendo' }).waitFor();
  assert.equal(await page.getByText('welcome-points').count(), 0);

  assert.deepEqual(complaints, [], 'what the browser complains of');
  assert.deepEqual(found, [], 'what axe finds');
  console.log('fine');
} finally {
  await browser.close();
  // Else it would wait for more to be said.
  process.stdin.destroy();
}
