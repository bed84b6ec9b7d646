// What went wrong, and what to do about it.
import { Button } from '@mantine/core';
import { problemOf } from '@/api/problem';

export function ProblemNote({ fault, retry }: { fault: unknown; retry?: () => void }) {
  const problem = problemOf(fault);
  return (
    <div className="problem" role="alert">
      <span className="mark is-failed" aria-hidden="true">
        ✕
      </span>
      <div className="grow">
        <p>{problem.message}</p>
        {problem.help && <p className="quiet small">{problem.help}</p>}
        {problem.diagnostics.length > 0 && (
          <ul className="small">
            {problem.diagnostics.map((one, at) => (
              <li key={at}>
                <code>{one.node ?? 'workflow'}</code> {one.message}
              </li>
            ))}
          </ul>
        )}
      </div>
      {retry && (
        <Button size="compact-sm" variant="default" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}
