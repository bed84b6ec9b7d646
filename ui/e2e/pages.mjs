// Events, templates, failures in bulk, campaigns and health, as an admin goes through them.
import assert from 'node:assert/strict';

const PERSON = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0' };

export async function events({ page, base, looks }) {
  await page.goto(`${base}/events?table=orders`);
  const list = page.getByRole('list', { name: 'Events' });
  await list.getByRole('link').first().waitFor();
  await looks(page, 'events');
  await list.getByRole('link').first().click();
  await page.getByRole('heading', { name: 'What it started' }).waitFor();
  await page.getByRole('link', { name: 'welcome-points' }).first().waitFor();
  await looks(page, 'event');
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.getByRole('button', { name: 'Replay 1 event' }).waitFor();
  await looks(page, 'replay');
  await page.keyboard.press('Escape');
}

/** A template that is not active fails whoever sends it: it is mended in the studio, and what failed is tried again at once. */
export async function failures({ page, base, looks, asks }) {
  await asks('failures');
  await page.goto(`${base}/executions?status=failed`);
  await page.getByRole('link', { name: 'Try several again' }).click();
  const boxes = page.getByRole('list', { name: 'Failed executions' }).getByRole('checkbox');
  await boxes.nth(2).waitFor();
  assert.equal(await boxes.count(), 3);
  await looks(page, 'untouched');

  await page.goto(`${base}/templates`);
  await page.getByText('Thanks for it').waitFor();
  await looks(page, 'templates');
  await page.getByText('Thanks for it').click();
  const mail = page.frameLocator('iframe.mail');
  await mail.getByText('Thank you, Ada').waitFor();
  await looks(page, 'template');
  await page.getByRole('textbox', { name: 'Subject' }).click();
  await page.keyboard.press('End');
  await page.keyboard.type(' {{ order.totl }}');
  await page.getByText('“order.totl” is not known here').waitFor();
  await page.locator('.cm-lintRange-error').waitFor();
  await looks(page, 'template-fault');
  // What is not saved is still there when one comes back.
  await page.goto(`${base}/health`);
  await page.goBack();
  await page.getByText('“order.totl” is not known here').waitFor();
  await page.getByRole('button', { name: 'Throw away' }).click();
  await page.getByRole('button', { name: 'Throw my changes away' }).click();
  await page.getByText('“order.totl” is not known here').waitFor({ state: 'detached' });
  await page.getByRole('checkbox', { name: 'Active' }).check();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('.top-state').getByText('active', { exact: true }).waitFor();

  await page.goto(`${base}/executions/untouched`);
  await boxes.first().click();
  await boxes.nth(2).click({ modifiers: ['Shift'] });
  await page.getByText('3 chosen').waitFor();
  await page.getByRole('button', { name: 'Try 3 again' }).click();
  await page.getByRole('button', { name: 'Try 3 executions again' }).waitFor();
  await looks(page, 'untouched-ask');
  await page.getByRole('button', { name: 'Try 3 executions again' }).click();
  await page.getByRole('heading', { name: 'Tried again: 3 went on' }).waitFor();
  await looks(page, 'untouched-results');
}

export async function campaign({ page, base, looks, asks }) {
  await page.goto(`${base}/campaigns`);
  await page.getByText('Nothing was sent to many yet').waitFor();
  await looks(page, 'campaigns-empty');
  await page.getByRole('button', { name: 'New campaign' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Spring');
  await page.getByRole('button', { name: 'Begin a draft' }).click();
  await page.getByRole('combobox', { name: 'Mail' }).selectOption('Spring news');
  await page.getByRole('textbox', { name: 'With one of these tags' }).fill('vip');
  await page.getByRole('button', { name: 'Send to 2 people' }).waitFor();
  await page.getByText('Saved', { exact: true }).waitFor();
  await page.getByText('bea@example.com').waitFor();
  await looks(page, 'campaign-draft');
  await page.getByRole('button', { name: 'Send to 2 people' }).click();
  const dialog = page.getByRole('dialog', { name: 'Send to 2 people' });
  await dialog.getByRole('button', { name: 'Send to 2 people' }).waitFor();
  await looks(page, 'campaign-ask');
  await dialog.getByRole('button', { name: 'Send to 2 people' }).click();
  await page.getByRole('heading', { name: '2 of 2 sent' }).waitFor();
  await page.locator('.top-state .is-succeeded').waitFor();

  // Somebody opens their mail and follows its link: that is seen here without loading anew.
  const [pixel, link] = (await asks('mail')).split(' ');
  const opened = await page.request.get(`${base}${pixel}`, { headers: PERSON });
  assert.equal(opened.headers()['content-type'], 'image/gif');
  const followed = await page.request.get(`${base}${link}`, { headers: PERSON, maxRedirects: 0 });
  assert.equal(followed.headers()['location'], 'https://shop.example/spring');
  const hits = page.getByRole('list', { name: 'Opened and followed' }).getByRole('listitem');
  await hits.filter({ hasText: 'Opened it' }).filter({ hasText: '50 %' }).waitFor();
  await hits.filter({ hasText: 'Followed a link' }).filter({ hasText: '50 %' }).waitFor();
  await page.getByText('https://shop.example/spring').waitFor();
  await page.locator('.lines canvas').waitFor();
  await looks(page, 'campaign');
  await page.goto(`${base}/campaigns`);
  await page.getByText('2 of 2').waitFor();
  await looks(page, 'campaigns');
}

export async function health({ page, base, looks }) {
  await page.goto(`${base}/health`);
  await page.locator('.lines canvas').nth(5).waitFor();
  await page.getByText('All is well').waitFor();
  await page.getByText('As a table').click();
  await page.getByRole('row', { name: /Throughput \d/ }).waitFor();
  await looks(page, 'health');
}
