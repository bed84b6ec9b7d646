-- Writes what became of deliveries, if their lease is still ours, and lets their executions go on. How many were ours.
-- $1 ids, $2 tokens, $3 status, $4 results.
with finished as (
    update public.workflow_deliveries d
    set status = i.status, result = i.result, finished_at = clock_timestamp(), lease_token = null, lease_until = null
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[]) as i (id, token, status, result)
    -- Whoever gave it up as unknown did not know what its sender knows.
    where d.id = any ($1::uuid[]) and d.id = i.id and (d.status = 'sending' and d.lease_token = i.token
                           or d.status = 'unknown' and i.status <> 'unknown')
    returning d.execution_id, d.workflow_id, d.lane
), queued as (
    insert into public.workflow_queue (due_at, lane, execution_id)
    select clock_timestamp(), lane, execution_id from finished
    -- What a campaign sends belongs to no execution: it has the campaign in both places.
    where execution_id <> workflow_id
)
select count(*) as written from finished
