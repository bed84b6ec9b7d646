-- Which workflows stand one behind the other, each started by what the one before it wrote. $1 the last executions.
-- An execution's id begins with the milliseconds of its event, which finds its partition.
with recursive chain as (
    select l.id as last, l.id as execution, 1 as n from unnest($1::uuid[]) as l (id)
    union all
    select chain.last, event.cause, chain.n + 1
    from chain
    cross join lateral (
        select timestamptz 'epoch' + ('x' || left(replace(chain.execution::text, '-', ''), 12))::bit(48)::bigint
                   * interval '1 millisecond' as since
    ) as began
    cross join lateral (
        select x.event_at, x.event_id from public.workflow_executions x
        where x.event_at >= began.since and x.event_at < began.since + interval '1 millisecond' and x.id = chain.execution
        union all
        select w.event_at, w.event_id from public.workflow_waiting w where w.id = chain.execution
        limit 1
    ) as run
    cross join lateral (
        select e.cause from public.workflow_events e where e.at = run.event_at and e.id = run.event_id
    ) as event
    where event.cause is not null and chain.n < 16
), named as (
    select chain.last, chain.n,
           (select w.name from public.workflows w
            where w.id = coalesce(
                (select x.workflow_id from public.workflow_executions x
                 where x.event_at >= began.since and x.event_at < began.since + interval '1 millisecond'
                   and x.id = chain.execution),
                (select r.workflow_id from public.workflow_waiting r where r.id = chain.execution))) as name
    from chain
    cross join lateral (
        select timestamptz 'epoch' + ('x' || left(replace(chain.execution::text, '-', ''), 12))::bit(48)::bigint
                   * interval '1 millisecond' as since
    ) as began
)
select last as id, array_agg(name order by n desc) filter (where name is not null) as names
from named group by last
