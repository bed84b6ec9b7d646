// Where nodes lie that nobody has placed: from above, in ranks.
import { Graph, layout } from '@dagrejs/dagre';
import { type Drawing, NODE } from './drawing';

/** Whether two cards lie over each other, or all in one place. */
export function isCrowded({ nodes }: Drawing): boolean {
  return nodes.some((one, at) =>
    nodes.slice(at + 1).some((other) => Math.abs(one.x - other.x) < NODE.width + 8 && Math.abs(one.y - other.y) < NODE.height + 8),
  );
}

export function laidOut(drawing: Drawing): Drawing {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'TB', nodesep: 48, ranksep: 64 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of drawing.nodes) graph.setNode(node.id, { ...NODE });
  for (const edge of drawing.edges) graph.setEdge(edge.source, edge.target, {}, edge.id);
  layout(graph);
  const place = (id: string) => graph.node(id) as { x: number; y: number };
  const side = isTurned(drawing, (id) => place(id).x) ? -1 : 1;
  return {
    ...drawing,
    nodes: drawing.nodes.map((node) => ({ ...node, x: side * place(node.id).x - NODE.width / 2, y: place(node.id).y - NODE.height / 2 })),
  };
}

/** Whether most branches lie from right to left: what is drawn first belongs to the left. */
function isTurned({ edges }: Drawing, x: (id: string) => number): boolean {
  let turned = 0;
  const last = new Map<string, number>();
  for (const { source, target } of edges) {
    const before = last.get(source);
    if (before !== undefined) turned += Math.sign(before - x(target));
    last.set(source, x(target));
  }
  return turned > 0;
}

/** As it was placed, if that can be read; stretched where cards are taller than who placed them thought. */
export function placed(drawing: Drawing): Drawing {
  return isCrowded(drawing) ? laidOut(drawing) : drawing;
}
