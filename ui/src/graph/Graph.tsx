// The graph to look at: moved and zoomed, walked by keys; nothing can be changed. The editor has the same cards and edges.
import { Background, BackgroundVariant, Controls, MarkerType, ReactFlow, ReactFlowProvider, useReactFlow, useStore } from '@xyflow/react';
import '@xyflow/react/dist/base.css';
import './graph.css';
import { useEffect, useMemo } from 'react';
import { toneOf } from '@/parts/Status';
import { BranchEdge, type PathEdge } from './BranchEdge';
import { type Drawing, NODE, words } from './drawing';
import { placed } from './layout';
import { type CardNode, NodeCard } from './NodeCard';
import { outcomes, takenEdges, type TakenStep } from './path';

const nodeTypes = { card: NodeCard };
const edgeTypes = { branch: BranchEdge };

/** Branches that lead to the same node lie on one line: the last of them says all. */
function labelsOf(edges: Drawing['edges']): Map<string, string> {
  const pairs = new Map<string, { id: string; said: string[] }>();
  for (const { id, source, target, branch } of edges) {
    const before = pairs.get(`${source}\0${target}`);
    pairs.set(`${source}\0${target}`, { id, said: [...(before?.said ?? []), ...(branch ? [branch] : [])] });
  }
  return new Map([...pairs.values()].filter(({ said }) => said.length > 0).map(({ id, said }) => [id, said.join(' · ')]));
}

const fit = { maxZoom: 1, padding: 0.15 };

/** All in sight again when there is more room, or less. */
function Refit() {
  const { fitView } = useReactFlow();
  const size = useStore((state) => `${state.width} ${state.height}`);
  useEffect(() => {
    if (size !== '0 0') void fitView(fit);
  }, [size, fitView]);
  return null;
}

export type Change = 'added' | 'removed' | 'changed';
export interface Changes {
  nodes: Map<string, Change>;
  edges: Map<string, Change>;
}
const TONES: Record<Change, string> = { added: 'succeeded', removed: 'failed', changed: 'waiting' };

export interface GraphProps {
  drawing: Drawing;
  label: string;
  /** What became of each since another drawing. */
  changes?: Changes;
  steps?: readonly TakenStep[];
  chosen?: string | undefined;
  choose?: (node: string | undefined) => void;
}

/** It has a store of its own wherever it is shown, also beside the editor. */
export function Graph(props: GraphProps) {
  return (
    <ReactFlowProvider>
      <Shown {...props} />
    </ReactFlowProvider>
  );
}

function Shown({ drawing, label, steps, changes, chosen, choose }: GraphProps) {
  const { nodes, edges } = useMemo(() => {
    const at = placed(drawing);
    const ended = steps && outcomes(steps);
    const taken = steps && takenEdges(drawing, steps);
    const nodes = at.nodes.map((drawn): CardNode => {
      const outcome = ended?.get(drawn.id);
      const change = changes?.nodes.get(drawn.id);
      return {
        id: drawn.id,
        type: 'card',
        position: { x: drawn.x, y: drawn.y },
        ...NODE,
        ariaLabel: `${words(drawn.kind)}: ${drawn.label}${outcome ? `, ${outcome}` : ''}${change ? `, ${change}` : ''}`,
        data: {
          drawn,
          ...(change ? { change } : {}),
          ...(outcome ? { outcome } : {}),
          ...(ended ? { isLit: outcome !== undefined && outcome !== 'skipped' } : {}),
        },
      };
    });
    const labels = labelsOf(at.edges);
    const edges = at.edges.map((edge): PathEdge => {
      const isTaken = taken?.has(edge.id);
      const tone = toneOf(ended?.get(edge.target) ?? 'succeeded');
      const change = changes?.edges.get(edge.id);
      const color = change
        ? `var(--${TONES[change]}-mark)`
        : isTaken
          ? `var(--${tone}-mark)`
          : isTaken === undefined
            ? 'var(--frame)'
            : 'var(--line)';
      return {
        id: edge.id,
        source: edge.source,
        target: edge.target,
        type: 'branch',
        focusable: false,
        markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16, markerUnits: 'userSpaceOnUse', color },
        data: { branch: labels.get(edge.id) ?? null, taken: isTaken, tone, change },
      };
    });
    return { nodes, edges };
  }, [drawing, steps, changes]);
  const shown = useMemo(() => nodes.map((node) => ({ ...node, selected: node.id === chosen })), [nodes, chosen]);
  return (
    <section className="graph" aria-label={label}>
      <ReactFlow
        nodes={shown}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        fitView
        fitViewOptions={fit}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        elementsSelectable
        minZoom={0.1}
        maxZoom={1.5}
        deleteKeyCode={null}
        ariaLabelConfig={{ 'node.a11yDescription.default': 'Enter chooses the node.' }}
        proOptions={{ hideAttribution: true }}
        onlyRenderVisibleElements={nodes.length > 100}
        onNodeClick={(_, node) => choose?.(node.id)}
        onPaneClick={() => choose?.(undefined)}
        onSelectionChange={({ nodes: [one] }) => {
          if (one && one.id !== chosen) choose?.(one.id);
        }}
      >
        <Background variant={BackgroundVariant.Dots} gap={20} size={1} />
        <Controls showInteractive={false} />
        <Refit />
      </ReactFlow>
    </section>
  );
}
