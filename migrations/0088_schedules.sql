-- Times of schedules: which workflow starts next when. A row for each workflow in force that begins with `schedule`, made
-- and taken away by whoever puts it in force or out: a new version with other times counts from when it was put in force,
-- and so does one that was paused, since a pause takes its row away.
create table public.workflow_schedules (
    workflow_id uuid primary key references public.workflows (id) on delete cascade,
    config      jsonb not null,
    last_at     timestamptz not null,
    next_at     timestamptz
);
comment on table public.workflow_schedules is 'The schedules in force, and when each is due.';
comment on column public.workflow_schedules.config is 'The trigger''s settings, as drawn.';
comment on column public.workflow_schedules.last_at is
    'The time of the schedule that started last, or the instant from which it counts. Who starts times moves it, and only from where it was.';
comment on column public.workflow_schedules.next_at is 'When to look at it next, on the database''s clock. Null: its calendar has ended.';
create index idx_workflow_schedules_next_at on public.workflow_schedules (next_at);

create function public.keep_schedule(of_workflow uuid, with_parts jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    settings constant jsonb := (
        select coalesce(t.config, '{}') from jsonb_to_recordset(with_parts -> 'triggers') as t ("table" text, config jsonb)
        where t."table" = 'thendo.schedule' limit 1);
begin
    if settings is null then
        delete from public.workflow_schedules s where s.workflow_id = of_workflow;
        return;
    end if;
    insert into public.workflow_schedules as s (workflow_id, config, last_at, next_at)
    select of_workflow, settings, v.active_from, v.active_from
      from public.workflow_versions v where v.workflow_id = of_workflow and v.active_to is null
    on conflict (workflow_id) do update
       set config = excluded.config, next_at = excluded.next_at,
           last_at = case when s.config -> 'cron' = excluded.config -> 'cron'
                           and coalesce(s.config ->> 'time_zone', 'UTC') = coalesce(excluded.config ->> 'time_zone', 'UTC')
                          then s.last_at else excluded.last_at end
     where s.config <> excluded.config;
    -- Whoever put it in force may be gone before its first time: all daemons are to know when that is.
    if found then
        perform pg_notify('thendo_workflows', '');
    end if;
end
$$;
comment on function public.keep_schedule(uuid, jsonb) is
    'Keeps workflow_schedules in step with the version in force. Where the times stay the same, none is lost and none comes twice.';

-- As before, and its schedule.
create or replace function public.keep_parts(of_workflow uuid, of_version integer, with_parts jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from public.workflow_triggers p where p.workflow_id = of_workflow;
    delete from public.workflow_conditions p where p.workflow_id = of_workflow;
    delete from public.workflow_actions p where p.workflow_id = of_workflow;
    insert into public.workflow_triggers (workflow_id, version, node_id, kind, label, config, table_name, operations)
    select of_workflow, of_version, t.node, t.kind, t.label, coalesce(t.config, '{}'), t."table", t.operations
      from jsonb_to_recordset(with_parts -> 'triggers')
        as t (node text, kind text, label text, config jsonb, "table" text, operations text[]);
    insert into public.workflow_conditions (workflow_id, version, node_id, kind, label, config)
    select of_workflow, of_version, c.node, c.kind, c.label, coalesce(c.config, '{}')
      from jsonb_to_recordset(with_parts -> 'conditions') as c (node text, kind text, label text, config jsonb);
    insert into public.workflow_actions (workflow_id, version, node_id, kind, label, config)
    select of_workflow, of_version, a.node, a.kind, a.label, coalesce(a.config, '{}')
      from jsonb_to_recordset(with_parts -> 'actions') as a (node text, kind text, label text, config jsonb);
    perform public.keep_schedule(of_workflow, with_parts);
end
$$;

-- What is in force already counts from now on: nothing has started its times so far.
insert into public.workflow_schedules (workflow_id, config, last_at, next_at)
select t.workflow_id, t.config, now(), now() from public.workflow_triggers t where t.table_name = 'thendo.schedule'
on conflict do nothing;

-- The daemon may not write events, so a function does, and only these. It moves each schedule from where the daemon found it
-- (`was`) and writes the times between; who comes second finds it moved, and writes none. One statement for all of them.
-- A row that is in other hands is left to those.
create function public.start_times(
    of_workflows uuid[], was timestamptz[], last_at timestamptz[], next_at timestamptz[],
    ids uuid[], times_of uuid[], due_at timestamptz[], missed integer[]
) returns table (workflow_id uuid)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    with held as (
        select s.workflow_id, i.last_at, i.next_at
          from unnest($1, $2, $3, $4) as i (workflow_id, was, last_at, next_at)
          join public.workflow_schedules s on s.workflow_id = i.workflow_id and s.last_at = i.was
         order by s.workflow_id for update of s skip locked
    ), moved as (
        update public.workflow_schedules s set last_at = h.last_at, next_at = h.next_at
          from held h where s.workflow_id = h.workflow_id
        returning s.workflow_id
    ), told as (
        insert into public.workflow_events (id, at, table_name, operation, entity, row_data)
        select t.id, t.at, 'thendo.schedule', 'insert', t.workflow_id::text,
               jsonb_build_object('id', t.id, 'workflow_id', t.workflow_id, 'at', t.at, 'due_at', t.due_at, 'missed', t.missed)
        from (select o.id, o.workflow_id, o.due_at, o.missed, clock_timestamp() as at
                from (select i.id, m.workflow_id, i.due_at, i.missed
                        from unnest($5, $6, $7, $8) as i (id, workflow_id, due_at, missed)
                        join moved m on m.workflow_id = i.workflow_id order by i.due_at, i.id) o
              offset 0) t
        returning id, at, (hashtextextended(entity, 0) & 63)::smallint as lane
    ), queued as (
        insert into public.workflow_queue (due_at, lane, event_at, event_id)
        select t.at, t.lane, t.at, t.id from told t
    )
    select m.workflow_id from moved m;
    -- The daemon itself looks again at once.
    if current_setting('role') <> 'thendo_engine' then
        perform pg_notify('thendo_shop', '');
    end if;
end
$$;
comment on function public.start_times(uuid[], timestamptz[], timestamptz[], timestamptz[], uuid[], uuid[], timestamptz[], integer[]) is
    'Moves schedules from where the caller found them and writes an event for each time that has come. Gives those that it moved.';

revoke all on public.workflow_schedules from public, anon, authenticated, service_role;
alter table public.workflow_schedules enable row level security;
grant select on public.workflow_schedules to authenticated, service_role, thendo_engine;
create policy authenticated_select on public.workflow_schedules for select to authenticated
    using ((select public.is_admin((select auth.uid()))));
create policy engine_select on public.workflow_schedules for select to thendo_engine using (true);
revoke execute on function public.keep_schedule(uuid, jsonb) from public, anon, authenticated, service_role;
revoke execute on function public.start_times(uuid[], timestamptz[], timestamptz[], timestamptz[], uuid[], uuid[], timestamptz[], integer[])
    from public, anon, authenticated, service_role;
grant execute on function public.start_times(uuid[], timestamptz[], timestamptz[], timestamptz[], uuid[], uuid[], timestamptz[], integer[])
    to thendo_engine;
