// Has events start what they start once more: first it is told how many and which workflows, then it is done.
import { Checkbox } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { post } from '@/api/client';
import { useMay } from '@/frame/session';
import { words } from '@/graph/drawing';
import { Confirm } from '@/parts/Confirm';
import { ProblemNote } from '@/parts/ProblemNote';

/** Events by their ids, or all of a time. */
export interface What {
  events?: string[];
  since?: string;
  until?: string;
  table?: string;
  entity?: string;
}

/** All of it: one request does some thousands. */
async function whole(what: What, again: boolean): Promise<number> {
  let done = 0;
  let cursor: string | undefined;
  do {
    const part = await post('/api/v1/events/replay', { body: { ...what, again, confirm: true, ...(cursor ? { cursor } : {}) } as never });
    done += part.replayed;
    cursor = part.next ?? undefined;
  } while (cursor);
  return done;
}

export function Replay({ label, what, wasReplayed = false }: { label: string; what: What; wasReplayed?: boolean }) {
  const may = useMay('operate');
  const client = useQueryClient();
  const [again, setAgain] = useState(wasReplayed);
  const [done, setDone] = useState<number>();
  const preview = useMutation({ mutationFn: () => post('/api/v1/events/replay', { body: { ...what, again: true } as never }) });
  if (!may) return null;
  const told = preview.data;
  const count = told?.events.filter((of) => again || !of.replayed).reduce((sum, of) => sum + of.count, 0) ?? 0;
  const before = told?.events.filter((of) => of.replayed).reduce((sum, of) => sum + of.count, 0) ?? 0;
  const act = async () => {
    setDone(await whole(what, again));
    await client.invalidateQueries();
  };
  const says = preview.error ? (
    <ProblemNote fault={preview.error} />
  ) : !told ? (
    'Looking at what would happen…'
  ) : (
    <div className="stack tight">
      <p>
        They start these workflows once more, for real: <strong>{told.workflows.join(', ')}</strong>. Mails are sent again, rows are written
        again.
      </p>
      <ul className="bullets">
        {told.events.map((of) => (
          <li key={`${of.table_name}-${of.operation}-${of.replayed}`}>
            {of.count} × {words(of.table_name)}, {of.operation.toLowerCase()}
            {of.replayed && ', replayed before'}
          </li>
        ))}
      </ul>
      {before > 0 && (
        <Checkbox
          label={`Also the ${before} that were replayed before`}
          checked={again}
          onChange={(event) => setAgain(event.currentTarget.checked)}
        />
      )}
    </div>
  );
  return (
    <>
      {done !== undefined && (
        <span className="quiet small" role="status">
          {done} {done === 1 ? 'event is' : 'events are'} replayed
        </span>
      )}
      <Confirm
        label={label}
        prepare={() => {
          setDone(undefined);
          preview.mutate();
        }}
        does={`Replay ${count} ${count === 1 ? 'event' : 'events'}`}
        isActDisabled={count === 0}
        says={says}
        act={act}
      />
    </>
  );
}
