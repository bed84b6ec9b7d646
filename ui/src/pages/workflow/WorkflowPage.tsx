// One workflow: its graph, its versions, what it did. The editor will take the middle's place.
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { Link, useParams } from 'wouter';
import { get, post, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { useMay } from '@/frame/session';
import { TopLine } from '@/frame/TopLine';
import { readDrawing } from '@/graph/drawing';
import { Graph } from '@/graph/Graph';
import { Confirm } from '@/parts/Confirm';
import { EmptyState } from '@/parts/EmptyState';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { When } from '@/parts/When';
import { useQueryClient } from '@tanstack/react-query';
import './workflow.css';

type Shown = Schemas['Workflow'];

export default function WorkflowPage() {
  const { id = '' } = useParams();
  const [version, setVersion] = useState<number>();
  const workflow = useQuery({ queryKey: keys.workflow(id), queryFn: () => get('/api/v1/workflows/{workflow}', { params: { path: { workflow: id } } }) });
  const old = useQuery({
    queryKey: keys.version(id, version ?? 0), enabled: version !== undefined, staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => get('/api/v1/workflows/{workflow}/versions/{number}', { params: { path: { workflow: id, number: version ?? 0 } } }),
  });
  const definition = version === undefined ? workflow.data?.definition : old.data?.definition;
  const drawing = useMemo(() => (definition ? readDrawing(definition) : undefined), [definition]);
  const list = { label: 'Workflows', to: '/workflows' };
  if (workflow.error) return <><TopLine title="Workflow" from={list} /><div className="page"><ProblemNote fault={workflow.error} retry={() => workflow.refetch()} /></div></>;
  if (!workflow.data) return <><TopLine title="…" from={list} /><div className="page"><Skeletons /></div></>;
  const shown = workflow.data;
  const isDraft = version === undefined && (shown.has_draft || shown.live_version == null);
  const inFlight = shown.in_flight.reduce((sum, one) => sum + one.executions, 0);
  return (
    <>
      <TopLine title={shown.name} from={list} state={<>{shown.status !== 'draft' && <Status status={shown.status} />}{isDraft ? <span className="pill is-draft">Draft</span> : <span className="pill">v{version ?? shown.live_version}</span>}</>}>
        <Acts shown={shown} inFlight={inFlight} />
      </TopLine>
      <div className="with-aside">
        <div className={`canvas${isDraft ? ' is-draft' : ''}`}>
          {drawing && drawing.nodes.length > 0 ? <Graph key={`${id}-${version}`} drawing={drawing} label={`Graph of ${shown.name}`} />
            : old.error ? <div className="page"><ProblemNote fault={old.error} /></div>
              : version !== undefined && !old.data ? null : <EmptyState title="Nothing is drawn yet">It begins with a trigger: what it listens to.</EmptyState>}
        </div>
        <aside className="aside" aria-label="About this workflow">
          {shown.description && <p className="aside-part">{shown.description}</p>}
          <Diagnostics found={shown.diagnostics} />
          <Versions shown={shown} version={version} choose={setVersion} />
          <Last id={id} />
        </aside>
      </div>
    </>
  );
}

function Acts({ shown, inFlight }: { shown: Shown; inFlight: number }) {
  const client = useQueryClient();
  const may = useMay('author');
  if (!may) return null;
  const act = (path: '/api/v1/workflows/{workflow}/pause' | '/api/v1/workflows/{workflow}/resume') => async () => {
    await post(path, { params: { path: { workflow: shown.id } } });
    await client.invalidateQueries({ queryKey: keys.workflow(shown.id) });
    await client.invalidateQueries({ queryKey: keys.workflows });
  };
  if (shown.status === 'published') {
    return <Confirm label="Pause" does="Pause" act={act('/api/v1/workflows/{workflow}/pause')} says={`It starts nothing until it is resumed. ${inFlight === 0 ? 'No execution is' : inFlight === 1 ? '1 execution is' : `${inFlight} executions are`} under way: they go on.`} />;
  }
  if (shown.status === 'paused') return <Button onClick={() => void act('/api/v1/workflows/{workflow}/resume')()}>Resume</Button>;
  return null;
}

function Diagnostics({ found }: { found: Shown['diagnostics'] }) {
  if (found.length === 0) return null;
  return (
    <section className="aside-part">
      <h2>{found.length === 1 ? '1 thing to look at' : `${found.length} things to look at`}</h2>
      <ul className="stack tight">
        {found.map((one, at) => (
          <li key={at} className="row top-row"><span className={`mark is-${one.severity === 'error' ? 'failed' : 'waiting'}`} aria-label={one.severity}>{one.severity === 'error' ? '✕' : '◐'}</span>
            <div>{one.node && <code>{one.node}</code>} {one.message}{one.help && <p className="quiet small">{one.help}</p>}</div></li>
        ))}
      </ul>
    </section>
  );
}

function Versions({ shown, version, choose }: { shown: Shown; version: number | undefined; choose: (version: number | undefined) => void }) {
  const flight = new Map(shown.in_flight.map((one) => [one.version, one.executions]));
  const drawn = shown.has_draft ? 'Draft' : shown.live_version == null ? 'Draft, never published' : 'What is drawn now';
  return (
    <section className="aside-part">
      <h2>Versions</h2>
      <ul className="choices">
        <li><button type="button" aria-pressed={version === undefined} onClick={() => choose(undefined)}><span className="grow">{drawn}</span><span className="quiet small"><When at={shown.updated_at} /></span></button></li>
        {shown.versions.map((one) => (
          <li key={one.number}>
            <button type="button" aria-pressed={version === one.number} onClick={() => choose(one.number)}>
              <span>v{one.number}</span>
              {one.number === shown.live_version && <span className="pill">in force</span>}
              {flight.has(one.number) && <span className="pill">{flight.get(one.number)} under way</span>}
              <span className="grow" /><span className="quiet small"><When at={one.active_from} /></span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Last({ id }: { id: string }) {
  const filter = { workflow: id, limit: '10' };
  const last = useQuery({ queryKey: keys.executions(filter), queryFn: () => get('/api/v1/executions', { params: { query: { workflow: id, limit: 10 } } }) });
  return (
    <section className="aside-part">
      <div className="row"><h2 className="grow">Executions</h2><Link className="link small" href={`/executions?workflow=${id}`}>All</Link></div>
      {last.data?.items.length === 0 && <p className="quiet">None yet. It runs when what it listens to happens.</p>}
      <ul className="choices">
        {last.data?.items.map((one) => (
          <li key={one.id}><Link href={`/executions/${one.id}`}><Status status={one.status} /><span className="grow truncate quiet small">{one.error ?? ''}</span><span className="quiet small"><When at={one.event_at} /></span></Link></li>
        ))}
      </ul>
    </section>
  );
}
