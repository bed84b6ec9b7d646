// Whether a way may be drawn, and in words why not.
import { type Catalogue, branchesOf, isTrigger, kindName, kindOf, labelOf } from './catalogue';
import { branchOf, type Definition, edgesOf, type Ends, idOf, isSameWay, nodeOf, text } from './model';

/** The ways that leave each node. */
export function waysFrom(drawing: Definition): Map<string, { target: string; branch: string | null }[]> {
  const found = new Map<string, { target: string; branch: string | null }[]>();
  for (const edge of edgesOf(drawing)) {
    const source = text(edge.source);
    found.set(source, [...(found.get(source) ?? []), { target: text(edge.target), branch: branchOf(edge) }]);
  }
  return found;
}

/** All that can be reached from a node, each with the node it is reached from. */
export function reachedFrom(drawing: Definition, from: string, first?: string): Map<string, string> {
  const ways = waysFrom(drawing);
  const met = new Map<string, string>();
  const open = (ways.get(from) ?? []).filter((way) => first === undefined || way.branch === first).map((way) => [way.target, from] as const);
  while (open.length > 0) {
    const [id, before] = open.pop() as [string, string];
    if (met.has(id)) continue;
    met.set(id, before);
    for (const way of ways.get(id) ?? []) open.push([way.target, id]);
  }
  return met;
}

/** The nodes that come before one. */
export function before(drawing: Definition, id: string): Set<string> {
  const into = new Map<string, string[]>();
  for (const edge of edgesOf(drawing)) into.set(text(edge.target), [...(into.get(text(edge.target)) ?? []), text(edge.source)]);
  const met = new Set<string>();
  const open = [...(into.get(id) ?? [])];
  while (open.length > 0) {
    const next = open.pop() as string;
    if (met.has(next)) continue;
    met.add(next);
    open.push(...(into.get(next) ?? []));
  }
  return met;
}

/** Why a way may not be drawn; nothing: it may. */
export function refusal(drawing: Definition, catalogue: Catalogue, ends: Ends): string | undefined {
  const [source, target] = [nodeOf(drawing, ends.source), nodeOf(drawing, ends.target)];
  if (!source || !target) return 'There is no such node.';
  const named = (id: string) => `“${labelOf(nodeOf(drawing, id) ?? { id }, catalogue)}”`;
  if (ends.source === ends.target) return 'A node can’t lead to itself.';
  if (isTrigger(target, catalogue)) return 'Nothing leads into the trigger: it begins the workflow.';
  for (const node of [source, target]) {
    if (!kindOf(node, catalogue)) return ['note', 'group'].includes(text(node.type)) ? 'Notes and groups are no part of the way.' : `${named(idOf(node))} has no kind yet.`;
  }
  if (kindName(source) === 'stop') return 'Nothing follows “stop”: it ends the execution.';
  if (edgesOf(drawing).some((edge) => isSameWay(edge, ends))) return 'This way is there already.';
  const branches = branchesOf(source, kindOf(source, catalogue));
  if (branches.length > 0 && !ends.branch) return `Choose a branch: ${branches.join(', ')}.`;
  const back = reachedFrom(drawing, ends.target);
  if (back.has(ends.source)) {
    const way = [ends.source];
    for (let at = ends.source; at !== ends.target; at = back.get(at) as string) way.unshift(back.get(at) as string);
    const shown = way.length > 4 ? [way[0], way[1], null, way.at(-1)] : way;
    return `That would be a circle: ${[...shown, ends.target].map((id) => (id ? named(id) : '…')).join(' → ')}.`;
  }
  return leak(drawing, catalogue, ends, named);
}

/** A way into a loop's body comes from the loop, or from within. */
function leak(drawing: Definition, catalogue: Catalogue, ends: Ends, named: (id: string) => string): string | undefined {
  for (const id of before(drawing, ends.target)) {
    const loop = nodeOf(drawing, id);
    if (!loop || kindOf(loop, catalogue)?.name !== 'for_each') continue;
    const body = reachedFrom(drawing, id, 'each');
    if (!body.has(ends.target)) continue;
    const isFromLoop = ends.source === id && ends.branch === 'each';
    if (!isFromLoop && !body.has(ends.source)) return `${named(ends.target)} runs once for each item of ${named(id)}: ways into it come from there only.`;
  }
  return undefined;
}
