// The versions of a workflow, and what it did last.
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { get, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { Status } from '@/parts/Status';
import { When } from '@/parts/When';

type Shown = Schemas['Workflow'];

/** A version's drawing: it never changes. */
export function useVersion(id: string, version: number | undefined) {
  return useQuery({
    queryKey: keys.version(id, version ?? 0), enabled: version !== undefined, staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => get('/api/v1/workflows/{workflow}/versions/{number}', { params: { path: { workflow: id, number: version ?? 0 } } }),
  });
}

export function Versions({ shown, version, choose }: { shown: Shown; version: number | undefined; choose: (version: number | undefined) => void }) {
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

export function Last({ id }: { id: string }) {
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
