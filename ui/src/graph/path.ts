// The way an execution took through its drawing.
import type { Drawing } from './drawing';

export interface TakenStep {
  node: string;
  outcome: string;
  branch?: string | null | undefined;
}

/** How each node ended, by its last turn; a node that was never reached has none. */
export function outcomes(steps: readonly TakenStep[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const step of steps) {
    // In a loop one turn that did something weighs more than one that was passed over.
    if (step.outcome === 'skipped' && found.has(step.node)) continue;
    found.set(step.node, step.outcome);
  }
  return found;
}

/** The edges that were gone along. */
export function takenEdges(drawing: Drawing, steps: readonly TakenStep[]): Set<string> {
  const ended = outcomes(steps);
  const branches = new Map<string, Set<string>>();
  for (const step of steps) {
    if (step.branch) branches.set(step.node, (branches.get(step.node) ?? new Set()).add(step.branch));
  }
  const reached = (id: string) => ended.has(id) && ended.get(id) !== 'skipped';
  const taken = drawing.edges.filter(({ source, target, branch }) => {
    if (!reached(source) || !reached(target)) return false;
    const left = branches.get(source);
    return branch === null || left === undefined || left.has(branch);
  });
  return new Set(taken.map((edge) => edge.id));
}
