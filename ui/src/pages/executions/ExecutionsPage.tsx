// Everything that workflows did, the newest first, as it happens.
import { Button } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { get } from '@/api/client';
import { keys } from '@/api/keys';
import { listWorkflows } from '@/api/lists';
import { TopLine } from '@/frame/TopLine';
import { words } from '@/graph/drawing';
import { DataList } from '@/parts/DataList';
import { EmptyState } from '@/parts/EmptyState';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { span } from '@/parts/time';
import { When } from '@/parts/When';
import './executions.css';

const STATES = ['succeeded', 'waiting', 'failed', 'cancelled'] as const;
type State = (typeof STATES)[number];

export default function ExecutionsPage() {
  const search = useSearch();
  const [, go] = useLocation();
  const { status, workflow } = useMemo(() => {
    const asked = new URLSearchParams(search);
    const status = STATES.find((one) => one === asked.get('status'));
    return { status, workflow: asked.get('workflow') ?? undefined };
  }, [search]);
  const narrow = (next: { status?: State | undefined; workflow?: string | undefined }) => {
    const pairs = Object.entries({ status, workflow, ...next }).filter((pair): pair is [string, string] => Boolean(pair[1]));
    go(`/executions${pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : ''}`, { replace: true });
  };
  const workflows = useQuery({ queryKey: keys.workflows, queryFn: listWorkflows });
  const found = useInfiniteQuery({
    queryKey: keys.executions({ status, workflow, endless: 'yes' }),
    queryFn: ({ pageParam }) => get('/api/v1/executions', { params: { query: { status, workflow, limit: 50, cursor: pageParam } } }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
  });
  const approvals = useQuery({ queryKey: keys.approvals, queryFn: () => get('/api/v1/approvals', { params: { query: { limit: 5 } } }) });
  const untouched = useQuery({
    queryKey: [...keys.deadLetters, 'any', workflow],
    enabled: status === 'failed',
    queryFn: () => get('/api/v1/dead-letters', { params: { query: { workflow, limit: 1 } } }),
  });
  const rows = useMemo(() => {
    const met = new Set<string>();
    return (found.data?.pages.flatMap((page) => page.items) ?? []).filter((one) => !met.has(one.id) && met.add(one.id));
  }, [found.data]);
  const isNarrow = status !== undefined || workflow !== undefined;
  return (
    <>
      <TopLine title="Executions">
        {status === 'failed' && untouched.data && untouched.data.items.length > 0 && (
          <Button component={Link} variant="filled" href={`/executions/untouched${workflow ? `?workflow=${workflow}` : ''}`}>
            Try several again
          </Button>
        )}
      </TopLine>
      <div className="filters">
        <div className="tabs" role="group" aria-label="State">
          <button type="button" aria-pressed={!status} onClick={() => narrow({ status: undefined })}>
            All
          </button>
          {STATES.map((one) => (
            <button key={one} type="button" aria-pressed={status === one} onClick={() => narrow({ status: one })}>
              {words(one)}
            </button>
          ))}
        </div>
        <select
          className="field"
          data-search
          aria-label="Workflow"
          value={workflow ?? ''}
          onChange={(event) => narrow({ workflow: event.currentTarget.value || undefined })}
        >
          <option value="">Every workflow</option>
          {workflows.data?.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
        </select>
      </div>
      {approvals.data && approvals.data.items.length > 0 && (
        <ul className="asks" aria-label="Waiting for your answer">
          {approvals.data.items.map((one) => (
            <li key={`${one.execution}-${one.node}-${one.item}`}>
              <Link href={`/executions/${one.execution}`}>
                <Status status="waiting" label={one.question ?? `${one.workflow ?? 'A workflow'} waits for an approval`} />
                <span className="grow" />
                <span className="quiet small">
                  <When at={one.since} />
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
      {found.error ? (
        <div className="page">
          <ProblemNote fault={found.error} retry={() => found.refetch()} />
        </div>
      ) : !found.data ? (
        <div className="page">
          <Skeletons />
        </div>
      ) : rows.length === 0 ? (
        isNarrow ? (
          <EmptyState title="None like that">
            Look at{' '}
            <Link className="link" href="/executions">
              all of them
            </Link>
            .
          </EmptyState>
        ) : (
          <EmptyState title="Nothing has run yet">
            A workflow runs when what it listens to happens. Try it: <code>thendo demo order --total 250.00</code> places a sample order.
          </EmptyState>
        )
      ) : (
        <DataList
          label="Executions"
          items={rows}
          keyOf={(one) => one.id}
          to={(one) => `/executions/${one.id}`}
          more={{ has: found.hasNextPage, isLoading: found.isFetchingNextPage, load: () => void found.fetchNextPage() }}
        >
          {(one) => (
            <div className="execution-row">
              <Status status={one.status} />
              <div className="truncate">
                <span className="execution-name">{one.workflow ?? 'a workflow that is gone'}</span>{' '}
                <span className="quiet small">v{one.version}</span>
                {one.error && <span className="execution-error small"> {one.error}</span>}
              </div>
              <span className="quiet small execution-took">
                {one.finished_at ? span(Date.parse(one.finished_at) - Date.parse(one.started_at)) : ''}
              </span>
              <span className="quiet small execution-when">
                <When at={one.event_at} />
              </span>
            </div>
          )}
        </DataList>
      )}
    </>
  );
}
