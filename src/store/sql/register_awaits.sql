-- What executions rest for, of those that were laid to rest in this transaction.
-- $1 executions, $2 nodes, $3 items as '{…}', $4 tables, $5 operations, $6 keys.
with first as (
    update public.workflow_plan_epoch set somebody_awaits = true where not somebody_awaits
)
insert into public.workflow_awaits
    (execution_id, node_id, item, table_name, operation, key, workflow_id, version, lane)
select w.id, i.node_id, i.item::integer[], i.table_name, i.operation, i.key, w.workflow_id, w.version, w.lane
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    as i (execution_id, node_id, item, table_name, operation, key)
join public.workflow_waiting w on w.id = i.execution_id
on conflict do nothing
