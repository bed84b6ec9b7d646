// Which of a list are chosen: one by one, from one to another with shift, or all there are.
export interface Selection {
  ids: ReadonlySet<string>;
  /** Where a range begins. */ from: string | undefined;
  /** All of the filter, however many there are. */ isWhole: boolean;
}

export const NOTHING: Selection = { ids: new Set(), from: undefined, isWhole: false };

/** One is clicked; with shift, all between it and the one that was clicked before become as it does. */
export function toggled(selection: Selection, order: readonly string[], id: string, isRange: boolean): Selection {
  const ids = new Set(selection.isWhole ? order : selection.ids);
  const isOn = !ids.has(id);
  const [one, other] = [order.indexOf(id), isRange && selection.from ? order.indexOf(selection.from) : -1];
  const meant = other < 0 ? [id] : order.slice(Math.min(one, other), Math.max(one, other) + 1);
  for (const each of meant) isOn ? ids.add(each) : ids.delete(each);
  return { ids, from: id, isWhole: false };
}

/** What became of one that was tried again, as far as the list of failures tells. */
export type Fate = { status: 'succeeded' | 'failed' | 'refused'; says: string; /** The execution that failed. */ id?: string };
export interface Letter {
  id: string;
  root: string;
  attempt: number;
  reason: string;
}

export function fateOf(tried: Letter, now: readonly Letter[]): Fate {
  if (now.some((one) => one.id === tried.id)) return { status: 'refused', says: 'was not tried' };
  const again = now.find((one) => one.root === tried.root && one.attempt > tried.attempt);
  return again
    ? { status: 'failed', says: `failed again: ${again.reason}`, id: again.id }
    : { status: 'succeeded', says: 'goes on, and has not failed again' };
}
