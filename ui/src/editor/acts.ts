// What one does to the drawing from menus, keys and the palette alike.
import { laidOut } from '@/graph/layout';
import { readDrawing } from '@/graph/drawing';
import { beginning, branchesOf, type Catalogue, type Kind, kindOf } from './catalogue';
import { refusal } from './connecting';
import {
  absolutePlace,
  addNode,
  addNote,
  branchOf,
  connect,
  type Copied,
  copy,
  edgesOf,
  group,
  idOf,
  move,
  nodeOf,
  nodesOf,
  parentOf,
  paste,
  type Place,
  remove,
  text,
} from './model';
import { isGroup, isNote } from './shown';
import type { Editor } from './state';

let copied: Copied | undefined;
const STEP = 140;

const RIGHT = { x: 280, y: 0 };
const DOWN = { x: 0, y: 104 };

/** A place that no card covers, going from the wanted one. */
function freePlace(editor: Editor, wanted: Place, going: Place): Place {
  const drawn = editor.getState().history.present;
  const taken = nodesOf(drawn)
    .filter((node) => !isGroup(node))
    .map((node) => absolutePlace(drawn, node));
  const place = { ...wanted };
  while (taken.some((other) => Math.abs(other.x - place.x) < 250 && Math.abs(other.y - place.y) < 84)) {
    place.x += going.x;
    place.y += going.y;
  }
  return place;
}

export const act = {
  /** Adds a node; behind `from`, connected. */
  add(
    editor: Editor,
    catalogue: Catalogue,
    kind: Kind,
    { at, from }: { at: Place; from?: { id: string; branch: string | null } | undefined },
  ) {
    let made = '';
    editor.getState().edit((drawing) => {
      const before = from && nodeOf(drawing, from.id);
      const wanted = before ? { x: absolutePlace(drawing, before).x, y: absolutePlace(drawing, before).y + STEP } : at;
      const added = addNode(drawing, {
        kind: kind.name,
        role: kind.role,
        config: beginning(kind),
        at: freePlace(editor, wanted, before ? RIGHT : DOWN),
      });
      made = added.id;
      const ends = from && { source: from.id, target: added.id, branch: from.branch };
      return ends && refusal(added.drawing, catalogue, ends) === undefined ? connect(added.drawing, ends) : added.drawing;
    });
    editor.getState().open(made);
    editor.getState().set({ adding: undefined });
  },
  /** Behind the chosen node if something can follow there, else at a place. */
  addNext(editor: Editor, catalogue: Catalogue, kind: Kind, at: Place) {
    const { chosen, history } = editor.getState();
    const [id] = chosen;
    const node = id && chosen.size === 1 ? nodeOf(history.present, id) : undefined;
    if (!node || kind.role === 'trigger' || !kindOf(node, catalogue)) return act.add(editor, catalogue, kind, { at });
    const used = new Set(
      edgesOf(history.present)
        .filter((edge) => text(edge.source) === id)
        .map(branchOf),
    );
    const branches = branchesOf(node, kindOf(node, catalogue));
    const branch = branches.length === 0 ? null : (branches.find((one) => !used.has(one)) ?? branches[0] ?? null);
    return act.add(editor, catalogue, kind, { at, from: { id: idOf(node), branch } });
  },
  note(editor: Editor, at: Place) {
    let made = '';
    editor.getState().edit((drawing) => {
      const added = addNote(drawing, freePlace(editor, at, DOWN));
      made = added.id;
      return added.drawing;
    });
    editor.getState().open(made);
  },
  group(editor: Editor) {
    const { chosen, edit, open } = editor.getState();
    if (chosen.size === 0) return;
    let made = '';
    edit((drawing) => {
      const framed = group(drawing, chosen);
      made = framed.id;
      return framed.drawing;
    });
    open(made);
  },
  remove(editor: Editor) {
    const { chosen, chosenEdges, edit, choose, opened, set } = editor.getState();
    edit((drawing) => remove(drawing, chosen, chosenEdges));
    if (opened && chosen.has(opened)) set({ opened: undefined });
    choose([]);
  },
  copy(editor: Editor) {
    const { chosen, history } = editor.getState();
    if (chosen.size === 0) return false;
    copied = copy(history.present, chosen);
    return true;
  },
  paste(editor: Editor) {
    if (!copied) return;
    let made: ReadonlySet<string> = new Set();
    const again = copied;
    editor.getState().edit((drawing) => {
      const pasted = paste(drawing, again, { x: 40, y: 40 });
      made = pasted.ids;
      return pasted.drawing;
    });
    editor.getState().choose(made);
  },
  all(editor: Editor) {
    const drawn = editor.getState().history.present;
    editor.getState().choose(nodesOf(drawn).map(idOf), edgesOf(drawn).map(idOf));
  },
  /** Lays everything out anew; what is in a group stays where it is within it. */
  tidy(editor: Editor) {
    editor.getState().edit((drawing) => {
      const free = nodesOf(drawing).filter((node) => !isNote(node) && !isGroup(node) && !parentOf(node));
      const whole = readDrawing({ nodes: free, edges: edgesOf(drawing) });
      const placed = laidOut(whole);
      return move(drawing, new Map(placed.nodes.map((node) => [node.id, { x: node.x, y: node.y }])));
    });
  },
  /** Where an arrow leads from a node: down to what follows, up to what comes before, sideways to what lies beside. */
  walk(editor: Editor, key: string) {
    const { chosen, history, choose } = editor.getState();
    const drawing = history.present;
    const [id] = chosen;
    const cards = nodesOf(drawing).filter((node) => !isGroup(node));
    const place = (one: string) => {
      const node = nodeOf(drawing, one);
      return node ? absolutePlace(drawing, node) : { x: 0, y: 0 };
    };
    let next: string | undefined;
    if (!id) next = cards.map(idOf).sort((one, other) => place(one).y - place(other).y)[0];
    else if (key === 'ArrowDown' || key === 'ArrowUp') {
      const [from, to] = key === 'ArrowDown' ? ['source', 'target'] : ['target', 'source'];
      next = edgesOf(drawing)
        .filter((edge) => text(edge[from as string]) === id)
        .map((edge) => text(edge[to as string]))
        .sort((one, other) => place(one).x - place(other).x)[0];
    } else {
      const own = place(id);
      const side = key === 'ArrowRight' ? 1 : -1;
      next = cards
        .map(idOf)
        .filter((one) => (place(one).x - own.x) * side > 10)
        .sort((one, other) => far(place(one), own) - far(place(other), own))[0];
    }
    if (!next) return;
    choose([next]);
    focusOn(next);
    if (editor.getState().opened) editor.getState().open(next);
  },
};

/** The keys go to the canvas, at this node. */
export function focusOn(id: string | undefined) {
  const node = id ? document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(id)}"]`) : null;
  if (node) node.focus({ preventScroll: true });
  else (document.activeElement as HTMLElement | null)?.blur();
}

const far = (one: Place, other: Place) => Math.abs(one.x - other.x) + 3 * Math.abs(one.y - other.y);
