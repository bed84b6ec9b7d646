// One execution: the graph of the version that ran with the way it took, its steps in order, its mails and requests.
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { Link, useParams } from 'wouter';
import { get, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { TopLine } from '@/frame/TopLine';
import type { Drawing } from '@/graph/drawing';
import { Graph } from '@/graph/Graph';
import { useReadDrawing } from '@/graph/useReadDrawing';
import { Copyable } from '@/parts/Copyable';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { span } from '@/parts/time';
import { When } from '@/parts/When';
import { Acts } from './Acts';
import { Approvals } from './Approvals';
import { Deliveries } from './Deliveries';
import { Steps } from './Steps';
import '../workflow/workflow.css';
import './execution.css';

type Step = Schemas['Step'];
/** The daemon tells of so many with an execution. */
const MOST_DELIVERIES = 1000;

export default function ExecutionPage() {
  const { id = '' } = useParams();
  const found = useQuery({
    queryKey: keys.execution(id),
    queryFn: () => get('/api/v1/executions/{execution}', { params: { path: { execution: id } } }),
  });
  const one = found.data?.execution;
  const version = useQuery({
    queryKey: keys.version(one?.workflow_id ?? '', one?.version ?? 0),
    enabled: one !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () =>
      get('/api/v1/workflows/{workflow}/versions/{number}', {
        params: { path: { workflow: one?.workflow_id ?? '', number: one?.version ?? 0 } },
      }),
  });
  const drawing = useReadDrawing(version.data?.definition);
  const steps = useMemo(() => (Array.isArray(one?.steps) ? (one.steps as Step[]) : []), [one]);
  // A failure is opened where it failed.
  const failed = steps.find((step) => step.outcome === 'failed')?.node;
  const [picked, setPicked] = useState<string>();
  const chosen = picked ?? failed;
  const list = { label: 'Executions', to: '/executions' };
  if (found.error)
    return (
      <>
        <TopLine title="Execution" from={list} />
        <div className="page">
          <ProblemNote fault={found.error} retry={() => found.refetch()} />
        </div>
      </>
    );
  if (!one || !found.data)
    return (
      <>
        <TopLine title="…" from={list} />
        <div className="page">
          <Skeletons />
        </div>
      </>
    );
  return (
    <>
      <TopLine
        title={one.workflow ?? 'Execution'}
        from={list}
        state={<Status status={one.status} label={one.undone_at ? 'undone' : one.status} />}
      >
        <Acts one={one} deliveries={found.data.deliveries} />
      </TopLine>
      <div className="with-aside">
        <div className="canvas">
          {drawing && (
            <Graph
              drawing={drawing}
              label={`The way through ${one.workflow ?? 'the workflow'}`}
              steps={steps}
              chosen={chosen}
              choose={setPicked}
            />
          )}
          {version.error && (
            <div className="page">
              <ProblemNote fault={version.error} />
            </div>
          )}
        </div>
        <aside className="aside" aria-label="About this execution">
          {one.error && (
            <div className="aside-part">
              {one.status === 'cancelled' ? <p>{one.error}</p> : <ProblemNote fault={{ code: 'failed', detail: one.error }} />}
            </div>
          )}
          <Approvals execution={id} isWaiting={one.status === 'waiting'} />
          <Facts one={one} />
          <Steps steps={steps} labels={labelsOf(drawing)} chosen={chosen} choose={setPicked} leftOut={found.data.left_out} />
          <Deliveries
            found={found.data.deliveries}
            labels={labelsOf(drawing)}
            missing={found.data.deliveries.length < MOST_DELIVERIES ? 0 : 1}
          />
        </aside>
      </div>
    </>
  );
}

const labelsOf = (drawing: Drawing | undefined) => new Map(drawing?.nodes.map((node) => [node.id, node.label]));

function Facts({ one }: { one: Schemas['ExecutionDetail'] }) {
  return (
    <dl className="facts aside-part is-facts">
      <dt>Version</dt>
      <dd>
        <Link className="link" href={`/workflows/${one.workflow_id}`}>
          v{one.version}
        </Link>
      </dd>
      <dt>Event</dt>
      <dd>
        <When at={one.event_at} exact />
      </dd>
      {one.finished_at && (
        <>
          <dt>Took</dt>
          <dd>{span(Date.parse(one.finished_at) - Date.parse(one.started_at))}</dd>
        </>
      )}
      {one.undone_at && (
        <>
          <dt>Undone</dt>
          <dd>
            <When at={one.undone_at} /> by {one.undone_by}
          </dd>
        </>
      )}
      <dt>Id</dt>
      <dd>
        <Copyable text={one.id} label="Copy the id" shown={`${one.id.slice(0, 8)}…${one.id.slice(-6)}`} />
      </dd>
    </dl>
  );
}
