-- When the oldest row was due. $1 lanes, $2 cursors, $3 and $4 as $4 and $5 in lock_ready_lanes.
with lower as materialized (
    select min(w.since) as since from unnest($3::bigint[], $4::timestamptz[]) as w (xid, since)
    where pg_visible_in_snapshot(w.xid::text::xid8, pg_current_snapshot())
)
select min(oldest.due_at) as due_at
from unnest($1::smallint[], $2::timestamptz[]) as l (lane, since)
cross join lower
cross join lateral (
    select q.due_at from public.workflow_queue q
    where q.lane = l.lane and q.due_at >= least(l.since, lower.since)
    order by q.due_at, q.id limit 1
) oldest
