import { describe, expect, it } from 'vitest';
import { readDrawing } from '@/graph/drawing';
import { compared } from './compared';

const node = (id: string, x = 0) => ({ id, position: { x, y: 0 }, data: { actionType: 'add_tag' } });

describe('two drawings as one', () => {
  it('has what came, what went and what changed, each as that', () => {
    const older = readDrawing({
      nodes: [node('a'), node('b'), node('gone', 9)],
      edges: [
        { id: 'e1', source: 'a', target: 'b' },
        { id: 'e2', source: 'a', target: 'gone' },
      ],
    });
    const newer = readDrawing({
      nodes: [node('a'), node('b'), node('came')],
      edges: [
        { id: 'e1', source: 'a', target: 'b' },
        { id: 'e2', source: 'b', target: 'came' },
      ],
    });
    const { drawing, changes } = compared(older, newer, {
      nodes: [
        { change: 'added', node: 'came', fields: [] },
        { change: 'removed', node: 'gone' },
        { change: 'changed', node: 'b', fields: [] },
      ],
      edges: [],
    });
    expect(drawing.nodes.map(({ id }) => id)).toEqual(['a', 'b', 'came', 'gone']);
    expect(drawing.nodes.at(-1)?.x).toBe(9);
    expect(Object.fromEntries(changes.nodes)).toEqual({ came: 'added', gone: 'removed', b: 'changed' });
    expect(Object.fromEntries(changes.edges)).toEqual({ e2: 'added', 'gone e2': 'removed' });
  });
});
