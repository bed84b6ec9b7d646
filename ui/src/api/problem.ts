// What the daemon says when it refuses: application/problem+json, as an error that can be shown.
import type { components } from './schema';

export type Diagnostic = components['schemas']['Diagnostic'];
type Told = components['schemas']['Problem'];

/** A refusal, or that nobody answered. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly help: string | undefined;
  readonly diagnostics: Diagnostic[];
  readonly faulty: NonNullable<Told['faulty']>;

  constructor(status: number, told: Partial<Told>) {
    super(told.detail ?? told.title ?? 'The daemon answered in a way that was not expected.');
    this.name = 'Problem';
    this.status = status;
    this.code = told.code ?? 'unknown';
    this.title = told.title ?? 'It did not work';
    this.help = told.help ?? undefined;
    this.diagnostics = told.diagnostics ?? [];
    this.faulty = told.faulty ?? [];
  }

  /** Whether asking again may help. */
  get isPassing() {
    return this.status === 0 || this.status >= 502 || this.status === 429;
  }
}

/** Whatever was thrown or answered, as a problem. */
export function problemOf(fault: unknown, status = 0): Problem {
  if (fault instanceof Problem) return fault;
  if (fault && typeof fault === 'object' && ('code' in fault || 'detail' in fault)) return new Problem(status, fault as Partial<Told>);
  if (status === 0) {
    return new Problem(0, {
      title: 'No answer',
      code: 'no-answer',
      detail: 'The daemon does not answer.',
      help: 'See that it runs; this page tries again by itself.',
    });
  }
  return new Problem(status, { detail: typeof fault === 'string' && fault ? fault.slice(0, 300) : `The daemon answered ${status}.` });
}
