// Two drawings as one: what both have, what came, what went; for a graph that shows the difference.
import type { Schemas } from '@/api/client';
import type { Drawing, DrawnEdge } from '@/graph/drawing';
import type { Change, Changes } from '@/graph/Graph';

type Diff = Pick<Schemas['WorkflowDiff'], 'nodes' | 'edges'>;
const wayOf = (edge: Pick<DrawnEdge, 'source' | 'target' | 'branch'>) => `${edge.source}\0${edge.target}\0${edge.branch ?? ''}`;

/** The newer drawing with what the older one had besides, where it lay; and what became of each. */
export function compared(older: Drawing, newer: Drawing, diff: Diff | undefined): { drawing: Drawing; changes: Changes } {
  const known = new Set(newer.nodes.map((node) => node.id));
  const ways = new Set(newer.edges.map(wayOf));
  const gone = older.nodes.filter((node) => !known.has(node.id));
  const goneWays = older.edges.filter((edge) => !ways.has(wayOf(edge))).map((edge) => ({ ...edge, id: `gone ${edge.id}` }));
  const before = new Set(older.edges.map(wayOf));
  const changes: Changes = { nodes: new Map(), edges: new Map(goneWays.map((edge) => [edge.id, 'removed' as Change])) };
  for (const one of diff?.nodes ?? []) changes.nodes.set(one.node, one.change);
  for (const edge of newer.edges) if (!before.has(wayOf(edge))) changes.edges.set(edge.id, 'added');
  return { drawing: { nodes: [...newer.nodes, ...gone], edges: [...newer.edges, ...goneWays] }, changes };
}
