// Tries the chosen ones again: says how many before, and what became of each afterwards.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { post, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { Confirm } from '@/parts/Confirm';
import { Panel } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { Status } from '@/parts/Status';
import { fateOf } from './selection';

type Letter = Schemas['DeadLetter'];
type Which = Schemas['WhichExecutions'];
const AT_ONCE = 500;
const SHOWN = 100;

const counted = (count: number) => `${count} ${count === 1 ? 'execution' : 'executions'}`;

/** All of them, so many with each request. */
async function told(
  ids: readonly string[],
  whole: { workflow: string | undefined } | undefined,
  rest: { on?: 'original' | 'latest'; isDry: boolean },
): Promise<number> {
  const ask = (which: Which) =>
    post('/api/v1/executions/retry', { body: { which: { ...which, dry_run: rest.isDry }, from: 'failed', on: rest.on ?? 'original' } });
  let count = 0;
  if (!whole) {
    for (let at = 0; at < ids.length; at += AT_ONCE) count += (await ask({ executions: ids.slice(at, at + AT_ONCE) })).told;
    return count;
  }
  let after: string | undefined;
  do {
    const part = await ask({ ...(whole.workflow ? { workflow: whole.workflow } : { all: true }), ...(after ? { after } : {}) });
    count += part.told;
    after = part.next ?? undefined;
  } while (after);
  return count;
}

export function TryAgain({
  chosen,
  whole,
  begin,
}: {
  chosen: readonly Letter[];
  whole: { workflow: string | undefined } | undefined;
  begin: (tried: readonly Letter[]) => void;
}) {
  const client = useQueryClient();
  const [on, setOn] = useState<'original' | 'latest'>('original');
  const ids = chosen.map((one) => one.id);
  const count = useMutation({ mutationFn: () => told(ids, whole, { isDry: true }) });
  const many = whole ? count.data : ids.length;
  const act = async () => {
    await told(ids, whole, { on, isDry: false });
    begin(chosen);
    await client.invalidateQueries({ queryKey: keys.deadLetters });
  };
  const says = count.error ? (
    <ProblemNote fault={count.error} />
  ) : many === undefined ? (
    'Counting…'
  ) : (
    <div className="stack tight">
      <p>
        {many === 1 ? 'It goes on' : 'Each goes on'} from where it failed. What was done is kept and not done twice; mails that were not
        sent may be sent now.
      </p>
      <label className="stack-label">
        On which version
        <select className="field" value={on} onChange={(event) => setOn(event.currentTarget.value as 'original' | 'latest')}>
          <option value="original">The one that failed</option>
          <option value="latest">The one that is in force now</option>
        </select>
      </label>
    </div>
  );
  return (
    <Confirm
      label={whole ? 'Try all again' : `Try ${ids.length} again`}
      variant="filled"
      prepare={() => (whole ? count.mutate() : count.reset())}
      isActDisabled={!many}
      does={`Try ${counted(many ?? 0)} again`}
      says={says}
      act={act}
    />
  );
}

/** What became of those that were tried, as it is now. */
export function Results({ tried, now, close }: { tried: readonly Letter[]; now: readonly Letter[]; close: () => void }) {
  const fates = tried.map((one) => ({ one, fate: fateOf(one, now) }));
  const of = (status: string) => fates.filter((each) => each.fate.status === status).length;
  const parts = [
    [of('succeeded'), 'went on'],
    [of('failed'), 'failed again'],
    [of('refused'), 'not tried'],
  ].filter(([count]) => count !== 0);
  return (
    <div className="results">
      <Panel
        title={`Tried again: ${parts.map(([count, words]) => `${count} ${words}`).join(', ')}`}
        aside={
          <button type="button" className="text-button" onClick={close}>
            Close
          </button>
        }
        flush
      >
        <ul className="plain-list" aria-label="What became of each">
          {fates.slice(0, SHOWN).map(({ one, fate }) => (
            <li key={one.id}>
              <Status status={fate.status} quiet label={fate.status} />
              <Link className="link truncate" href={`/executions/${fate.id ?? one.id}`}>
                {one.workflow ?? 'a workflow that is gone'}
              </Link>
              <span className="grow quiet small truncate">{fate.says}</span>
            </li>
          ))}
        </ul>
        {fates.length > SHOWN && <p className="quiet small panel-body">and {fates.length - SHOWN} more</p>}
      </Panel>
    </div>
  );
}
