-- Hands mails to the deliverers, once each. One row back per input, with what is known of it.
-- $1 ids, $2 executions, $3 nodes, $4 lanes, $5 payloads.
with input as materialized (
    select i.id, i.execution_id, i.node_id, i.lane, i.payload from unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::jsonb[])
        as i (id, execution_id, node_id, lane, payload)
), entered as (
    insert into public.workflow_deliveries (id, execution_id, node_id, kind, lane, payload)
    select id, execution_id, node_id, 'email', lane, payload from input
    on conflict (id) do nothing
    returning id
)
select input.id, coalesce(former.status, 'pending') as status, former.result
from input left join public.workflow_deliveries former on former.id = input.id
