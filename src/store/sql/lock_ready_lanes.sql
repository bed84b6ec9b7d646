-- Holds lanes that have something due until the transaction ends; remembers them for claim_due. Tells which
-- transactions run: what those wrote is still to come. While all workflows are held, no lane is.
-- $1 lanes in the order to try them, $2 their cursors, $3 how many workers share the ready ones. $4 transactions that ran
-- at the last look, $5 before when none of their rows is: of those that are over by now, from there on.
-- A snapshot ends with the latest transaction that is over: what began after that and runs is not in it. Only by a number
-- of our own are those known too. $6 how many rows are wanted: no more lanes are held than that.
with lower as materialized (
    select min(w.since) as since from unnest($4::bigint[], $5::timestamptz[]) as w (xid, since)
    where pg_visible_in_snapshot(w.xid::text::xid8, pg_current_snapshot())
), lanes as (
    select l.lane, least(l.since, lower.since) as since, l.turn
    from unnest($1::smallint[], $2::timestamptz[]) with ordinality as l (lane, since, turn), lower
), ready as materialized (
    select lanes.lane from lanes
    cross join lateral (
        select 1 from public.workflow_queue q
        where q.lane = lanes.lane and q.due_at >= lanes.since and q.due_at <= statement_timestamp()
        limit 1
    ) due
    order by lanes.turn
), held as (
    select lane from (
        select lane from ready
        where not exists (select from public.workflow_holds h where h.workflow_id = '00000000-0000-0000-0000-000000000000')
        offset 0) r
    where pg_try_advisory_xact_lock(1952998511, 64 + lane)
    limit (select least($6::bigint, greatest(1, ceil(count(*)::numeric / $3::integer)))::bigint from ready)
)
select set_config('thendo.lanes', coalesce(string_agg(lane::text, ','), ''), true),
       statement_timestamp() as at,
       array(select x::text::bigint from pg_snapshot_xip(pg_current_snapshot()) as x
             union all
             select generate_series(pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
                                    pg_current_xact_id()::text::bigint - 1)) as running,
       array(select lane::smallint from ready) as ready
from held
