-- That executions failed: events of no table, for workflows that begin with it. They are as deep as what their execution
-- wrote: failures of workflows that follow failures end some time, too.
create function public.tell_failures(failures jsonb[], causes uuid[], depths smallint[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    with recorded as (
        insert into public.workflow_events (id, at, table_name, operation, entity, row_data, cause, depth)
        select gen_random_uuid(), clock_timestamp(), 'thendo.failure', 'insert', f.row ->> 'workflow',
               f.row || jsonb_build_object('workflow_name', (select w.name from public.workflows w where w.id::text = f.row ->> 'workflow')),
               f.cause, f.depth
        from unnest(failures, causes, depths) as f (row, cause, depth)
        returning id, at, (hashtextextended(entity, 0) & 63)::smallint as lane
    )
    insert into public.workflow_queue (due_at, lane, event_at, event_id)
    select r.at, r.lane, r.at, r.id from recorded r
$$;
comment on function public.tell_failures(jsonb[], uuid[], smallint[]) is
    'Records that executions failed, each by its execution and the depth of the event, for workflows that begin with that. For the daemon.';
revoke execute on function public.tell_failures(jsonb[], uuid[], smallint[]) from public, anon, authenticated, service_role;
grant execute on function public.tell_failures(jsonb[], uuid[], smallint[]) to thendo_engine;
