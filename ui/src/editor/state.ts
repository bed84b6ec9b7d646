// What one editor holds: the drawing with its history, what is chosen, what the daemon says of it, whether it is kept.
import { createContext, useContext } from 'react';
import { createStore, type StoreApi, useStore } from 'zustand';
import type { Schemas } from '@/api/client';
import type { Diagnostic } from '@/api/problem';
import { begin, did, type History, redo, undo } from './history';
import { type Definition, idOf, nodesOf, type Place } from './model';

export type Keeping = 'kept' | 'changed' | 'keeping' | 'offline' | 'conflict' | 'refused';
/** Where the palette adds: beside a place, or behind a node's handle. */
export interface Adding { at: Place; from?: { id: string; branch: string | null } }
export type Draft = Schemas['Draft'];

export interface EditorState {
  workflow: string;
  history: History;
  chosen: ReadonlySet<string>;
  chosenEdges: ReadonlySet<string>;
  /** The node whose settings are open. */
  opened: string | undefined;
  adding: Adding | undefined;
  diagnostics: readonly Diagnostic[];
  /** Which drawing they are of. */
  checked: Definition | undefined;
  keeping: Keeping;
  fault: unknown;
  edition: string;
  theirs: Draft | undefined;
  /** The event that values are shown of. */
  event: string | undefined;
  edit: (next: (drawing: Definition) => Definition, what?: string) => void;
  undo: () => void;
  redo: () => void;
  choose: (nodes: Iterable<string>, edges?: Iterable<string>) => void;
  open: (node: string | undefined) => void;
  set: (part: Partial<EditorState>) => void;
}

/** Another moment of the history: what is not there then is neither chosen nor open. */
function at(history: History, { chosen, opened }: EditorState): Partial<EditorState> {
  const known = new Set(nodesOf(history.present).map(idOf));
  return { history, chosen: new Set([...chosen].filter((id) => known.has(id))), chosenEdges: new Set(), opened: opened && known.has(opened) ? opened : undefined };
}

export type Editor = StoreApi<EditorState>;

export function newEditor(draft: Draft): Editor {
  return createStore<EditorState>((set, get) => ({
    workflow: draft.id, history: begin((draft.definition ?? { nodes: [], edges: [] }) as Definition), chosen: new Set(), chosenEdges: new Set(), opened: undefined, adding: undefined,
    diagnostics: draft.diagnostics, checked: undefined, keeping: 'kept', fault: undefined, edition: draft.edition, theirs: undefined, event: undefined,
    edit: (next, what) => {
      const { history } = get();
      const after = did(history, next(history.present), what, Date.now());
      if (after === history) return;
      performance.mark('edit');
      set({ history: after });
    },
    undo: () => set(at(undo(get().history), get())),
    redo: () => set(at(redo(get().history), get())),
    choose: (nodes, edges = []) => set({ chosen: new Set(nodes), chosenEdges: new Set(edges) }),
    open: (opened) => set(opened ? { opened, chosen: new Set([opened]), chosenEdges: new Set(), adding: undefined } : { opened }),
    set,
  }));
}

export const EditorContext = createContext<Editor | null>(null);

export function useEditor(): Editor {
  const editor = useContext(EditorContext);
  if (!editor) throw new Error('outside of an editor');
  return editor;
}
export const useEdited = <T>(choose: (state: EditorState) => T): T => useStore(useEditor(), choose);
export const useDrawing = () => useEdited((state) => state.history.present);
