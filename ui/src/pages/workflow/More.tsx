// What is done with a workflow as a whole, and seldom: stopped at once, put away, taken out again.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { post, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { listWorkflows } from '@/api/lists';
import { useMay } from '@/frame/session';
import { Confirm } from '@/parts/Confirm';

type Act = 'hold' | 'release' | 'archive' | 'unarchive';

export function More({ shown }: { shown: Schemas['Workflow'] }) {
  const [mayStop, mayDraw] = [useMay('operate'), useMay('author')];
  const client = useQueryClient();
  const all = useQuery({ queryKey: keys.workflows, queryFn: listWorkflows });
  const isHeld = all.data?.find((one) => one.id === shown.id)?.held != null;
  const isArchived = shown.status === 'archived';
  const inFlight = shown.in_flight.reduce((sum, one) => sum + one.executions, 0);
  const act = (what: Act) => async (reason: string) => {
    const body = what === 'hold' ? { reason } : what === 'release' ? {} : undefined;
    await post(`/api/v1/workflows/{workflow}/${what}`, { params: { path: { workflow: shown.id } }, body } as never);
    await client.invalidateQueries({ queryKey: keys.workflow(shown.id) });
    await client.invalidateQueries({ queryKey: keys.workflows });
  };
  if (!mayStop && !mayDraw) return null;
  return (
    <section className="aside-part">
      <h2>{isHeld ? 'Held: nothing of it moves' : 'More'}</h2>
      <div className="row">
        {mayStop && isHeld && (
          <Confirm label="Release" does="Release" act={act('release')} says="It goes on where it was, and does what happened meanwhile." />
        )}
        {mayStop && !isHeld && !isArchived && (
          <Confirm
            label="Stop at once"
            does="Stop at once"
            danger
            comment="Why, for whoever finds it held"
            act={act('hold')}
            says={`Within a second nothing of it moves any more${under(inFlight)}. Nothing is lost: what happens meanwhile is done when it is released.`}
          />
        )}
        {mayDraw && !isArchived && (
          <Confirm
            label="Archive"
            does="Archive"
            act={act('archive')}
            says={`It starts nothing any more, and leaves the list${under(inFlight)}. Its executions and versions stay, and it can be taken out again.`}
          />
        )}
        {mayDraw && isArchived && (
          <Confirm
            label="Take out of the archive"
            does="Take it out"
            act={act('unarchive')}
            says="It starts nothing until it is published or resumed."
          />
        )}
      </div>
    </section>
  );
}

const under = (inFlight: number) =>
  inFlight === 0 ? '' : inFlight === 1 ? '; 1 execution is under way' : `; ${inFlight} executions are under way`;
