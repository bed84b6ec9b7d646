-- What the API needs to list, show and tell executions.
do $$
declare
    of_ours text;
begin
    foreach of_ours in array array['workflow_executions', 'workflow_undone', 'workflow_deliveries', 'workflow_awaits',
        'workflow_dead_letters']
    loop
        execute format('grant select on public.%I to thendo_api', of_ours);
        execute format('create policy api_select on public.%I for select to thendo_api using (true)', of_ours);
    end loop;
end
$$;
grant execute on function public.tell_executions(uuid[], jsonb) to thendo_api;
