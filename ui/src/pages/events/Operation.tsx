// What was done to a row, by shape and word.
const DONE: Record<string, [string, string]> = { insert: ['+', 'added'], update: ['~', 'changed'], delete: ['−', 'deleted'] };

export function Operation({ done }: { done: string }) {
  const [shape, word] = DONE[done.toLowerCase()] ?? ['·', done.toLowerCase()];
  return (
    <span className="operation">
      <span className={`operation-shape is-${done.toLowerCase()}`} aria-hidden="true">
        {shape}
      </span>
      {word}
    </span>
  );
}
