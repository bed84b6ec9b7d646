// The drawing exactly as it came, and what one may do with it. Nothing here knows of a screen: every edit takes a drawing and gives
// the next one; what an edit does not touch stays the very same value, with keys that we know nothing of.
import { NODE, type Role } from '@/graph/drawing';

export type Raw = Readonly<Record<string, unknown>>;
/** React Flow JSON: `{nodes, edges}`, or `{elements}` as version 9 has it. */
export type Definition = Raw;
export interface Place { x: number; y: number }

export const object = (value: unknown): Raw => (value && typeof value === 'object' && !Array.isArray(value) ? (value as Raw) : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const isOld = (drawing: Definition) => !Array.isArray(drawing.nodes) && Array.isArray(drawing.elements);
const isEdge = (one: unknown) => 'source' in object(one) && 'target' in object(one);

export const nodesOf = (drawing: Definition): readonly Raw[] => (isOld(drawing) ? list(drawing.elements).filter((one) => !isEdge(one)) : list(drawing.nodes)) as readonly Raw[];
export const edgesOf = (drawing: Definition): readonly Raw[] => (isOld(drawing) ? list(drawing.elements).filter(isEdge) : list(drawing.edges)) as readonly Raw[];

function withParts(drawing: Definition, nodes: readonly Raw[], edges: readonly Raw[]): Definition {
  if (isOld(drawing)) return { ...drawing, elements: [...nodes, ...edges] };
  const next: Record<string, unknown> = { ...drawing };
  if (nodes !== drawing.nodes) next.nodes = nodes;
  if (edges !== drawing.edges) next.edges = edges;
  return next;
}

export const idOf = (one: Raw) => text(object(one).id);
export const dataOf = (node: Raw) => object(node.data);
export const configOf = (node: Raw) => object(dataOf(node).config);
export const parentOf = (node: Raw) => text(node.parentId) || text(node.parentNode);
export const nodeOf = (drawing: Definition, id: string) => nodesOf(drawing).find((node) => idOf(node) === id);
export const placeOf = (node: Raw): Place => ({ x: Number(object(node.position).x) || 0, y: Number(object(node.position).y) || 0 });

const edited = (drawing: Definition, id: string, edit: (node: Raw) => Raw): Definition =>
  withParts(drawing, nodesOf(drawing).map((node) => (idOf(node) === id ? edit(node) : node)), edgesOf(drawing));

/** A name that nobody has: `send_email_2`. */
function freeId(taken: ReadonlySet<string>, wanted: string): string {
  for (let count = 1; ; count += 1) {
    const tried = `${wanted}_${count}`;
    if (!taken.has(tried)) return tried;
  }
}

const idsOf = (drawing: Definition) => new Set([...nodesOf(drawing), ...edgesOf(drawing)].map(idOf));

export interface NewNode { kind: string; role: Role; config: Raw; at: Place }

export function addNode(drawing: Definition, { kind, role, config, at }: NewNode): { drawing: Definition; id: string } {
  const id = freeId(idsOf(drawing), kind);
  const node = { id, type: role, position: rounded(at), data: { [`${role}Type`]: kind, config } };
  return { id, drawing: withParts(drawing, [...nodesOf(drawing), node], edgesOf(drawing)) };
}

export function addNote(drawing: Definition, at: Place): { drawing: Definition; id: string } {
  const id = freeId(idsOf(drawing), 'note');
  const node = { id, type: 'note', position: rounded(at), data: { label: '' } };
  return { id, drawing: withParts(drawing, [...nodesOf(drawing), node], edgesOf(drawing)) };
}

const rounded = ({ x, y }: Place): Place => ({ x: Math.round(x), y: Math.round(y) });

export interface Ends { source: string; target: string; branch: string | null }

/** What React Flow calls the branch of an edge, and what other UIs do. */
export function branchOf(edge: Raw): string | null {
  const data = object(edge.data);
  const handle = text(edge.sourceHandle);
  const said = (handle === 'null' ? '' : handle) || text(data.branch) || text(data.sourceHandle) || text(data.condition) || text(data.label) || text(edge.label);
  return ({ yes: 'true', no: 'false' } as Record<string, string>)[said.toLowerCase()] ?? (said || null);
}

export const isSameWay = (edge: Raw, { source, target, branch }: Ends) =>
  text(edge.source) === source && text(edge.target) === target && branchOf(edge) === branch;

export function connect(drawing: Definition, ends: Ends): Definition {
  if (edgesOf(drawing).some((edge) => isSameWay(edge, ends))) return drawing;
  const id = freeId(idsOf(drawing), `${ends.source}-${ends.branch ?? 'next'}-${ends.target}`);
  const edge = { id, source: ends.source, target: ends.target, ...(ends.branch ? { sourceHandle: ends.branch } : {}) };
  return withParts(drawing, nodesOf(drawing), [...edgesOf(drawing), edge]);
}

/** Where a node lies on the canvas, whatever groups it is in. */
export function absolutePlace(drawing: Definition, node: Raw): Place {
  let place = placeOf(node);
  let parent = parentOf(node);
  for (let depth = 0; parent && depth < 20; depth += 1) {
    const group = nodeOf(drawing, parent);
    if (!group) break;
    const own = placeOf(group);
    place = { x: place.x + own.x, y: place.y + own.y };
    parent = parentOf(group);
  }
  return place;
}

function withoutParent(node: Raw, place: Place): Raw {
  const { parentId: _one, parentNode: _other, extent: _extent, ...rest } = node as Record<string, unknown>;
  return { ...rest, position: { ...object(node.position), ...rounded(place) } };
}

/** Nodes with their edges, and edges; what was in a group that goes lies free then, where it was. */
export function remove(drawing: Definition, nodes: ReadonlySet<string>, edges: ReadonlySet<string> = new Set()): Definition {
  if (nodes.size === 0 && edges.size === 0) return drawing;
  const left = nodesOf(drawing).filter((node) => !nodes.has(idOf(node)))
    .map((node) => (nodes.has(parentOf(node)) ? withoutParent(node, absolutePlace(drawing, node)) : node));
  const ways = edgesOf(drawing).filter((edge) => !edges.has(idOf(edge)) && !nodes.has(text(edge.source)) && !nodes.has(text(edge.target)));
  return withParts(drawing, left, ways);
}

/** Puts nodes elsewhere, each at a place within its group; all else of them stays. */
export function move(drawing: Definition, places: ReadonlyMap<string, Place>): Definition {
  const nodes = nodesOf(drawing).map((node) => {
    const place = places.get(idOf(node));
    if (!place) return node;
    const [before, after] = [placeOf(node), rounded(place)];
    if (before.x === after.x && before.y === after.y) return node;
    const next: Record<string, unknown> = { ...node, position: { ...object(node.position), ...after } };
    // React Flow 11 saves the reckoned place as well: it goes along.
    const whole = object(node.positionAbsolute);
    if ('x' in whole) next.positionAbsolute = { ...whole, x: Number(whole.x) + after.x - before.x, y: Number(whole.y) + after.y - before.y };
    return next;
  });
  return withParts(drawing, nodes, edgesOf(drawing));
}

export const setData = (drawing: Definition, id: string, name: string, value: unknown): Definition => edited(drawing, id, (node) => {
  const { [name]: _old, ...rest } = dataOf(node) as Record<string, unknown>;
  if (value === undefined) return { ...node, data: rest };
  return { ...node, data: name in dataOf(node) ? { ...dataOf(node), [name]: value } : { ...rest, [name]: value } };
});
export const setConfig = (drawing: Definition, id: string, config: Raw) => setData(drawing, id, 'config', config);
export const setLabel = (drawing: Definition, id: string, label: string) => setData(drawing, id, 'label', label === '' ? undefined : label);

const PADDING = { side: 24, top: 40 };
const sizeOf = (node: Raw) => {
  const style = object(node.style);
  const measured = object(node.measured);
  return { width: Number(node.width ?? style.width ?? measured.width) || NODE.width, height: Number(node.height ?? style.height ?? measured.height) || NODE.height };
};
export const groupSize = (node: Raw) => {
  const { width, height } = sizeOf(node);
  return { width: Math.max(width, 120), height: Math.max(height, 80) };
};

/** A frame around nodes; they move with it. */
export function group(drawing: Definition, ids: ReadonlySet<string>): { drawing: Definition; id: string } {
  const inside = nodesOf(drawing).filter((node) => ids.has(idOf(node)) && !ids.has(parentOf(node)));
  const boxes = inside.map((node) => ({ ...absolutePlace(drawing, node), ...(text(node.type) === 'group' ? groupSize(node) : NODE) }));
  const left = Math.min(...boxes.map((box) => box.x)) - PADDING.side;
  const top = Math.min(...boxes.map((box) => box.y)) - PADDING.top;
  const right = Math.max(...boxes.map((box) => box.x + box.width)) + PADDING.side;
  const bottom = Math.max(...boxes.map((box) => box.y + box.height)) + PADDING.side;
  const id = freeId(idsOf(drawing), 'group');
  const frame = { id, type: 'group', position: rounded({ x: left, y: top }), style: { width: Math.round(right - left), height: Math.round(bottom - top) }, data: { label: '' } };
  const held = new Set(inside.map(idOf));
  const nodes = nodesOf(drawing).map((node) => {
    if (!held.has(idOf(node))) return node;
    const place = absolutePlace(drawing, node);
    return { ...withoutParent(node, { x: place.x - left, y: place.y - top }), parentId: id };
  });
  // React Flow wants a group before what is in it.
  return { id, drawing: withParts(drawing, [frame, ...nodes], edgesOf(drawing)) };
}

export interface Copied { nodes: readonly Raw[]; edges: readonly Raw[] }

/** Nodes and the edges between them, as they lie on the canvas. */
export function copy(drawing: Definition, ids: ReadonlySet<string>): Copied {
  const nodes = nodesOf(drawing).filter((node) => ids.has(idOf(node)))
    .map((node) => (parentOf(node) && !ids.has(parentOf(node)) ? withoutParent(node, absolutePlace(drawing, node)) : node));
  return { nodes, edges: edgesOf(drawing).filter((edge) => ids.has(text(edge.source)) && ids.has(text(edge.target))) };
}

const escaped = (id: string) => id.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** In every text: the results of copied nodes are those of the copies. */
function renamed(value: unknown, ids: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') {
    let next = value;
    for (const [from, to] of ids) {
      next = next.replace(new RegExp(`(\\bsteps\\.)${escaped(from)}(?![\\w-])`, 'g'), `$1${to}`).replace(new RegExp(`(\\bsteps\\[["'])${escaped(from)}(["']\\])`, 'g'), `$1${to}$2`);
    }
    return next;
  }
  if (Array.isArray(value)) return value.map((each) => renamed(each, ids));
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, renamed(each, ids)]));
  return value;
}

/** What was copied, with ids of its own, a little beside. A second trigger is left out. */
export function paste(drawing: Definition, copied: Copied, by: Place): { drawing: Definition; ids: ReadonlySet<string> } {
  const hasTrigger = nodesOf(drawing).some((node) => text(dataOf(node).triggerType));
  const taken = idsOf(drawing);
  const ids = new Map<string, string>();
  for (const node of copied.nodes) {
    if (hasTrigger && text(dataOf(node).triggerType)) continue;
    const id = freeId(taken, idOf(node).replace(/_\d+$/, '') || 'node');
    taken.add(id);
    ids.set(idOf(node), id);
  }
  const nodes = copied.nodes.filter((node) => ids.has(idOf(node))).map((node) => {
    const parent = ids.get(parentOf(node));
    const place = parent ? placeOf(node) : { x: placeOf(node).x + by.x, y: placeOf(node).y + by.y };
    const free = parent ? { ...node, parentId: parent } : withoutParent(node, place);
    return { ...free, id: ids.get(idOf(node)), data: renamed(node.data, ids) } as Raw;
  });
  const edges = copied.edges.flatMap((edge) => {
    const [source, target] = [ids.get(text(edge.source)), ids.get(text(edge.target))];
    if (!source || !target) return [];
    const id = freeId(taken, `${source}-${branchOf(edge) ?? 'next'}-${target}`);
    taken.add(id);
    return [{ ...edge, id, source, target } as Raw];
  });
  return { drawing: withParts(drawing, [...nodesOf(drawing), ...nodes], [...edgesOf(drawing), ...edges]), ids: new Set(ids.values()) };
}
