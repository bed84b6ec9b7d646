import { describe, expect, it } from 'vitest';
import { catalogueOf, type Kind } from './catalogue';
import { refusal } from './connecting';
import { begin, did, redo, undo } from './history';
import { addNode, connect, copy, type Definition, edgesOf, group, idOf, move, nodeOf, nodesOf, paste, type Raw, remove, setConfig, setLabel, text } from './model';

const files = import.meta.glob<Definition>('../../../workflows-examples/*/workflow.json', { eager: true, import: 'default' });
const examples = Object.entries(files).map(([path, drawing]): [string, Definition] => [path.split('/').at(-2) ?? '', drawing]);

/** As other UIs save: version 12 whole, version 11, version 9. */
const others: [string, Definition][] = [
  ['react flow 12', {
    nodes: [
      { id: 'g', type: 'group', position: { x: 0, y: 0 }, style: { width: 400, height: 300 }, data: { label: 'Money' }, zIndex: -1 },
      { id: '1', type: 'trigger', position: { x: 10.5, y: 20 }, measured: { width: 180, height: 40 }, selected: true, dragging: false, data: { triggerType: 'order_created', status: 'idle', mine: { a: [1, null] } } },
      { id: 'node-2', type: 'custom', parentId: 'g', extent: 'parent', position: { x: 5, y: 5 }, data: { actionType: 'award_points', config: { points: 5 } }, sourcePosition: 'bottom' },
      { id: '3', type: 'note', position: { x: 1, y: 1 }, data: { label: 'Ask Ada' } },
    ],
    edges: [{ id: 'xy-edge__1-node-2', source: '1', target: 'node-2', sourceHandle: null, animated: true, style: { stroke: 'red' }, markerEnd: { type: 'arrow' } }],
    viewport: { x: 1.5, y: -3, zoom: 0.7 }, version: 3, theirs: { kept: true },
  }],
  ['react flow 11', {
    nodes: [
      { id: 'a', type: 'trigger', position: { x: 0, y: 0 }, positionAbsolute: { x: 0, y: 0 }, width: 150, height: 36, data: { triggerType: 'order_created' } },
      { id: 'b', parentNode: 'frame', position: { x: 9, y: 9 }, positionAbsolute: { x: 109, y: 109 }, data: { type: 'add_tag', config: { tag: '{{ steps.a.x }}' } } },
      { id: 'frame', type: 'group', position: { x: 100, y: 100 }, data: {} },
    ],
    edges: [{ id: 'reactflow__edge-a-b', source: 'a', target: 'b', sourceHandle: '', targetHandle: null }],
  }],
  ['react flow 9', { elements: [{ id: 't', type: 'order_created', position: { x: 0, y: 0 }, data: {} }, { id: 'u', position: { x: 0, y: 90 }, data: { kind: 'add_tag' } }, { id: 'e', source: 't', target: 'u', arrowHeadType: 'arrow' }], position: [0, 0], zoom: 1 }],
];

const whole = (value: unknown) => JSON.stringify(value);
const first = (drawing: Definition) => idOf(nodesOf(drawing)[0] as Raw);

describe.each([...examples, ...others])('%s', (_, drawing) => {
  it('comes out as it came in, but for what was edited', () => {
    const before = whole(drawing);
    expect(whole(move(drawing, new Map([['nobody', { x: 1, y: 1 }]])))).toBe(before);
    const moved = move(drawing, new Map([[first(drawing), { x: 7.4, y: 9 }]]));
    expect(nodesOf(moved)[0]).toMatchObject({ ...nodesOf(drawing)[0], position: { x: 7, y: 9 }, ...('positionAbsolute' in (nodesOf(drawing)[0] as Raw) ? { positionAbsolute: { x: 7, y: 9 } } : {}) });
    const made = addNode(drawing, { kind: 'add_tag', role: 'action', config: { tag: 'x' }, at: { x: 1, y: 2 } });
    expect(whole(remove(made.drawing, new Set([made.id])))).toBe(before);
    const named = setLabel(drawing, first(drawing), 'Another');
    expect(nodesOf(named).slice(1)).toEqual(nodesOf(drawing).slice(1));
    for (const [at, node] of nodesOf(named).slice(1).entries()) expect(node).toBe(nodesOf(drawing)[at + 1]);
    expect(edgesOf(named)).toEqual(edgesOf(drawing));
    expect(Object.keys(named)).toEqual(Object.keys(drawing));
    expect(whole(drawing)).toBe(before);
  });
  it('goes back and forth', () => {
    let history = begin(drawing);
    for (let at = 0; at < 5; at += 1) history = did(history, addNode(history.present, { kind: 'stop', role: 'control', config: {}, at: { x: at, y: 0 } }).drawing, undefined, at);
    const last = whole(history.present);
    for (let at = 0; at < 5; at += 1) history = undo(history);
    expect(whole(history.present)).toBe(whole(drawing));
    for (let at = 0; at < 9; at += 1) history = redo(history);
    expect(whole(history.present)).toBe(last);
  });
  it('has copies with ids of their own', () => {
    const all = new Set(nodesOf(drawing).map(idOf));
    const { drawing: more, ids } = paste(drawing, copy(drawing, all), { x: 40, y: 40 });
    const every = [...nodesOf(more), ...edgesOf(more)].map(idOf);
    expect(new Set(every).size).toBe(every.length);
    for (const id of ids) expect(all.has(id)).toBe(false);
    expect(whole(remove(more, ids))).toBe(whole(drawing));
  });
});

describe('edits', () => {
  const drawing = examples.find(([name]) => name === 'welcome-points')?.[1] as Definition;
  it('a word that is typed is undone at once', () => {
    let history = begin(drawing);
    for (const [at, label] of ['P', 'Po', 'Poi'].entries()) history = did(history, setLabel(history.present, 'points', label), 'label of points', 100 + at);
    history = did(history, setLabel(history.present, 'points', 'Points'), 'label of points', 5000);
    expect(text((nodeOf(undo(history).present, 'points')?.data as Raw).label)).toBe('Poi');
    expect(undo(undo(history)).present).toBe(drawing);
  });
  it('a node that goes takes its edges along, and a group leaves what was in it where it lay', () => {
    expect(edgesOf(remove(drawing, new Set(['points']))).map(idOf)).toEqual(['e1', 'e4', 'e5']);
    const { drawing: framed, id } = group(drawing, new Set(['points', 'deposit']));
    expect(nodeOf(framed, 'points')?.parentId).toBe(id);
    expect(idOf(nodesOf(framed)[0] as Raw)).toBe(id);
    const free = remove(framed, new Set([id]));
    expect(nodeOf(free, 'points')).toEqual(nodeOf(drawing, 'points'));
  });
  it('results of copied nodes are those of the copies', () => {
    const { drawing: more, ids } = paste(drawing, copy(drawing, new Set(['points', 'deposit', 'thanks'])), { x: 0, y: 0 });
    const thanks = nodesOf(more).find((node) => ids.has(idOf(node)) && idOf(node).startsWith('thanks'));
    expect(whole(thanks)).toContain('steps.points_1.points');
    expect(whole(thanks)).not.toContain('steps.points.points');
  });
  it('settings are replaced, and nothing beside them', () => {
    const next = setConfig(drawing, 'deposit', { percent: 20 });
    expect(nodeOf(next, 'deposit')).toEqual({ ...nodeOf(drawing, 'deposit'), data: { actionType: 'create_deposit', label: 'Half in 7 days', config: { percent: 20 } } });
  });
});

const kind = (name: string, role: Kind['role'], branches: string[] = []): Kind => ({ name, role, branches, label: name, docs: '', schema: {}, example: {}, result: [] });
const catalogue = catalogueOf([kind('order_created', 'trigger'), kind('condition', 'condition', ['true', 'false']), kind('for_each', 'control', ['each', 'after']), kind('stop', 'control'), kind('add_tag', 'action')]);

describe('a way', () => {
  const node = (id: string, key: string, name: string) => ({ id, position: { x: 0, y: 0 }, data: { [key]: name } });
  const drawing = {
    nodes: [node('t', 'triggerType', 'order_created'), node('c', 'conditionType', 'condition'), node('a', 'actionType', 'add_tag'), node('loop', 'controlType', 'for_each'), node('in', 'actionType', 'add_tag'), node('end', 'controlType', 'stop'), { id: 'n', type: 'note', data: {} }],
    edges: [{ source: 't', target: 'c' }, { source: 'c', sourceHandle: 'yes', target: 'a' }, { source: 'c', sourceHandle: 'false', target: 'loop' }, { source: 'loop', sourceHandle: 'each', target: 'in' }],
  };
  const says = (source: string, target: string, branch: string | null = null) => refusal(drawing, catalogue, { source, target, branch });
  it('is refused in words', () => {
    expect(says('a', 'a')).toMatch('to itself');
    expect(says('a', 't')).toMatch('trigger');
    expect(says('a', 'n')).toMatch('Notes and groups');
    expect(says('end', 'a')).toMatch('Nothing follows');
    expect(says('c', 'a', 'true')).toMatch('already');
    expect(says('c', 'a')).toMatch('true, false');
    expect(says('a', 'c')).toMatch('That would be a circle: “condition” → “add_tag” → “condition”.');
    expect(says('a', 'in')).toMatch('runs once for each item');
    for (const fine of [says('a', 'end'), says('in', 'end'), says('loop', 'a', 'after'), says('c', 'a', 'false')]) expect(fine).toBeUndefined();
  });
  it('is drawn once', () => {
    const ends = { source: 'a', target: 'end', branch: null };
    const once = connect(drawing, ends);
    expect(connect(once, ends)).toBe(once);
    expect(edgesOf(once).at(-1)).toEqual({ id: 'a-next-end_1', source: 'a', target: 'end' });
  });
});
