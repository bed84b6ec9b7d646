-- $1 ids, $2 executions, $3 nodes, $4 inputs, $5 the kind.
with asked as materialized (
    select i.id, i.execution_id, i.node_id, i.input
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[]) as i (id, execution_id, node_id, input)
), known as materialized (
    select a.id, e.result from asked a
    -- Looked up one by one, however few there were when this was planned.
    cross join lateral (select e.result from public.workflow_effects e where e.id = a.id limit 1) e
), fresh as materialized (
    select a.id, a.execution_id, a.node_id, a.input from asked a where not exists (select from known k where k.id = a.id)
)