-- Puts a compiled definition in force, or takes one out of force. Called by the daemon only.

-- Publishing and claiming exclude each other for a moment, so that no event whose time lies after
-- active_from can be matched by a daemon that does not yet see the new version.
create function public.put_in_force(
    of_workflow uuid, of_definition jsonb, of_hash text, with_diagnostics jsonb
) returns integer
language plpgsql
set search_path = ''
as $$
declare
    current_version public.workflow_versions;
    next_number     integer;
    moment          timestamptz;
begin
    -- 1952998511 is 'thdo'; 1 the lock between publishing (exclusive) and claiming (shared).
    perform pg_advisory_xact_lock(1952998511, 1);
    moment := clock_timestamp();
    perform 1 from public.workflows w
      where w.id = of_workflow and w.status = 'published' and w.definition = of_definition for update;
    if not found then
        return null; -- It was edited again meanwhile; that edit has its own notification.
    end if;
    select * into current_version from public.workflow_versions v
      where v.workflow_id = of_workflow and v.active_to is null;
    if current_version.hash = of_hash then
        next_number := current_version.number;
    else
        update public.workflow_versions v set active_to = moment
          where v.workflow_id = of_workflow and v.active_to is null;
        select coalesce(max(v.number), 0) + 1 into next_number
          from public.workflow_versions v where v.workflow_id = of_workflow;
        insert into public.workflow_versions (workflow_id, number, hash, definition, active_from)
        values (of_workflow, next_number, of_hash, of_definition, moment);
        update public.workflow_plan_epoch set epoch = epoch + 1;
    end if;
    update public.workflows w
       set health = 'valid', diagnostics = with_diagnostics, checked_at = moment, live_version = next_number
     where w.id = of_workflow;
    return next_number;
end
$$;
comment on function public.put_in_force(uuid, jsonb, text, jsonb) is
    'Makes a compiled definition the version in force; returns its number, null if the row changed meanwhile.';

create function public.take_out_of_force(of_workflow uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
    perform pg_advisory_xact_lock(1952998511, 1);
    update public.workflow_versions v set active_to = clock_timestamp()
      where v.workflow_id = of_workflow and v.active_to is null;
    update public.workflow_plan_epoch set epoch = epoch + 1;
    update public.workflows w set live_version = null where w.id = of_workflow;
end
$$;
comment on function public.take_out_of_force(uuid) is 'Stops a workflow for all later events.';

-- An edit makes the row unchecked and wakes the daemon, whoever edits and through whatever door.
create function public.workflow_edited() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if tg_op = 'INSERT' then
        new.health := 'unchecked';
        new.live_version := null;
    elsif new.definition is distinct from old.definition or new.status is distinct from old.status then
        new.health := 'unchecked';
    end if;
    if new.health = 'unchecked' then
        perform pg_notify('thendo_workflows', '');
    end if;
    return new;
end
$$;
comment on function public.workflow_edited() is 'Before-write trigger of workflows: what was edited is checked again.';
revoke execute on function public.workflow_edited() from public;
revoke execute on function public.put_in_force(uuid, jsonb, text, jsonb) from public;
revoke execute on function public.take_out_of_force(uuid) from public;

create trigger workflow_edited before insert or update on public.workflows
    for each row execute function public.workflow_edited();
create index idx_workflows_unchecked on public.workflows (updated_at) where health = 'unchecked';
