-- What is being drawn for a workflow that runs, and who drew what runs. An edit that is not yet to be in force stands in
-- `draft`, since whatever is written to `definition` of a published row goes in force.
alter table public.workflows
    add column if not exists draft jsonb check (jsonb_typeof(draft) = 'object' and draft ? 'nodes' and draft ? 'edges'),
    add column if not exists edited_by uuid;
comment on column public.workflows.draft is
    'The next edition of a published or paused workflow, not in force; publishing moves it to definition. Null: there is none.';
comment on column public.workflows.edited_by is
    'Which account last edited definition or status; null if no account did. No foreign key: accounts go.';
comment on column public.workflow_versions.created_by is
    'Which account''s edit it is; null if no account''s. No foreign key: accounts go, versions stay.';

-- As before, and it keeps who edited.
create or replace function public.workflow_edited() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        new.health := 'unchecked';
        new.diagnostics := '[]';
        new.checked_at := null;
        new.live_version := null;
        new.revision := 1;
        new.edited_by := auth.uid();
    elsif coalesce(current_setting('thendo.checking', true), '') <> 'on' then
        new.health := old.health;
        new.diagnostics := old.diagnostics;
        new.checked_at := old.checked_at;
        new.live_version := old.live_version;
        new.revision := old.revision;
        new.edited_by := old.edited_by;
        if new.definition is distinct from old.definition or new.status is distinct from old.status then
            new.health := 'unchecked';
            new.revision := old.revision + 1;
            new.edited_by := auth.uid();
        end if;
    end if;
    if new.health = 'unchecked' then
        perform pg_notify('thendo_workflows', '');
    end if;
    return new;
end
$$;

-- As before; a version tells whose edit it is. And what the daemon alone may write is closed again when it returns: a
-- transaction of the command line publishes several.
create or replace function public.put_in_force(
    of_workflow uuid, of_revision bigint, of_hash text, with_diagnostics jsonb, with_parts jsonb
) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    drawn           jsonb;
    drawn_by        uuid;
    current_version record;
    next_number     integer;
    moment          timestamptz;
begin
    select w.definition, w.edited_by into drawn, drawn_by from public.workflows w
      where w.id = of_workflow and w.revision = of_revision and w.status = 'published' for update skip locked;
    if not found then
        return null; -- Edited again, or being edited: that edit has its own notification.
    end if;
    -- 1952998511 is 'thdo'; 1 the lock between publishing (exclusive) and claiming (shared).
    perform pg_advisory_xact_lock(1952998511, 1);
    perform set_config('thendo.checking', 'on', true);
    moment := clock_timestamp();
    select v.number, v.hash into current_version from public.workflow_versions v
      where v.workflow_id = of_workflow and v.active_to is null;
    if current_version.hash = of_hash then
        next_number := current_version.number;
    else
        update public.workflow_versions v set active_to = moment
          where v.workflow_id = of_workflow and v.active_to is null;
        select coalesce(max(v.number), 0) + 1 into next_number
          from public.workflow_versions v where v.workflow_id = of_workflow;
        insert into public.workflow_versions (workflow_id, number, hash, definition, active_from, created_by)
        values (of_workflow, next_number, of_hash, drawn, moment, drawn_by);
        update public.workflow_plan_epoch set epoch = epoch + 1;
    end if;
    perform public.keep_parts(of_workflow, next_number, with_parts);
    update public.workflows w
       set health = 'valid', diagnostics = with_diagnostics, checked_at = moment, live_version = next_number
     where w.id = of_workflow;
    perform set_config('thendo.checking', 'off', true);
    return next_number;
end
$$;
