-- Workflows that are started by hand or by other workflows: an event of no table, addressed to the workflow. The daemon may
-- not write events, so a function does, and only these.
create function public.start_workflows(ids uuid[], names text[], inputs jsonb[], started_by text[], depths integer[])
returns table (id uuid, workflow_id uuid)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with wanted as (
        -- By its id or its name, if only one has it; it must be in force, and of the kind that is started so.
        select i.id, i.input, i.started_by, i.depth,
               (select case count(*) when 1 then min(w.id::text)::uuid end from public.workflows w
                 where (w.name = i.name or w.id::text = i.name) and w.status = 'published' and w.live_version is not null
                   and exists (select from public.workflow_triggers t
                                where t.workflow_id = w.id and t.table_name = 'thendo.manual')) as workflow
        from unnest(ids, names, inputs, started_by, depths) as i (id, name, input, started_by, depth)
    ), told as (
        insert into public.workflow_events (id, at, table_name, operation, entity, row_data)
        select d.id, clock_timestamp(), 'thendo.manual', 'insert', d.id::text,
               jsonb_build_object('id', d.id, 'workflow_id', d.workflow, 'by', d.started_by, 'input', d.input, 'depth', d.depth)
        from wanted d where d.workflow is not null
        returning workflow_events.id, at, (hashtextextended(entity, 0) & 63)::smallint as lane
    ), queued as (
        insert into public.workflow_queue (due_at, lane, event_at, event_id)
        select t.at, t.lane, t.at, t.id from told t
    )
    select d.id, d.workflow from wanted d;
    -- The daemon itself looks again at once.
    if current_setting('role') <> 'thendo_engine' then
        perform pg_notify('thendo_shop', '');
    end if;
end
$$;
comment on function public.start_workflows(uuid[], text[], jsonb[], text[], integer[]) is
    'Starts workflows with the trigger manual, each by its name or id, with an input. Gives which were started: without a workflow_id, there is none in force.';
revoke execute on function public.start_workflows(uuid[], text[], jsonb[], text[], integer[])
    from public, anon, authenticated, service_role;
grant execute on function public.start_workflows(uuid[], text[], jsonb[], text[], integer[]) to thendo_engine, service_role;
