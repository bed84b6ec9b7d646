// One workflow: its graph, its versions, what it did; edited, where one may and there is room.
import { useMediaQuery } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { useParams } from 'wouter';
import { get, post, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { useMay } from '@/frame/session';
import { TopLine } from '@/frame/TopLine';
import { Graph } from '@/graph/Graph';
import { useReadDrawing } from '@/graph/useReadDrawing';
import { Confirm } from '@/parts/Confirm';
import { EmptyState } from '@/parts/EmptyState';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { More } from './More';
import { Start } from './Start';
import { Last, useVersion, Versions } from './Versions';
import './workflow.css';

type Shown = Schemas['Workflow'];
const Edited = lazy(() => import('@/editor/Edited'));
const LIST = { label: 'Workflows', to: '/workflows' };

export default function WorkflowPage() {
  const { id = '' } = useParams();
  const workflow = useQuery({
    queryKey: keys.workflow(id),
    queryFn: () => get('/api/v1/workflows/{workflow}', { params: { path: { workflow: id } } }),
  });
  const isWide = useMediaQuery('(min-width: 721px)', true, { getInitialValueInEffect: false });
  const isEdited = useMay('author') && isWide && workflow.data !== undefined && workflow.data.status !== 'archived';
  if (workflow.error && !workflow.data)
    return (
      <>
        <TopLine title="Workflow" from={LIST} />
        <div className="page">
          <ProblemNote fault={workflow.error} retry={() => workflow.refetch()} />
        </div>
      </>
    );
  if (!workflow.data)
    return (
      <>
        <TopLine title="…" from={LIST} />
        <div className="page">
          <Skeletons />
        </div>
      </>
    );
  const shown = workflow.data;
  const acts = (
    <>
      <Start shown={shown} />
      <Acts shown={shown} />
    </>
  );
  return isEdited ? (
    <Suspense fallback={<TopLine title={shown.name} from={LIST} />}>
      <Edited key={shown.id} shown={shown} acts={acts} />
    </Suspense>
  ) : (
    <Seen key={id} shown={shown} acts={acts} />
  );
}

/** Where one can't draw: on a telephone, without the right, when it is archived. */
function Seen({ shown, acts }: { shown: Shown; acts: ReactNode }) {
  const [version, setVersion] = useState<number>();
  const old = useVersion(shown.id, version);
  const definition = version === undefined ? shown.definition : old.data?.definition;
  const drawing = useReadDrawing(definition);
  const isDraft = version === undefined && (shown.has_draft || shown.live_version == null);
  return (
    <>
      <TopLine
        title={shown.name}
        from={LIST}
        state={
          <>
            {shown.status !== 'draft' && <Status status={shown.status} />}
            {isDraft ? <span className="pill is-draft">Draft</span> : <span className="pill">v{version ?? shown.live_version}</span>}
          </>
        }
      >
        {acts}
      </TopLine>
      <div className="with-aside">
        <div className={`canvas${isDraft ? ' is-draft' : ''}`}>
          {drawing && drawing.nodes.length > 0 ? (
            <Graph key={`${shown.id}-${version}`} drawing={drawing} label={`Graph of ${shown.name}`} />
          ) : old.error ? (
            <div className="page">
              <ProblemNote fault={old.error} />
            </div>
          ) : version !== undefined && !old.data ? null : (
            <EmptyState title="Nothing is drawn yet">It begins with a trigger: what it listens to.</EmptyState>
          )}
        </div>
        <aside className="aside" aria-label="About this workflow">
          {shown.description && <p className="aside-part">{shown.description}</p>}
          <Diagnostics found={shown.diagnostics} />
          <Versions shown={shown} version={version} choose={setVersion} />
          <Last id={shown.id} />
          <More shown={shown} />
        </aside>
      </div>
    </>
  );
}

function Acts({ shown }: { shown: Shown }) {
  const inFlight = shown.in_flight.reduce((sum, one) => sum + one.executions, 0);
  const client = useQueryClient();
  const may = useMay('author');
  if (!may) return null;
  const act = (path: '/api/v1/workflows/{workflow}/pause' | '/api/v1/workflows/{workflow}/resume') => async () => {
    await post(path, { params: { path: { workflow: shown.id } } });
    await client.invalidateQueries({ queryKey: keys.workflow(shown.id) });
    await client.invalidateQueries({ queryKey: keys.workflows });
  };
  if (shown.status === 'published') {
    return (
      <Confirm
        label="Pause"
        does="Pause"
        act={act('/api/v1/workflows/{workflow}/pause')}
        says={`It starts nothing until it is resumed. ${inFlight === 0 ? 'No execution is' : inFlight === 1 ? '1 execution is' : `${inFlight} executions are`} under way: they go on.`}
      />
    );
  }
  if (shown.status === 'paused')
    return (
      <Confirm
        label="Resume"
        does="Resume"
        act={act('/api/v1/workflows/{workflow}/resume')}
        says="From now on it runs for what happens. What happened while it was paused is not done."
      />
    );
  return null;
}

function Diagnostics({ found }: { found: Shown['diagnostics'] }) {
  if (found.length === 0) return null;
  return (
    <section className="aside-part">
      <h2>{found.length === 1 ? '1 thing to look at' : `${found.length} things to look at`}</h2>
      <ul className="stack tight">
        {found.map((one, at) => (
          <li key={at} className="row top-row">
            <span className={`mark is-${one.severity === 'error' ? 'failed' : 'waiting'}`} aria-label={one.severity}>
              {one.severity === 'error' ? '✕' : '◐'}
            </span>
            <div>
              {one.node && <code>{one.node}</code>} {one.message}
              {one.help && <p className="quiet small">{one.help}</p>}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
