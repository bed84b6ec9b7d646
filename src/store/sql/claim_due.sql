-- Takes what is due in the held lanes, with the events. A statement of its own, so that its snapshot
-- is younger than the locks. $1 lanes, $2 cursors, $3 limit, $4 and $5 as in lock_ready_lanes.
with lower as materialized (
    select min(w.since) as since from unnest($4::bigint[], $5::timestamptz[]) as w (xid, since)
    where pg_visible_in_snapshot(w.xid::text::xid8, pg_current_snapshot())
), held as materialized (
    select lane::smallint as lane from unnest(string_to_array(nullif(current_setting('thendo.lanes', true), ''), ',')) as h (lane)
), taken as materialized (
    delete from public.workflow_queue
    where ctid = any (array(
        select due.ctid from unnest($1::smallint[], $2::timestamptz[]) as l (lane, since)
        cross join lower
        join held on held.lane = l.lane
        cross join lateral (
            select q.ctid from public.workflow_queue q
            where q.lane = l.lane and q.due_at >= least(l.since, lower.since) and q.due_at <= statement_timestamp()
            order by q.due_at, q.id
            limit (select greatest(1, $3::bigint / greatest(1, count(*))) from held)
        ) due
        limit $3::bigint
    ))
    returning id, due_at, lane, event_at, event_id, execution_id
)
select taken.id, taken.due_at, taken.lane, taken.execution_id, taken.event_at, taken.event_id,
       event.table_name, event.operation, event.row_data, event.old_data, event.cause, event.depth,
       coalesce(pg_column_size(event.row_data), 0) + coalesce(pg_column_size(event.old_data), 0) as bytes,
       clock_timestamp() as now, (select epoch from public.workflow_plan_epoch) as epoch,
       (select somebody_awaits from public.workflow_plan_epoch) as somebody_awaits,
       array(select h.workflow_id from public.workflow_holds h) as held
from taken
left join lateral (
    select e.table_name, e.operation, e.row_data, e.old_data, e.cause, e.depth from public.workflow_events e
    where e.at = taken.event_at and e.id = taken.event_id
    -- Looked up one by one, however few events there were when this was planned.
    limit 1
) event on true
order by taken.due_at, taken.id
