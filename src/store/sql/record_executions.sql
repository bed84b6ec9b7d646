-- Writes ended executions. A row that is there already is the same execution, done before.
insert into public.workflow_executions
    (id, event_at, event_id, workflow_id, version, mode, status, steps, error, started_at, finished_at, root, attempt)
select i.id, i.event_at, i.event_id, i.workflow_id, i.version, i.mode, i.status, i.steps, i.error,
       i.started_at, clock_timestamp(), i.root, i.attempt
from unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::uuid[], $5::integer[], $6::text[], $7::text[],
            $8::jsonb[], $9::text[], $10::timestamptz[], $11::uuid[], $12::smallint[])
    as i (id, event_at, event_id, workflow_id, version, mode, status, steps, error, started_at, root, attempt)
on conflict (event_at, id) do nothing
