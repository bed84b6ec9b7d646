// A state, by colour and by shape: one who sees no colours sees the shape, one who sees neither hears the word.
const MARKS: Record<string, { tone: string; shape: string }> = {
  succeeded: { tone: 'succeeded', shape: '●' },
  done: { tone: 'succeeded', shape: '●' },
  published: { tone: 'succeeded', shape: '●' },
  valid: { tone: 'succeeded', shape: '●' },
  sent: { tone: 'succeeded', shape: '●' },
  ready: { tone: 'succeeded', shape: '●' },
  waiting: { tone: 'waiting', shape: '◐' },
  paused: { tone: 'waiting', shape: '◐' },
  pending: { tone: 'waiting', shape: '◐' },
  sending: { tone: 'waiting', shape: '◐' },
  held: { tone: 'waiting', shape: '◐' },
  unknown: { tone: 'waiting', shape: '◐' },
  failed: { tone: 'failed', shape: '✕' },
  broken: { tone: 'failed', shape: '✕' },
  refused: { tone: 'failed', shape: '✕' },
};

/** The tone of a state: succeeded, waiting, failed or skipped. */
export const toneOf = (status: string) => MARKS[status]?.tone ?? 'skipped';
export const shapeOf = (status: string) => MARKS[status]?.shape ?? '○';

export function Status({ status, label, quiet = false }: { status: string; label?: string; quiet?: boolean }) {
  return (
    <span className={`status is-${toneOf(status)}`}>
      <span className="mark" aria-hidden="true">
        {shapeOf(status)}
      </span>
      <span className={quiet ? 'sr-only' : undefined}>{label ?? status}</span>
    </span>
  );
}
