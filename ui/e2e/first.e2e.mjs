// A shop in which nothing has happened: what each page says then, and a workflow drawn from nothing, by pointer and by keys.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { asker, looker, open, pageOf } from './browser.mjs';

const [base, link, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const asks = asker();
const found = [];
const looks = looker(folder, found);

/** Each page, and what it says before there is anything. */
const EMPTY = {
  executions: 'Nothing has run yet',
  events: 'Nothing has happened yet',
  'executions/untouched': 'Nothing waits for you',
  templates: 'No mail is written yet',
  campaigns: 'Nothing was sent to many yet',
};

async function pagesTeach(page) {
  await asks('nothing');
  for (const [name, says] of Object.entries(EMPTY)) {
    await page.goto(`${base}/${name}`);
    await page.getByText(says).waitFor();
    await looks(page, `empty-${name.split('/').at(-1)}`);
  }
  await page.goto(`${base}/workflows`);
  await page.getByText('When something happens, then do something').waitFor();
  await looks(page, 'empty-workflows');
  await page
    .getByRole('button', { name: /^Try it with/ })
    .first()
    .click();
  await page.getByText('Nothing was written, nothing was sent.').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

const browser = await open();
try {
  const { page, context, complaints } = await pageOf(browser, base);
  page.setDefaultTimeout(15_000);
  const nodes = page.locator('.react-flow__node');
  const node = (label) => nodes.filter({ hasText: label });
  const edges = page.locator('.react-flow__edge');
  const counts = (all, count) => page.waitForFunction(([where, n]) => document.querySelectorAll(where).length === n, [all, count]);
  const kind = (label) => page.getByRole('option', { name: label, exact: true });
  const kept = () => page.locator('.kept.is-kept').waitFor();
  const empty = async () => page.locator('.graph').click({ position: { x: 760, y: 660 } });
  const middle = async (of) => {
    const { x, y, width, height } = await of.boundingBox();
    return [x + width / 2, y + height / 2];
  };
  const drag = async (from, to) => {
    await page.mouse.move(...from);
    await page.mouse.down();
    await page.mouse.move(...to, { steps: 8 });
    await page.mouse.up();
  };

  await page.goto(link);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${base}/workflows`);
  await pagesTeach(page);

  // From nothing.
  await page.getByRole('button', { name: 'New', exact: true }).click();
  await page.getByRole('textbox', { name: 'What it is called' }).fill('Drawn by hand');
  await page.getByRole('button', { name: 'Draw it' }).click();
  await page.waitForURL(/\/workflows\/[0-9a-f-]{36}$/);
  await page.getByText('It begins with a trigger').waitFor();
  await looks(page, 'editor-empty', ['wide']);
  const graph = page.locator('.graph.is-edited');
  const at = async (x, y) => {
    const box = await graph.boundingBox();
    return [box.x + x, box.y + y];
  };

  // From the palette by drag, and a way drawn from one to the other.
  await kind('Order created').dragTo(graph, { targetPosition: { x: 480, y: 120 } });
  await node('Order created').waitFor();
  await kind('Add tag').dragTo(graph, { targetPosition: { x: 480, y: 420 } });
  await node('Add tag').waitFor();
  assert.equal(await edges.count(), 0);
  await drag(await middle(node('Order created').locator('.out')), await middle(node('Add tag')));
  await counts('.react-flow__edge', 1);
  // A way left in the open asks what follows.
  await empty();
  await drag(await middle(node('Add tag').locator('.out').first()), await at(760, 560));
  await page.getByPlaceholder('What follows…').waitFor();
  await page.keyboard.type('remove tag');
  await page.keyboard.press('Enter');
  await node('Remove tag').waitFor();
  await counts('.react-flow__edge', 2);

  // Back and forth.
  await page.keyboard.press('Control+z');
  await node('Remove tag').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+Shift+z');
  await node('Remove tag').waitFor();
  // A copy of all but the trigger, with the way between them; taken away again.
  await empty();
  await page.keyboard.press('Control+a');
  await counts('.react-flow__node.selected', 3);
  await page.keyboard.press('Control+c');
  await page.keyboard.press('Control+v');
  await counts('.react-flow__edge', 3);
  await page.keyboard.press('Delete');
  await counts('.react-flow__edge', 2);
  await counts('.react-flow__node', 3);

  // Notes and groups; a frame goes with what is in it.
  await page.getByRole('button', { name: 'Add a note' }).click();
  await counts('.react-flow__node-note', 1);
  await empty();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Control+g');
  await counts('.react-flow__node-group', 1);
  await page.getByRole('button', { name: 'Tidy up: lay it out anew' }).click();
  await page.locator('.is-tidying').waitFor({ state: 'detached' });
  await looks(page, 'editor-drawn', ['wide']);

  // By keys alone: to a node, into its form, out again.
  await empty();
  await page.keyboard.press('ArrowDown');
  await counts('.react-flow__node.selected', 1);
  await page.keyboard.press('Enter');
  await page.locator('.inspector-head').waitFor();
  await page.waitForFunction(() => document.activeElement?.closest('.inspector') !== null);
  await page.keyboard.press('Escape');
  await page.locator('.inspector-head').waitFor({ state: 'detached' });
  for (const label of ['Add tag', 'Remove tag']) {
    await node(label).locator('.card').click();
    await page.getByRole('textbox', { name: 'Tag', exact: true }).click();
    await page.keyboard.type('first');
    await page.keyboard.press('Escape');
  }
  await page.locator('.dot.is-failed').first().waitFor({ state: 'detached' });

  // Tried on an event that is written here, since none has happened.
  await empty();
  await page.keyboard.press('t');
  await page.getByText('no such event yet').waitFor({ state: 'attached' });
  await page.getByRole('button', { name: 'Write one' }).click();
  const event = page.getByRole('textbox', { name: 'The event, as event files have it' });
  await event.waitFor();
  const written = await event.inputValue();
  await event.fill('{');
  await page.getByText('This is no JSON yet.').waitFor();
  await event.fill(written);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('.drawer-sum').filter({ hasText: 'Would' }).waitFor();
  await looks(page, 'editor-written-event', ['wide']);
  await page.keyboard.press('Escape');

  // What could not be kept is there when one comes again.
  await kept();
  await context.route('**/draft*', (route) => route.abort());
  await node('Add tag').locator('.card').click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Kept in this browser');
  await node('Kept in this browser').waitFor();
  await page.getByRole('link', { name: 'Health' }).first().click();
  await page.waitForURL(`${base}/health`);
  await context.unroute('**/draft*');
  await page.goBack();
  await node('Kept in this browser').waitFor();
  await kept();
  await page.reload();
  await node('Kept in this browser').waitFor();

  // Started by hand, with what its trigger asks for.
  await page.goto(`${base}/workflows/${await asks('by hand')}`);
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  const start = page.getByRole('button', { name: 'Start it' });
  await page.getByRole('textbox', { name: 'A note for the team' }).waitFor();
  assert.ok(await start.isDisabled());
  await page.getByRole('textbox', { name: 'A note for the team' }).fill('hello');
  await looks(page, 'start', ['wide']);
  await start.click();
  await page.waitForURL(/\/events\/[0-9a-f-]{36}$/);
  await page.getByRole('link', { name: /by hand/ }).click();
  await page.locator('.top-state').getByText('succeeded', { exact: true }).waitFor();

  // One that waits is cancelled.
  await asks('approval');
  await page.goto(`${base}/executions`);
  await page.getByRole('list', { name: 'Executions' }).getByRole('link').filter({ hasText: 'waiting' }).click();
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await page.getByRole('button', { name: 'Cancel 1 execution' }).click();
  await page.locator('.top-state').getByText('cancelled', { exact: true }).waitFor();

  // The one that was aborted is the only thing the browser may complain of.
  assert.deepEqual(
    complaints.filter((one) => !one.includes('ERR_FAILED')),
    [],
    'what the browser complains of',
  );
  assert.deepEqual(found, [], 'what axe finds');
  console.log('fine');
} catch (fault) {
  for (const [index, one] of browser
    .contexts()
    .flatMap((each) => each.pages())
    .entries())
    await one.screenshot({ path: `${folder}/fault-${index}.png` });
  throw fault;
} finally {
  await browser.close();
  process.stdin.destroy();
}
