// How quick the editor is: from a key to what the compiler says of it, and frame by frame.

/** An order's way through so many nodes, four beside each other. */
export function chain(count) {
  const nodes = [{ id: 'order', type: 'trigger', position: { x: 0, y: 0 }, data: { triggerType: 'order_created', config: {} } }];
  const edges = [];
  for (let at = 1; at < count; at += 1) {
    const id = `tag_${at}`;
    const place = { x: (at % 4) * 300, y: 140 + Math.floor(at / 4) * 130 };
    nodes.push({ id, type: 'action', position: place, data: { actionType: 'add_tag', label: `Tag ${at}`, config: { tag: '{{ order.status }} {{ customer.name }}' } } });
    edges.push({ id: `e${at}`, source: at < 5 ? 'order' : `tag_${at - 4}`, target: id });
  }
  return { nodes, edges };
}

async function drawn(page, base, definition) {
  const name = `With ${definition.nodes.length} nodes`;
  const id = await page.evaluate(async (body) => {
    const answer = await fetch('/api/v1/workflows', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    return (await answer.json()).id;
  }, { name, definition });
  await page.goto(`${base}/workflows/${id}`);
  await page.locator('.edit-card').first().waitFor();
  await page.waitForTimeout(500);
}

const sorted = (list) => [...list].sort((one, other) => one - other);
const at = (list, share) => sorted(list)[Math.min(list.length - 1, Math.floor(list.length * share))];

/** Letters one after the other, as one types who thinks, and what the compiler says of each. */
export async function diagnosticsAfterKeys(page, base, definition) {
  await drawn(page, base, definition);
  await page.evaluate(() => document.querySelector('.react-flow__node[data-id=tag_1]')?.focus());
  await page.keyboard.press('Enter');
  await page.getByRole('textbox', { name: 'Tag' }).click();
  await page.keyboard.press('Control+End');
  await page.evaluate(() => performance.clearMeasures());
  for (const letter of ' {{ order.totl }}') {
    await page.keyboard.type(letter);
    await page.waitForTimeout(700);
  }
  await page.locator('.dot.is-failed').waitFor();
  const times = await page.evaluate(() => performance.getEntriesByName('edit to diagnostics').map((one) => one.duration));
  return `from a key to diagnostics, ${definition.nodes.length} nodes: ${at(times, 0.5).toFixed(0)} ms half of ${times.length}, ${at(times, 1).toFixed(0)} ms the slowest`;
}

export async function framesWhilePanning(page, base, definition) {
  await drawn(page, base, definition);
  const pane = await page.locator('.graph').boundingBox();
  await page.mouse.move(pane.x + 600, pane.y + 300);
  // Near enough to read, then over all of it.
  for (let step = 0; step < 12; step += 1) await page.mouse.wheel(0, -200);
  await page.waitForTimeout(300);
  await page.evaluate(() => {
    globalThis.frames500 = [];
    let last = performance.now();
    const next = (now) => {
      globalThis.frames500.push(now - last);
      last = now;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  });
  for (let round = 0; round < 3; round += 1) {
    await page.mouse.move(pane.x + 800, pane.y + 120);
    await page.mouse.down();
    await page.mouse.move(pane.x + 320, pane.y + 640, { steps: 40 });
    await page.mouse.move(pane.x + 800, pane.y + 120, { steps: 40 });
    await page.mouse.up();
  }
  const frames = await page.evaluate(() => globalThis.frames500.slice(1));
  return `frames while ${definition.nodes.length} nodes are moved: ${at(frames, 0.5).toFixed(1)} ms half of ${frames.length}, ${at(frames, 0.95).toFixed(1)} ms 19 of 20, ${at(frames, 1).toFixed(1)} ms the longest`;
}
