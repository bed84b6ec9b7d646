// What the compiler says of the drawing, as one types. The last answer wins.
import { useEffect } from 'react';
import { post } from '@/api/client';
import type { Diagnostic, Problem } from '@/api/problem';
import { type Editor, useEditor } from './state';

const PAUSE = 120;
const AGAIN = 3000;
/** An edit after a rest is asked about at once; one that follows soon waits for the pause. */
const RESTED = 600;

/** `/nodes/2/data/config/rules/0/value`: below the settings it is `/rules/0/value`; nothing if it is about something else. */
export function fieldOf(diagnostic: Diagnostic): string | undefined {
  const path = diagnostic.path ?? '';
  const found = /^\/(?:nodes|elements)\/\d+\/data\/(config|flow|retry)(\/.*)?$/.exec(path);
  if (!found) return undefined;
  return found[1] === 'config' ? (found[2] ?? '') : `${found[1]}:${found[2] ?? ''}`;
}

export function checkOnce(editor: Editor, ask: { last: number }) {
  const drawn = editor.getState().history.present;
  ask.last += 1;
  const own = ask.last;
  void post('/api/v1/validate', { body: { definition: drawn } as never })
    .then((verdict) => {
      if (own !== ask.last) return;
      editor.getState().set({ diagnostics: verdict.diagnostics, checked: drawn });
      if (editor.getState().history.present === drawn && performance.getEntriesByName('edit').length > 0)
        performance.measure('edit to diagnostics', 'edit');
    })
    .catch((fault: unknown) => {
      // Nobody answered: what stands there is old. It is asked once more.
      if (own === ask.last && (fault as Problem).isPassing) setTimeout(() => own === ask.last && checkOnce(editor, ask), AGAIN);
    });
}

export function useChecking() {
  const editor = useEditor();
  useEffect(() => {
    const ask = { last: 0 };
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    checkOnce(editor, ask);
    const stop = editor.subscribe((state, before) => {
      if (state.history.present === before.history.present) return;
      const now = Date.now();
      clearTimeout(timer);
      timer = setTimeout(() => checkOnce(editor, ask), now - last > RESTED ? 0 : PAUSE);
      last = now;
    });
    return () => {
      stop();
      clearTimeout(timer);
      ask.last += 1;
    };
  }, [editor]);
}
