-- An approval is answered once: who comes second, while the first answer is not yet worked on, is told so. The answer itself is a
-- word like any other, and counts when its transaction does.
create function public.answer_approval(of_execution uuid, at_node text, at_item integer[], answer jsonb) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whoever answers at this moment is waited for.
    perform pg_advisory_xact_lock(hashtextextended('approvals of ' || of_execution, 1952998511));
    if exists (
        select from public.workflow_waiting w
        join public.workflow_queue q on q.lane = w.lane and q.execution_id = w.id
        cross join lateral (select e.row_data from public.workflow_events e
                             where e.at = q.event_at and e.id = q.event_id and e.table_name = 'thendo.word' limit 1) e
        where w.id = of_execution and e.row_data ->> 'word' in ('approve', 'refuse') and e.row_data ->> 'node' = at_node
          and coalesce(e.row_data -> 'item', '[]') = to_jsonb(at_item)
    ) then
        return 'answered';
    end if;
    if not exists (
        select from public.workflow_awaits a
         where a.execution_id = of_execution and a.table_name = 'thendo.word' and a.operation = 'insert' and a.key = 'approval'
           and a.node_id = at_node and a.item = at_item
    ) then
        return 'gone';
    end if;
    perform public.tell_executions(array[of_execution], answer);
    return 'told';
end
$$;
comment on function public.answer_approval(uuid, text, integer[], jsonb) is
    'Says yes or no to an approval: told; answered, if somebody else was first; or gone. For the API and the command line.';
revoke execute on function public.answer_approval(uuid, text, integer[], jsonb) from public, anon, authenticated, service_role;
grant execute on function public.answer_approval(uuid, text, integer[], jsonb) to thendo_api;
