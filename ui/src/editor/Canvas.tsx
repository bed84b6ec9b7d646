// The graph to draw on. What is drawn lives in the editor's state; React Flow shows it and says what the pointer does.
import {
  Background,
  BackgroundVariant,
  type Connection,
  Controls,
  type EdgeChange,
  type FinalConnectionState,
  type NodeChange,
  ReactFlow,
  useConnection,
  useReactFlow,
  useStore,
} from '@xyflow/react';
import '@xyflow/react/dist/base.css';
import '@/graph/graph.css';
import './editor.css';
import { type Dispatch, type DragEvent, type SetStateAction, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { BranchEdge } from '@/graph/BranchEdge';
import type { TakenStep } from '@/graph/path';
import { act } from './acts';
import { type Catalogue, isTrigger } from './catalogue';
import { refusal } from './connecting';
import { EditCard, GroupFrame, NoteCard } from './EditCard';
import { connect, move, nodeOf, nodesOf, type Place } from './model';
import { type EditNode, Shower } from './shown';
import { type Editor, useDrawing, useEdited, useEditor } from './state';

const nodeTypes = { edit: EditCard, note: NoteCard, group: GroupFrame };
const edgeTypes = { branch: BranchEdge };
/** All of it beside the palette. */
export const fit = { maxZoom: 1, padding: { left: '256px', right: '40px', top: '40px', bottom: '72px' } } as const;
const NOTHING: ReadonlyMap<string, Place> = new Map();

export interface CanvasProps {
  catalogue: Catalogue;
  label: string;
  steps?: readonly TakenStep[] | undefined;
}

/** What React Flow says was moved or chosen: it is the editor's state that changes. */
function useChanges(setDragged: Dispatch<SetStateAction<ReadonlyMap<string, Place>>>) {
  const editor = useEditor();
  const onNodesChange = useCallback(
    (changes: NodeChange<EditNode>[]) => {
      const state = editor.getState();
      const places = changes.flatMap((change) =>
        change.type === 'position' && change.position ? [[change.id, change.position, change.dragging ?? false] as const] : [],
      );
      if (places.length > 0) {
        if (places.some(([, , isDragging]) => isDragging))
          setDragged((before) => new Map([...before, ...places.map(([id, place]) => [id, place] as const)]));
        else {
          setDragged(NOTHING);
          state.edit((drawn) => move(drawn, new Map(places.map(([id, place]) => [id, place]))));
        }
      }
      const selects = changes.filter((change) => change.type === 'select');
      if (selects.length > 0) {
        const next = new Set(state.chosen);
        for (const { id, selected } of selects)
          if (selected) next.add(id);
          else next.delete(id);
        state.choose(next, state.chosenEdges);
      }
    },
    [editor, setDragged],
  );
  const onEdgesChange = useCallback(
    (changes: EdgeChange[]) => {
      const state = editor.getState();
      const selects = changes.filter((change) => change.type === 'select');
      if (selects.length === 0) return;
      const next = new Set(state.chosenEdges);
      for (const { id, selected } of selects)
        if (selected) next.add(id);
        else next.delete(id);
      state.choose(state.chosen, next);
    },
    [editor],
  );
  return { onNodesChange, onEdgesChange };
}

const endsOf = ({ source, target, sourceHandle }: { source: string; target: string; sourceHandle?: string | null | undefined }) => ({
  source,
  target,
  branch: sourceHandle ?? null,
});

/** Ways as they are drawn: connected where that may be; left in the open they ask the palette what follows. */
function useConnecting(catalogue: Catalogue) {
  const editor = useEditor();
  const [isConnecting, setConnecting] = useState(false);
  const onConnect = useCallback((made: Connection) => editor.getState().edit((drawn) => connect(drawn, endsOf(made))), [editor]);
  const isValid = useCallback(
    (made: { source: string; target: string; sourceHandle?: string | null | undefined }) =>
      refusal(editor.getState().history.present, catalogue, endsOf(made)) === undefined,
    [editor, catalogue],
  );
  const onConnectEnd = useCallback(
    (event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
      setConnecting(false);
      if (state.toNode || !state.fromNode || !('clientX' in event)) return;
      editor.getState().set({
        adding: { at: { x: event.clientX, y: event.clientY }, from: { id: state.fromNode.id, branch: state.fromHandle?.id ?? null } },
      });
    },
    [editor],
  );
  return { isConnecting, setConnecting, onConnect, isValid, onConnectEnd };
}

const takesKinds = (event: DragEvent) => {
  if (event.dataTransfer.types.includes('application/thendo-kind')) event.preventDefault();
};

/** A kind that is dragged from the palette. */
function useDrop(catalogue: Catalogue) {
  const editor = useEditor();
  const flow = useReactFlow();
  return (event: DragEvent) => {
    const kind = catalogue.get(event.dataTransfer.getData('application/thendo-kind'));
    if (!kind) return;
    event.preventDefault();
    act.add(editor, catalogue, kind, { at: flow.screenToFlowPosition({ x: event.clientX - 120, y: event.clientY - 20 }) });
  };
}

/** Who comes to a node by keys has chosen it. */
function choosesFocused(editor: Editor, target: HTMLElement) {
  const id = target.matches('.react-flow__node') && target.dataset.id;
  if (id && !editor.getState().chosen.has(id) && target.matches(':focus-visible')) editor.getState().choose([id]);
}

export function Canvas({ catalogue, label, steps }: CanvasProps) {
  const editor = useEditor();
  const drawing = useDrawing();
  const [diagnostics, chosen, chosenEdges] = [
    useEdited((state) => state.diagnostics),
    useEdited((state) => state.chosen),
    useEdited((state) => state.chosenEdges),
  ];
  const [dragged, setDragged] = useState(NOTHING);
  const [shower] = useState(() => new Shower());
  // Where there is nothing to fit yet, it would be fitted around the first node, away from where that was dropped.
  const [wasEmpty] = useState(() => nodesOf(drawing).length === 0);
  const { nodes, edges } = useMemo(
    () => shower.show({ drawing, catalogue, diagnostics, chosen, chosenEdges, dragged, steps }),
    [shower, drawing, catalogue, diagnostics, chosen, chosenEdges, dragged, steps],
  );

  const { onNodesChange, onEdgesChange } = useChanges(setDragged);
  const { isConnecting, setConnecting, onConnect, isValid, onConnectEnd } = useConnecting(catalogue);

  return (
    <section
      className={`graph is-edited${isConnecting ? ' is-connecting' : ''}`}
      aria-label={label}
      onDrop={useDrop(catalogue)}
      onDragOver={takesKinds}
      onFocus={(event) => choosesFocused(editor, event.target as HTMLElement)}
    >
      <ReactFlow<EditNode>
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        onConnect={onConnect}
        onConnectStart={() => setConnecting(true)}
        onConnectEnd={onConnectEnd}
        isValidConnection={isValid}
        onNodeDoubleClick={(_, node) => editor.getState().open(node.id)}
        onNodeClick={(event, node) => {
          if (!event.shiftKey && !event.metaKey && !event.ctrlKey) editor.getState().open(node.id);
        }}
        onPaneClick={() => editor.getState().set({ adding: undefined, opened: undefined })}
        fitView={!wasEmpty}
        fitViewOptions={fit}
        minZoom={0.1}
        maxZoom={1.5}
        deleteKeyCode={null}
        selectionKeyCode="Shift"
        multiSelectionKeyCode={['Shift', 'Meta', 'Control']}
        disableKeyboardA11y
        edgesFocusable={false}
        connectionRadius={30}
        nodeDragThreshold={3}
        elevateNodesOnSelect={false}
        proOptions={{ hideAttribution: true }}
        onlyRenderVisibleElements={nodes.length > 100}
        ariaLabelConfig={{ 'node.a11yDescription.keyboardDisabled': 'Arrows walk the graph, Enter opens the node.' }}
      >
        <Background variant={BackgroundVariant.Dots} gap={20} size={1} />
        <Controls showInteractive={false} fitViewOptions={fit} />
        <Refused catalogue={catalogue} />
        <Followed />
        <Refit />
      </ReactFlow>
    </section>
  );
}

/** Why the way that is being drawn may not be, beside the pointer. */
function Refused({ catalogue }: { catalogue: Catalogue }) {
  const drawing = useDrawing();
  const made = useConnection((state) => ({
    from: state.fromNode?.id,
    branch: state.fromHandle?.id ?? null,
    to: state.toNode?.id,
    x: state.pointer?.x,
    y: state.pointer?.y,
  }));
  if (!made.from || !made.to || made.x === undefined || made.y === undefined) return null;
  const why = refusal(drawing, catalogue, { source: made.from, target: made.to, branch: made.branch });
  const target = nodeOf(drawing, made.to);
  if (!why || !target || (made.to === made.from && !isTrigger(target, catalogue) && made.y < 0)) return null;
  return (
    <AtPointer x={made.x} y={made.y}>
      {why}
    </AtPointer>
  );
}

function AtPointer({ x, y, children }: { x: number; y: number; children: string }) {
  return (
    <div className="refused" role="status" style={{ left: x + 14, top: y + 14 }}>
      {children}
    </div>
  );
}

/** All in sight again when the test run opens below, or goes. */
function Refit() {
  const { fitView } = useReactFlow();
  const height = useStore((state) => state.height);
  const last = useRef(0);
  useEffect(() => {
    // Below, the palette makes room.
    const isShort = height < last.current;
    if (last.current > 0 && Math.abs(height - last.current) > 120) void fitView(isShort ? { maxZoom: 1, padding: 0.1 } : fit);
    last.current = height;
  }, [height, fitView]);
  return null;
}

/** What is opened is brought in sight, where it is not. */
function Followed() {
  const opened = useEdited((state) => state.opened);
  const { getInternalNode, setViewport, getViewport } = useReactFlow();
  const last = useRef<string | undefined>(undefined);
  // One that was just added is known to React Flow a little later.
  const isKnown = useStore((state) => opened !== undefined && state.nodeLookup.has(opened));
  useEffect(() => {
    if (!opened || !isKnown || opened === last.current) return;
    last.current = opened;
    const node = getInternalNode(opened);
    const box = document.querySelector('.graph.is-edited')?.getBoundingClientRect();
    if (!node || !box) return;
    const { x, y, zoom } = getViewport();
    const [left, top] = [node.internals.positionAbsolute.x * zoom + x, node.internals.positionAbsolute.y * zoom + y];
    const into = (at: number, size: number, from: number, to: number) => Math.max(from, Math.min(at, to - size)) - at;
    const palette = document.querySelector('.kinds') ? 304 : 24;
    const [right, down] = [into(left, 300 * zoom, palette - 56, box.width), into(top, 120 * zoom, 24, box.height - 64)];
    if (right !== 0 || down !== 0) void setViewport({ x: x + right, y: y + down, zoom }, { duration: 200 });
  }, [opened, isKnown, getInternalNode, setViewport, getViewport]);
  return null;
}
