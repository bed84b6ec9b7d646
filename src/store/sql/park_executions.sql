-- Lays executions to rest, and queues those that go on by themselves at an instant. One that rests already, or has
-- ended, is left as it is.
with resting as (
    select i.id, i.event_at, i.event_id, i.workflow_id, i.version, i.lane, i.state, i.started_at, i.timer, i.put_off_for
    from unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::uuid[], $5::integer[], $6::smallint[], $7::jsonb[],
                         $8::timestamptz[], $9::timestamptz[], $10::text[])
        as i (id, event_at, event_id, workflow_id, version, lane, state, started_at, timer, put_off_for)
), parked as (
    insert into public.workflow_waiting (id, event_at, event_id, workflow_id, version, lane, state, started_at, put_off_for)
    select i.id, i.event_at, i.event_id, i.workflow_id, i.version, i.lane, i.state, i.started_at, i.put_off_for
    from resting i
    where not exists (select 1 from public.workflow_executions e where e.event_at = i.event_at and e.id = i.id)
    on conflict (id) do nothing
    returning id
)
insert into public.workflow_queue (due_at, lane, execution_id)
select i.timer, i.lane, i.id from resting i join parked p on p.id = i.id where i.timer is not null
