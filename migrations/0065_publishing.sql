-- Puts a compiled definition in force, or takes one out of force. Called by the daemon only.

-- Publishing and claiming exclude each other for a moment, so that no event whose time lies after
-- active_from can be matched by a daemon that does not yet see the new version. The row is locked first
-- and without waiting: an admin's open transaction on one workflow must not hold up the claims.
create function public.put_in_force(
    of_workflow uuid, of_revision bigint, of_hash text, with_diagnostics jsonb, with_parts jsonb
) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    drawn           jsonb;
    current_version record;
    next_number     integer;
    moment          timestamptz;
begin
    select w.definition into drawn from public.workflows w
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
        insert into public.workflow_versions (workflow_id, number, hash, definition, active_from)
        values (of_workflow, next_number, of_hash, drawn, moment);
        update public.workflow_plan_epoch set epoch = epoch + 1;
    end if;
    perform public.keep_parts(of_workflow, next_number, with_parts);
    update public.workflows w
       set health = 'valid', diagnostics = with_diagnostics, checked_at = moment, live_version = next_number
     where w.id = of_workflow;
    return next_number;
end
$$;
comment on function public.put_in_force(uuid, bigint, text, jsonb, jsonb) is
    'Makes a compiled revision the version in force; returns its number, null if the row was edited meanwhile.';

-- with_parts: {"triggers": […], "conditions": […], "actions": […]} of {node, kind, label, config}, triggers
-- also with table and operations. Null: none is in force.
create function public.keep_parts(of_workflow uuid, of_version integer, with_parts jsonb) returns void
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
end
$$;
comment on function public.keep_parts(uuid, integer, jsonb) is
    'Keeps workflow_triggers, _conditions and _actions in step with the version in force.';

create function public.mark_checked(
    of_workflow uuid, of_revision bigint, with_health text, with_diagnostics jsonb
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    now_is text;
begin
    select w.status into now_is from public.workflows w
      where w.id = of_workflow and w.revision = of_revision for update skip locked;
    if not found then
        return null;
    end if;
    perform set_config('thendo.checking', 'on', true);
    -- A published row that is broken keeps its last good version; any other row has none in force.
    if now_is <> 'published' and exists (
        select from public.workflow_versions v where v.workflow_id = of_workflow and v.active_to is null
    ) then
        perform pg_advisory_xact_lock(1952998511, 1);
        update public.workflow_versions v set active_to = clock_timestamp()
          where v.workflow_id = of_workflow and v.active_to is null;
        update public.workflow_plan_epoch set epoch = epoch + 1;
        perform public.keep_parts(of_workflow, null, null);
    end if;
    update public.workflows w
       set health = with_health, diagnostics = with_diagnostics, checked_at = clock_timestamp(),
           live_version = case when now_is = 'published' then w.live_version end
     where w.id = of_workflow;
    return true;
end
$$;
comment on function public.mark_checked(uuid, bigint, text, jsonb) is
    'Writes the compiler''s word to a workflow and takes one that is not published out of force; null if it was edited meanwhile.';

-- An edit makes the row unchecked and wakes the daemon, whoever edits and through whatever door. What the
-- daemon writes is the daemon's: an editor that sends back a whole row, read a while ago, changes nothing of it.
create function public.workflow_edited() returns trigger
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
    elsif coalesce(current_setting('thendo.checking', true), '') <> 'on' then
        new.health := old.health;
        new.diagnostics := old.diagnostics;
        new.checked_at := old.checked_at;
        new.live_version := old.live_version;
        new.revision := old.revision;
        if new.definition is distinct from old.definition or new.status is distinct from old.status then
            new.health := 'unchecked';
            new.revision := old.revision + 1;
        end if;
    end if;
    if new.health = 'unchecked' then
        perform pg_notify('thendo_workflows', '');
    end if;
    return new;
end
$$;
comment on function public.workflow_edited() is 'Before-write trigger of workflows: what was edited is checked again.';

-- A deleted workflow starts nothing more; its versions go with it.
create function public.workflow_deleted() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update public.workflow_plan_epoch set epoch = epoch + 1;
    return null;
end
$$;
comment on function public.workflow_deleted() is 'After-delete trigger of workflows: daemons forget what is gone.';


create trigger workflow_edited before insert or update on public.workflows
    for each row execute function public.workflow_edited();
create trigger workflow_deleted after delete on public.workflows
    for each statement execute function public.workflow_deleted();
create index idx_workflows_unchecked on public.workflows (id) where health = 'unchecked';
