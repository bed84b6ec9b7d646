-- Finds daemons that died, and strikes the queue rows that they had in hand. Gives how many there were, and how many rows
-- they had.
-- $1 the daemon that looks, $2 whether it only starts: then a lock that nobody holds is enough, for who starts in the
-- place of one that died comes quickly; else it may be a listener that is about to connect again.
with dead as (
    update public.workflow_daemons d set died_at = statement_timestamp()
    where d.id <> $1 and d.died_at is null and (d.seen_at < statement_timestamp() - interval '30 seconds'
        or (($2::boolean or d.seen_at < statement_timestamp() - interval '15 seconds') and not exists (
            select from pg_catalog.pg_locks l
            where l.locktype = 'advisory' and l.classid = 1952998511 and l.objid = d.lock::oid
              and l.database = (select b.oid from pg_catalog.pg_database b where b.datname = current_database()))))
    returning d.id
), hands as (
    delete from public.workflow_hands h where h.daemon_id in (select id from dead)
    returning h.lanes, h.due_ats, h.queue_ids
), struck as (
    insert into public.workflow_strikes as s (lane, due_at, queue_id, strikes)
    select r.lane, r.due_at, r.queue_id, max(case cardinality(hands.lanes) when 1 then 1 else 0 end)
    from hands cross join lateral unnest(hands.lanes, hands.due_ats, hands.queue_ids) as r (lane, due_at, queue_id)
    group by r.lane, r.due_at, r.queue_id
    order by r.lane, r.due_at, r.queue_id
    on conflict (lane, due_at, queue_id)
    do update set strikes = s.strikes + excluded.strikes, struck_at = excluded.struck_at
), past as (
    delete from public.workflow_daemons g where g.died_at < statement_timestamp() - interval '1 hour'
), outlived as (
    -- Done long ago, by a daemon that was careful no more.
    delete from public.workflow_strikes o where o.struck_at < statement_timestamp() - interval '1 day'
)
select count(*) as dead, (select coalesce(sum(cardinality(lanes)), 0)::bigint from hands) as rows from dead
