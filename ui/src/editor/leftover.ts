// What was drawn and could not be kept before the editor closed: it lies in this browser until it is opened again.
import { hashKey } from '@tanstack/react-query';
import type { Definition } from './model';
import type { Draft, Editor } from './state';

interface Left {
  edition: string;
  definition: Definition;
}
const place = (workflow: string) => `thendo.drawing.${workflow}`;

/** Whether two drawings say the same, in whatever order their keys are. */
export const isSame = (one: unknown, other: unknown) => hashKey([one]) === hashKey([other]);

export function leaveBehind(editor: Editor) {
  const { workflow, edition, history } = editor.getState();
  try {
    localStorage.setItem(place(workflow), JSON.stringify({ edition, definition: history.present } satisfies Left));
  } catch {
    // A browser without room, or that keeps nothing: who left the page by its own means was asked.
  }
}

export function forget(workflow: string) {
  try {
    localStorage.removeItem(place(workflow));
  } catch {
    // Nothing is kept here.
  }
}

/** Goes on with what was left behind: as an edit that is kept soon, or beside what somebody else wrote meanwhile. */
export function resume(editor: Editor, draft: Draft): Editor {
  let left: Left | undefined;
  try {
    left = JSON.parse(localStorage.getItem(place(draft.id)) ?? 'null') ?? undefined;
  } catch {
    left = undefined;
  }
  if (!left?.definition || isSame(left.definition, draft.definition)) {
    forget(draft.id);
    return editor;
  }
  const { definition, edition } = left;
  editor.getState().edit(() => definition);
  editor.getState().set(edition === draft.edition ? { keeping: 'changed' } : { keeping: 'conflict', theirs: draft });
  return editor;
}
