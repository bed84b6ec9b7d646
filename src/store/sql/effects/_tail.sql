, recorded as (
    insert into public.workflow_effects (id, execution_id, node_id, kind, result)
    select f.id, f.execution_id, f.node_id, $5::text, jsonb_build_object('why', j.why, 'result', j.result)
    from judged j join fresh f on f.id = j.id where j.refused is null
)
select j.id, j.refused, j.why, j.result, j.changes, false as done_before from judged j
union all
select k.id, null, k.result ->> 'why', k.result -> 'result', null, true from known k
