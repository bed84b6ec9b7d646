// What happened in the shop, the newest first: found by kind, table, whom it is about, and time.
import { Button } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { get, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { TopLine } from '@/frame/TopLine';
import { words } from '@/graph/drawing';
import { DataList } from '@/parts/DataList';
import { EmptyState } from '@/parts/EmptyState';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { useZone } from '@/parts/time';
import { When } from '@/parts/When';
import { Filters } from './Filters';
import { asked, filterIn, searchOf, timeOfId } from './filter';
import { Operation } from './Operation';
import { Replay } from './Replay';
import './events.css';

export default function EventsPage() {
  const search = useSearch();
  const [, go] = useLocation();
  const zone = useZone((state) => state.zone);
  const filter = useMemo(() => filterIn(search), [search]);
  const wanted = useMemo(() => asked(filter, zone), [filter, zone]);
  const kinds = useQuery({ queryKey: keys.eventKinds, queryFn: () => get('/api/v1/event-kinds'), staleTime: Number.POSITIVE_INFINITY });
  const found = useInfiniteQuery({
    queryKey: keys.events(wanted),
    queryFn: ({ pageParam }) => get('/api/v1/events', { params: { query: { ...wanted, limit: 50, cursor: pageParam } } }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
    // What one has gone through is not read anew over and over.
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) > 1 ? false : 5000),
  });
  const rows = useMemo(() => {
    const met = new Set<string>();
    return (found.data?.pages.flatMap((page) => page.items) ?? []).filter((one) => !met.has(one.id) && met.add(one.id));
  }, [found.data]);
  const givenUp = found.data?.pages.at(-1)?.given_up_at;
  const isNarrow = Object.keys(filter).length > 0;
  const { type, ...ofTime } = wanted;
  return (
    <>
      <TopLine title="Events">{wanted.since && !type && <Replay label="Replay these" what={ofTime} />}</TopLine>
      <Filters
        filter={filter}
        kinds={kinds.data ?? []}
        narrow={(next) => go(`/events${searchOf({ ...filter, ...next })}`, { replace: true })}
      />
      {found.error && !found.data ? (
        <div className="page">
          <ProblemNote fault={found.error} retry={() => found.refetch()} />
        </div>
      ) : !found.data ? (
        <div className="page">
          <Skeletons />
        </div>
      ) : rows.length > 0 ? (
        <DataList
          label="Events"
          items={rows}
          keyOf={(one) => one.id}
          to={(one) => `/events/${one.id}`}
          height={44}
          more={{ has: found.hasNextPage && !givenUp, isLoading: found.isFetchingNextPage, load: () => void found.fetchNextPage() }}
        >
          {(one) => <EventRow one={one} />}
        </DataList>
      ) : givenUp ? null : isNarrow ? (
        <EmptyState title="None like that">
          Look at{' '}
          <Link className="link" href="/events">
            all of them
          </Link>
          .
        </EmptyState>
      ) : (
        <EmptyState title="Nothing has happened yet">
          Whatever changes in the shop’s tables is an event: an order, a review, a new customer.{' '}
          <code>thendo demo order --total 250.00</code> places a sample order.
        </EmptyState>
      )}
      {givenUp && (
        <div className="look-on" role="status">
          <span className="grow">
            {rows.length === 0 ? 'None so far. ' : ''}Looked back to <When at={timeOfId(givenUp)} exact />, and there is more.
          </span>
          <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            Look on
          </Button>
        </div>
      )}
    </>
  );
}

function EventRow({ one }: { one: Schemas['ListedEvent'] }) {
  return (
    <div className="event-row">
      <Operation done={one.operation} />
      <span className="truncate">
        <span className="event-table">{words(one.table_name)}</span> {one.key && <span className="quiet small mono">{one.key}</span>}
      </span>
      <span className="quiet small truncate event-entity">{one.cause ? 'by a workflow' : ''}</span>
      <span className="quiet small event-when">
        <When at={one.at} />
      </span>
    </div>
  );
}
