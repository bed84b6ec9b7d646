-- Lays executions to rest, and queues those that go on by themselves at an instant. One that rests already, or has
-- ended, is left as it is. What is due already is due from now on: nobody looks for the past.
with resting as (
    select i.id, i.event_at, i.event_id, i.workflow_id, i.version, i.lane, i.state, i.started_at, i.timer, i.put_off_for,
           i.root, i.attempt, i.held
    from unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::uuid[], $5::integer[], $6::smallint[], $7::jsonb[],
                         $8::timestamptz[], $9::timestamptz[], $10::text[], $11::uuid[], $12::smallint[], $13::boolean[])
        as i (id, event_at, event_id, workflow_id, version, lane, state, started_at, timer, put_off_for, root, attempt, held)
), parked as (
    insert into public.workflow_waiting (id, event_at, event_id, workflow_id, version, lane, state, started_at, put_off_for,
        root, attempt, held)
    select i.id, i.event_at, i.event_id, i.workflow_id, i.version, i.lane, i.state, i.started_at, i.put_off_for,
           i.root, i.attempt, i.held
    from resting i
    left join lateral (select true as has_ended from public.workflow_executions e
                        where e.event_at = i.event_at and e.id = i.id limit 1) e on true
    where e.has_ended is null
    on conflict (id) do nothing
    returning id
)
insert into public.workflow_queue (due_at, lane, execution_id)
select greatest(i.timer, clock_timestamp()), i.lane, i.id from resting i join parked p on p.id = i.id where i.timer is not null
