-- Lays executions to rest. One that rests already, or has ended, is left as it is.
insert into public.workflow_waiting (id, event_at, event_id, workflow_id, version, lane, state, started_at)
select i.id, i.event_at, i.event_id, i.workflow_id, i.version, i.lane, i.state, i.started_at
from unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::uuid[], $5::integer[], $6::smallint[], $7::jsonb[],
            $8::timestamptz[])
    as i (id, event_at, event_id, workflow_id, version, lane, state, started_at)
where not exists (select 1 from public.workflow_executions e where e.event_at = i.event_at and e.id = i.id)
on conflict (id) do nothing
