// The draft is kept by itself: soon after each change, by the edition that was read. Who else wrote meanwhile is not written over.
import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { get, put } from '@/api/client';
import { keys } from '@/api/keys';
import { Problem } from '@/api/problem';
import { forget, isSame, leaveBehind } from './leftover';
import { type Editor, useEditor } from './state';

const SOON = 700;
const AGAIN = 3000;
const path = (editor: Editor) => ({ params: { path: { workflow: editor.getState().workflow } } });

/** As the `ETag` had it: with its quotes. */
export const ifMatch = (edition: string) => ({ 'if-match': `"${edition}"` });

/** The write of each editor that is under way: two at once would be two of one edition. */
const under = new WeakMap<Editor, Promise<boolean>>();
/** Workflows whose editor has closed while it was still writing. */
export const leaving = new Map<string, Promise<unknown>>();

/** Writes what is drawn; says whether it is kept now. */
export function keep(editor: Editor): Promise<boolean> {
  const before = under.get(editor);
  if (before) return before;
  const now = write(editor).finally(() => under.delete(editor));
  under.set(editor, now);
  return now;
}

async function write(editor: Editor): Promise<boolean> {
  const { history, edition, set } = editor.getState();
  const drawn = history.present;
  set({ keeping: 'keeping', fault: undefined });
  try {
    const kept = await put('/api/v1/workflows/{workflow}/draft', {
      ...path(editor),
      headers: ifMatch(edition),
      body: { definition: drawn },
    } as never);
    const told = kept as unknown as { edition: string };
    const isLast = editor.getState().history.present === drawn;
    set({ edition: told.edition, keeping: isLast ? 'kept' : 'changed' });
    return isLast;
  } catch (fault) {
    const problem = fault as Problem;
    if (problem.status === 412) {
      const theirs = await get('/api/v1/workflows/{workflow}/draft', path(editor)).catch(() => undefined);
      if (theirs && isSame(theirs.definition, drawn)) {
        // It was written, and its answer was lost.
        const isLast = editor.getState().history.present === drawn;
        set({ edition: theirs.edition, keeping: isLast ? 'kept' : 'changed' });
        return isLast;
      }
      set({ keeping: 'conflict', theirs });
    } else set({ keeping: problem.isPassing || problem.status === 401 ? 'offline' : 'refused', fault });
    return false;
  }
}

/** Until all that is drawn is kept, or can't be. */
export async function keepAll(editor: Editor): Promise<boolean> {
  for (let tries = 0; tries < 50; tries += 1) {
    const { keeping } = editor.getState();
    if (keeping === 'kept') return true;
    if (keeping === 'conflict' || keeping === 'refused') return false;
    if (keeping === 'keeping') await new Promise((done) => setTimeout(done, 100));
    else if (!(await keep(editor)) && editor.getState().keeping !== 'changed') return false;
  }
  return false;
}

export function takeTheirs(editor: Editor) {
  const { theirs, edit, set } = editor.getState();
  if (!theirs) return;
  // Mine is one step of undo away.
  edit(() => (theirs.definition ?? { nodes: [], edges: [] }) as Record<string, unknown>);
  set({ edition: theirs.edition, theirs: undefined, keeping: 'kept' });
}

export function writeMine(editor: Editor) {
  const { theirs, set } = editor.getState();
  set({ edition: theirs?.edition ?? editor.getState().edition, theirs: undefined, keeping: 'changed' });
  void keep(editor);
}

/** Writes what is left; what can't be written lies in this browser until the workflow is opened again. */
function close(editor: Editor) {
  const { workflow, keeping } = editor.getState();
  if (keeping === 'kept') return forget(workflow);
  leaveBehind(editor);
  const written = keepAll(editor).then((isKept) => {
    leaving.delete(workflow);
    if (isKept) forget(workflow);
    else leaveBehind(editor);
  });
  leaving.set(workflow, written);
}

/** Keeps as long as the editor is open. */
export function useKeeping() {
  const editor = useEditor();
  const client = useQueryClient();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(
        () =>
          void keep(editor).then((isKept) => {
            if (!isKept && (editor.getState().fault as Problem | undefined)?.status === 401) {
              void client.invalidateQueries({ queryKey: keys.session });
            }
            if (!isKept) return;
            void client.invalidateQueries({ queryKey: keys.workflow(editor.getState().workflow) });
            void client.invalidateQueries({ queryKey: keys.workflows });
          }),
        ms,
      );
    };
    if (editor.getState().keeping === 'changed') later(SOON);
    const stop = editor.subscribe((state, before) => {
      if (state.history.present !== before.history.present && state.edition === before.edition && state.keeping !== 'conflict') {
        if (state.keeping !== 'keeping') state.set({ keeping: 'changed' });
        if (state.keeping !== 'keeping') later(SOON);
      } else if (state.keeping !== before.keeping) {
        if (state.keeping === 'changed' && before.keeping === 'keeping') later(SOON);
        if (state.keeping === 'offline') later(AGAIN);
      }
    });
    const leave = (event: BeforeUnloadEvent) => {
      if (editor.getState().keeping !== 'kept') event.preventDefault();
    };
    window.addEventListener('beforeunload', leave);
    return () => {
      stop();
      clearTimeout(timer);
      window.removeEventListener('beforeunload', leave);
      close(editor);
    };
  }, [editor, client]);
}
