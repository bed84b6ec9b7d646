// What failed and nobody has tried again: chosen in any number, tried again at once, and what became of each.
import { Checkbox } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { get, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { listWorkflows } from '@/api/lists';
import { useMay } from '@/frame/session';
import { TopLine } from '@/frame/TopLine';
import { DataList } from '@/parts/DataList';
import { EmptyState } from '@/parts/EmptyState';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { When } from '@/parts/When';
import { Results, TryAgain } from './TryAgain';
import { NOTHING, toggled } from './selection';
import './untouched.css';

type Letter = Schemas['DeadLetter'];

export default function UntouchedPage() {
  const workflow = new URLSearchParams(useSearch()).get('workflow') ?? undefined;
  const [, go] = useLocation();
  const may = useMay('operate');
  const [selection, select] = useState(NOTHING);
  const [tried, setTried] = useState<readonly Letter[]>([]);
  const workflows = useQuery({ queryKey: keys.workflows, queryFn: listWorkflows });
  const found = useInfiniteQuery({
    queryKey: [...keys.deadLetters, workflow],
    queryFn: ({ pageParam }) => get('/api/v1/dead-letters', { params: { query: { workflow, limit: 200, cursor: pageParam } } }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
  });
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data]);
  const order = useMemo(() => rows.map((one) => one.id), [rows]);
  // What is not there any more is not chosen any more.
  const chosen = useMemo(() => rows.filter((one) => selection.isWhole || selection.ids.has(one.id)), [rows, selection]);
  const areAll = rows.length > 0 && chosen.length === rows.length;
  const isMore = found.hasNextPage;
  const begin = (which: readonly Letter[]) => {
    setTried(which);
    select(NOTHING);
  };
  return (
    <>
      <TopLine title="Failed, untouched" from={{ label: 'Executions', to: '/executions' }}>
        {may && chosen.length > 0 && <TryAgain chosen={chosen} whole={selection.isWhole ? { workflow } : undefined} begin={begin} />}
      </TopLine>
      <div className="filters">
        {may && rows.length > 0 && (
          <Checkbox
            label={selection.isWhole ? 'All there are' : chosen.length > 0 ? `${chosen.length} chosen` : 'Choose all'}
            checked={areAll}
            indeterminate={chosen.length > 0 && !areAll}
            onChange={() => select(areAll ? NOTHING : { ...NOTHING, ids: new Set(order) })}
          />
        )}
        {may && areAll && isMore && !selection.isWhole && (
          <button type="button" className="text-button" onClick={() => select({ ...NOTHING, isWhole: true })}>
            Choose those too that are not shown yet
          </button>
        )}
        <span className="grow" />
        <select
          className="field"
          data-search
          aria-label="Workflow"
          value={workflow ?? ''}
          onChange={(event) => {
            select(NOTHING);
            go(`/executions/untouched${event.currentTarget.value ? `?workflow=${event.currentTarget.value}` : ''}`, { replace: true });
          }}
        >
          <option value="">Every workflow</option>
          {workflows.data?.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
        </select>
      </div>
      {tried.length > 0 && <Results tried={tried} now={rows} close={() => setTried([])} />}
      {found.error && !found.data ? (
        <div className="page">
          <ProblemNote fault={found.error} retry={() => found.refetch()} />
        </div>
      ) : !found.data ? (
        <div className="page">
          <Skeletons />
        </div>
      ) : rows.length === 0 ? (
        <EmptyState title="Nothing waits for you">
          What fails and is not tried again by itself stands here until somebody tries it again.{' '}
          <Link className="link" href="/executions?status=failed">
            All that ever failed
          </Link>
        </EmptyState>
      ) : (
        <DataList
          label="Failed executions"
          items={rows}
          keyOf={(one) => one.id}
          to={(one) => `/executions/${one.id}`}
          more={{ has: isMore, isLoading: found.isFetchingNextPage, load: () => void found.fetchNextPage() }}
          lead={
            may
              ? (one) => (
                  <Checkbox
                    aria-label={`Choose ${one.workflow ?? 'a workflow that is gone'}`}
                    checked={selection.isWhole || selection.ids.has(one.id)}
                    onChange={() => undefined}
                    onClick={(event) => select(toggled(selection, order, one.id, event.shiftKey))}
                  />
                )
              : undefined
          }
        >
          {(one) => (
            <div className="untouched-row">
              <div className="truncate">
                <span className="execution-name">{one.workflow ?? 'a workflow that is gone'}</span>{' '}
                <span className="quiet small">
                  v{one.version}
                  {one.attempt > 1 && `, attempt ${one.attempt}`}
                </span>{' '}
                <span className="execution-error small">{one.reason}</span>
              </div>
              <span className="quiet small execution-when">
                <When at={one.failed_at} />
              </span>
            </div>
          )}
        </DataList>
      )}
    </>
  );
}
