// One event: the row, what changed, what it started, and when it was asked for once more.
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'wouter';
import { get, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { TopLine } from '@/frame/TopLine';
import { words } from '@/graph/drawing';
import { Copyable } from '@/parts/Copyable';
import { EmptyState } from '@/parts/EmptyState';
import { Panel } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { RowChange } from '@/parts/RowChange';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { When } from '@/parts/When';
import { Operation } from '../events/Operation';
import { Replay } from '../events/Replay';
import '../events/events.css';

export default function EventPage() {
  const { id = '' } = useParams();
  const found = useQuery({ queryKey: keys.event(id), queryFn: () => get('/api/v1/events/{event}', { params: { path: { event: id } } }) });
  const list = { label: 'Events', to: '/events' };
  if (found.error && !found.data)
    return (
      <>
        <TopLine title="Event" from={list} />
        <div className="page">
          <ProblemNote fault={found.error} retry={() => found.refetch()} />
        </div>
      </>
    );
  if (!found.data)
    return (
      <>
        <TopLine title="…" from={list} />
        <div className="page">
          <Skeletons />
        </div>
      </>
    );
  const { event, executions, replays } = found.data;
  return (
    <>
      <TopLine title={words(event.table_name)} from={list} state={<Operation done={event.operation} />}>
        <Replay label="Replay" what={{ events: [event.id] }} wasReplayed={replays.length > 0} />
      </TopLine>
      <div className="page narrow">
        <div className="stack">
          <Facts event={event} />
          {event.unreadable && (
            <ProblemNote
              fault={{ code: 'unreadable', detail: event.unreadable, help: 'Its row can’t be read any more, so nothing can start by it.' }}
            />
          )}
          <Panel title="What happened">
            <Row event={event} />
          </Panel>
          <Panel title="What it started" flush>
            {executions.length === 0 ? (
              <p className="quiet panel-body">Nothing: no workflow listens to this, or what it listens for did not fit.</p>
            ) : (
              <ul className="plain-list">
                {executions.map((one) => (
                  <li key={one.id}>
                    <Status status={one.status} />
                    <Link className="grow truncate link" href={`/executions/${one.id}`}>
                      {one.workflow ?? 'a workflow that is gone'}
                    </Link>
                    <span className="quiet small">v{one.version}</span>
                    <span className="quiet small">
                      <When at={one.started_at} />
                    </span>
                  </li>
                ))}
              </ul>
            )}
          </Panel>
          {replays.length > 0 && (
            <Panel title="Replays" flush>
              <ul className="plain-list">
                {replays.map((one) => (
                  <li key={one.number}>
                    <span className="pill">{one.number}</span>
                    <span className="grow">
                      by {one.replayed_by}
                      {one.workflow_id ? ', for one workflow' : ''}
                      {one.lifts_guards ? ', past what would have held it back' : ''}
                    </span>
                    <span className="quiet small">
                      <When at={one.replayed_at} />
                    </span>
                  </li>
                ))}
              </ul>
            </Panel>
          )}
        </div>
      </div>
    </>
  );
}

function Row({ event }: { event: Schemas['RecordedEvent'] }) {
  if (!event.row && !event.old)
    return (
      <EmptyState title="Its row is not kept">
        {event.truncated ? 'It was too large to be recorded: only its key is known.' : 'Only its key is known.'}
      </EmptyState>
    );
  const isUpdate = Boolean(event.row && event.old);
  return (
    <div className="stack tight">
      {event.truncated && <p className="quiet small">The row was too large to be recorded as a whole: long values are missing.</p>}
      <RowChange table={event.table_name} before={event.old} after={event.row} isBrief />
      {isUpdate && (
        <details>
          <summary className="quiet small">The whole row</summary>
          <pre className="data" tabIndex={0} role="group" aria-label="The whole row">
            {JSON.stringify(event.row, null, 2)}
          </pre>
        </details>
      )}
    </div>
  );
}

function Facts({ event }: { event: Schemas['RecordedEvent'] }) {
  return (
    <dl className="facts">
      <dt>When</dt>
      <dd>
        <When at={event.at} exact />
      </dd>
      <dt>About</dt>
      <dd>
        <Link className="link mono" href={`/events?entity=${encodeURIComponent(event.entity)}`} title="All events of this one">
          {event.entity}
        </Link>
      </dd>
      {event.cause && (
        <>
          <dt>Caused by</dt>
          <dd>
            <Link className="link" href={`/executions/${event.cause}`}>
              a workflow
            </Link>
            {event.depth > 1 && <span className="quiet">, {event.depth} deep</span>}
          </dd>
        </>
      )}
      <dt>Id</dt>
      <dd>
        <Copyable text={event.id} label="Copy the id" shown={`${event.id.slice(0, 8)}…${event.id.slice(-6)}`} />
      </dd>
    </dl>
  );
}
