// Undo and redo: a drawing, those before it and those that were taken back.
import type { Definition } from './model';

const MOST = 200;
/** Edits of the same thing within this time are one: typing a word is undone at once. */
const TOGETHER = 900;

export interface History { past: readonly Definition[]; present: Definition; future: readonly Definition[]; what?: string | undefined; at: number }

export const begin = (present: Definition): History => ({ past: [], present, future: [], at: 0 });

/** `what` names the thing that is edited, where edits of it may be one: `label of big`. */
export function did(history: History, next: Definition, what: string | undefined, now: number): History {
  if (next === history.present) return history;
  const isTogether = what !== undefined && what === history.what && now - history.at < TOGETHER && history.past.length > 0;
  return { past: isTogether ? history.past : [...history.past, history.present].slice(-MOST), present: next, future: [], what, at: now };
}

export function undo(history: History): History {
  const before = history.past.at(-1);
  return before ? { past: history.past.slice(0, -1), present: before, future: [history.present, ...history.future], at: 0 } : history;
}

export function redo(history: History): History {
  const [after, ...rest] = history.future;
  return after ? { past: [...history.past, history.present], present: after, future: rest, at: 0 } : history;
}
