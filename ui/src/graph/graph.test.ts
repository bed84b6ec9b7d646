import { describe, expect, it } from 'vitest';
import { readDrawing, summary } from './drawing';
import { isCrowded, laidOut, placed } from './layout';
import { outcomes, takenEdges } from './path';

const drawn = {
  nodes: [
    { id: 'order', type: 'trigger', position: { x: 0, y: 0 }, data: { triggerType: 'order_created' } },
    {
      id: 'big',
      type: 'condition',
      position: { x: 0, y: 0 },
      data: { conditionType: 'condition', config: { rules: [{ field: 'order.total', operator: '>=', value: 10000 }] } },
    },
    { id: 'yes', position: { x: 0, y: 0 }, data: { actionType: 'send_email', label: 'Thanks' } },
    { id: 'no', position: { x: 0, y: 0 }, data: { actionType: 'send_email' } },
  ],
  edges: [
    { id: 'a', source: 'order', target: 'big' },
    { id: 'b', source: 'big', sourceHandle: 'true', target: 'yes' },
    { id: 'c', source: 'big', sourceHandle: 'false', target: 'no' },
    { id: 'd', source: 'big', target: 'nowhere' },
  ],
};

describe('a drawing', () => {
  it('is read whoever drew it, without edges that lead nowhere', () => {
    const { nodes, edges } = readDrawing(drawn);
    expect(nodes.map((node) => node.role)).toEqual(['trigger', 'condition', 'action', 'action']);
    expect(nodes[1]?.line).toBe('order.total ≥ 10000');
    expect(readDrawing(drawn, new Set(['order.total'])).nodes[1]?.line).toBe('order.total ≥ 100.00');
    expect(nodes[3]?.label).toBe('Send email');
    expect(edges.map((edge) => edge.branch)).toEqual([null, 'true', 'false']);
    for (const broken of [null, 4, 'x', {}, { nodes: [null, {}, 3], edges: 'none' }]) expect(readDrawing(broken).nodes).toEqual([]);
  });
  it('says what a node is set to in one line', () => {
    expect(summary({ subject: 'Thank you, {{ customer.name|default("you") }}' })).toBe('Thank you, customer.name');
    expect(summary({ percent: 50 })).toBe('50 %');
    expect(summary({})).toBe('');
  });
  it('is laid out where all lie in one place, and else left as it was placed', () => {
    const drawing = readDrawing(drawn);
    expect(isCrowded(drawing)).toBe(true);
    const at = laidOut(drawing);
    expect(isCrowded(at)).toBe(false);
    expect(placed(at)).toBe(at);
    const y = (id: string) => at.nodes.find((node) => node.id === id)?.y ?? 0;
    expect(y('order') < y('big') && y('big') < y('yes')).toBe(true);
    expect(laidOut(drawing)).toEqual(at);
  });
  it('shows the way that was taken', () => {
    const steps = [
      { node: 'order', outcome: 'done' },
      { node: 'big', outcome: 'done', branch: 'true' },
      { node: 'yes', outcome: 'failed' },
      { node: 'no', outcome: 'skipped' },
    ];
    expect([...takenEdges(readDrawing(drawn), steps)]).toEqual(['a', 'b']);
    expect(outcomes([...steps, { node: 'yes', outcome: 'skipped' }]).get('yes')).toBe('failed');
  });
});
