// From the drawing to what React Flow draws. A node that did not change stays the same object, so that only what changed is drawn anew.
import { type Edge, MarkerType, type Node } from '@xyflow/react';
import type { Diagnostic } from '@/api/problem';
import { type DrawnNode, NODE, type Role, summary, words } from '@/graph/drawing';
import type { PathEdge } from '@/graph/BranchEdge';
import { outcomes, type TakenStep, takenEdges } from '@/graph/path';
import { toneOf } from '@/parts/Status';
import { branchesOf, type Catalogue, kindName, kindOf, labelOf, moneyIn } from './catalogue';
import {
  branchOf,
  configOf,
  dataOf,
  type Definition,
  edgesOf,
  groupSize,
  idOf,
  nodesOf,
  parentOf,
  type Place,
  placeOf,
  type Raw,
  text,
} from './model';

export interface EditData extends Record<string, unknown> {
  drawn: DrawnNode;
  branches: string[];
  hasError: boolean;
  /** The branches that edges leave by, each with a line's end; the one without a name is an empty line. */
  used: string;
  faults: number;
  warnings: number;
  outcome?: string | undefined;
  isLit?: boolean | undefined;
  isOff?: boolean | undefined;
}
export type EditNode = Node<EditData, 'edit'> | Node<{ label: string; [key: string]: unknown }, 'note' | 'group'>;

const NOTES = new Set(['note', 'notes', 'stickyNote', 'sticky', 'annotation', 'comment', 'placeholder']);
export const isNote = (node: Raw) => NOTES.has(text(node.type)) && !kindName({ ...node, type: '' });
export const isGroup = (node: Raw) => text(node.type) === 'group';

export const usedOf = (used: string): string[] => used.split('\n').slice(0, -1);

export interface Look {
  drawing: Definition;
  catalogue: Catalogue;
  diagnostics: readonly Diagnostic[];
  chosen: ReadonlySet<string>;
  chosenEdges: ReadonlySet<string>;
  dragged: ReadonlyMap<string, Place>;
  steps?: readonly TakenStep[] | undefined;
}

const NOTE = { width: 200, height: 92 };

export class Shower {
  private nodes = new Map<string, { by: readonly unknown[]; node: EditNode }>();
  private edges = new Map<string, { by: readonly unknown[]; edge: PathEdge }>();

  private kept<T extends { by: readonly unknown[] }>(met: Map<string, T>, id: string, by: readonly unknown[], make: () => T): T {
    const old = met.get(id);
    if (old && old.by.length === by.length && old.by.every((one, at) => one === by[at])) return old;
    return make();
  }

  show(look: Look): { nodes: EditNode[]; edges: Edge[] } {
    const { drawing, catalogue } = look;
    const ended = look.steps && outcomes(look.steps);
    const used = usedBranches(drawing, catalogue);
    const money = moneyIn(drawing, catalogue);
    const names = [...money].join(' ');
    const said = new Map<string, { faults: number; warnings: number }>();
    for (const one of look.diagnostics) {
      if (!one.node) continue;
      const so = said.get(one.node) ?? { faults: 0, warnings: 0 };
      said.set(one.node, one.severity === 'error' ? { ...so, faults: so.faults + 1 } : { ...so, warnings: so.warnings + 1 });
    }
    const all = nodesOf(drawing).filter((node) => idOf(node));
    const known = new Map(all.map((node) => [idOf(node), node]));
    const nextNodes = new Map<string, { by: readonly unknown[]; node: EditNode }>();
    for (const node of inOrder(all, known)) {
      const id = idOf(node);
      const place = look.dragged.get(id);
      const { faults = 0, warnings = 0 } = said.get(id) ?? {};
      const extra: Extra = { place, used: used.get(id) ?? '', faults, warnings, ended, hasParent: known.has(parentOf(node)), money };
      const by = [
        node,
        look.chosen.has(id),
        place,
        extra.used,
        faults,
        warnings,
        ended?.get(id),
        ended !== undefined,
        catalogue,
        extra.hasParent,
        names,
      ];
      nextNodes.set(
        id,
        this.kept(this.nodes, id, by, () => ({ by, node: nodeShown(node, look, extra) })),
      );
    }
    this.nodes = nextNodes;
    return { nodes: [...nextNodes.values()].map(({ node }) => node), edges: this.showEdges(look, known, ended) };
  }

  private showEdges(look: Look, known: Map<string, Raw>, ended: Map<string, string> | undefined): Edge[] {
    const ways = edgesOf(look.drawing).filter((edge) => known.has(text(edge.source)) && known.has(text(edge.target)));
    const drawn = ways.map((edge, at) => ({
      id: idOf(edge) || `edge-${at}`,
      source: text(edge.source),
      target: text(edge.target),
      branch: leavesBy(edge, known, look.catalogue),
    }));
    const taken = look.steps && takenEdges({ nodes: [], edges: drawn }, look.steps);
    const next = new Map<string, { by: readonly unknown[]; edge: PathEdge }>();
    for (const edge of drawn) {
      const isTaken = taken?.has(edge.id);
      const tone = toneOf(ended?.get(edge.target) ?? 'succeeded');
      const isChosen = look.chosenEdges.has(edge.id);
      const by = [edge.source, edge.target, edge.branch, isTaken, tone, isChosen];
      next.set(
        edge.id,
        this.kept(this.edges, edge.id, by, () => ({ by, edge: edgeShown(edge, isTaken, tone, isChosen) })),
      );
    }
    this.edges = next;
    return [...next.values()].map(({ edge }) => edge);
  }
}

function edgeShown(
  edge: { id: string; source: string; target: string; branch: string | null },
  isTaken: boolean | undefined,
  tone: string,
  isChosen: boolean,
): PathEdge {
  const color = isChosen ? 'var(--accent)' : isTaken ? `var(--${tone}-mark)` : isTaken === undefined ? 'var(--frame)' : 'var(--line)';
  return {
    id: edge.id,
    source: edge.source,
    target: edge.target,
    sourceHandle: edge.branch,
    type: 'branch',
    selected: isChosen,
    focusable: false,
    markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16, markerUnits: 'userSpaceOnUse', color },
    data: { branch: edge.branch, taken: isTaken, tone },
  };
}

/** The handle an edge leaves by: nodes without branches have one without a name, and `error`. */
function leavesBy(edge: Raw, known: Map<string, Raw>, catalogue: Catalogue): string | null {
  const branch = branchOf(edge);
  const source = known.get(text(edge.source));
  if (!source || branch === null || branch === 'error') return branch;
  const kind = kindOf(source, catalogue);
  return kind && branchesOf(source, kind).length === 0 ? null : branch;
}

function usedBranches(drawing: Definition, catalogue: Catalogue): Map<string, string> {
  const known = new Map(nodesOf(drawing).map((node) => [idOf(node), node]));
  const found = new Map<string, Set<string>>();
  for (const edge of edgesOf(drawing)) {
    const source = text(edge.source);
    found.set(source, (found.get(source) ?? new Set()).add(leavesBy(edge, known, catalogue) ?? ''));
  }
  return new Map(
    [...found].map(([id, names]) => [
      id,
      [...names]
        .sort()
        .map((name) => `${name}\n`)
        .join(''),
    ]),
  );
}

/** Groups stand before what is in them: React Flow asks for that. */
function inOrder(nodes: readonly Raw[], known: Map<string, Raw>): readonly Raw[] {
  if (!nodes.some((node) => parentOf(node))) return nodes;
  const depth = (node: Raw): number => {
    let count = 0;
    for (let parent = known.get(parentOf(node)); parent && count < 20; parent = known.get(parentOf(parent))) count += 1;
    return count;
  };
  return [...nodes].sort((one, other) => depth(one) - depth(other));
}

interface Extra {
  place: Place | undefined;
  used: string;
  faults: number;
  warnings: number;
  ended: Map<string, string> | undefined;
  hasParent: boolean;
  money: ReadonlySet<string>;
}

function nodeShown(node: Raw, look: Look, { place, used, faults, warnings, ended, hasParent, money }: Extra): EditNode {
  const id = idOf(node);
  const base = { id, position: place ?? placeOf(node), selected: look.chosen.has(id), ...(hasParent ? { parentId: parentOf(node) } : {}) };
  const label = text(dataOf(node).label);
  if (isGroup(node))
    return {
      ...base,
      type: 'group',
      ...groupSize(node),
      measured: groupSize(node),
      data: { label },
      ariaLabel: `Group${label ? `: ${label}` : ''}`,
      zIndex: -1,
    };
  if (isNote(node))
    return {
      ...base,
      type: 'note',
      ...NOTE,
      measured: NOTE,
      data: { label: label || text(dataOf(node).text) },
      ariaLabel: `Note: ${label}`,
    };
  const kind = kindOf(node, look.catalogue);
  const role: Role =
    kind?.role ?? (['trigger', 'condition', 'control', 'action'].includes(text(node.type)) ? (text(node.type) as Role) : 'note');
  const outcome = ended?.get(id);
  const named = labelOf(node, look.catalogue) || id;
  const config = configOf(node) as Record<string, unknown>;
  const drawn: DrawnNode = {
    id,
    role,
    kind: kind?.label ?? (kindName(node) || 'no kind yet'),
    label: named,
    line: summary(config, money),
    config,
    x: 0,
    y: 0,
  };
  const own = branchesOf(node, kind);
  const strange = usedOf(used).filter((branch) => branch && branch !== 'error' && !own.includes(branch));
  const isOff = dataOf(node).enabled === false || (dataOf(node).enabled === undefined && dataOf(node).disabled === true);
  return {
    ...base,
    type: 'edit',
    ...NODE,
    measured: NODE,
    ariaLabel: `${words(drawn.kind)}: ${named}${outcome ? `, ${outcome}` : ''}${faults > 0 ? `, ${faults} to mend` : ''}`,
    data: {
      drawn,
      branches: own.length > 0 || kind === undefined ? [...own, ...strange] : strange,
      hasError: kind?.error_branch !== undefined && role !== 'trigger' && kind.name !== 'stop',
      used,
      faults,
      warnings,
      isOff,
      ...(outcome ? { outcome } : {}),
      ...(ended ? { isLit: outcome !== undefined && outcome !== 'skipped' } : {}),
    },
  };
}
