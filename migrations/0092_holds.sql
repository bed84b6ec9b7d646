-- Held workflows: nothing of them moves until they are released, and nothing is lost. (One that is paused starts nothing
-- for what happens meanwhile; one that is held starts it later.)
create table public.workflow_holds (
    workflow_id uuid primary key,
    reason      text not null,
    held_by     text not null default '',
    held_at     timestamptz not null default now()
);
comment on table public.workflow_holds is 'Workflows that an admin, or a guard, has brought to a stop until somebody releases them.';
comment on column public.workflow_holds.workflow_id is 'Which; all zeros for all of them.';

alter table public.workflow_waiting add column held boolean not null default false;
comment on column public.workflow_waiting.held is 'It would go on, or begin, but its workflow is held.';
create index idx_workflow_waiting_held on public.workflow_waiting (workflow_id, event_at, id) where held;

create function public.hold_workflow(of_workflow uuid, for_reason text, by_whom text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into public.workflow_holds (workflow_id, reason, held_by) values (of_workflow, for_reason, by_whom)
        on conflict (workflow_id) do nothing;
    return found;
end
$$;
comment on function public.hold_workflow(uuid, text, text) is
    'Brings a workflow to a stop, all of them for all zeros; false if it is held already.';

-- Whoever claimed before sees the hold and lays more to rest: the lock lets those end first.
create function public.release_workflow(of_workflow uuid, discard boolean, by_whom text) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    let_go uuid[];
begin
    -- 1952998511 is 'thdo'; 1 the lock between publishing (exclusive) and claiming (shared).
    perform pg_advisory_xact_lock(1952998511, 1);
    delete from public.workflow_holds h where h.workflow_id = of_workflow;
    if not found then
        return null;
    end if;
    with released as (
        update public.workflow_waiting w set held = false where w.workflow_id = of_workflow and w.held
        returning w.id, w.event_at
    )
    select array_agg(r.id order by r.event_at, r.id) into let_go from released r;
    if discard then
        -- What waits for a mail or a request that has not left was stopped, too.
        let_go := let_go || array(select distinct d.execution_id from public.workflow_deliveries d
            where d.workflow_id = of_workflow and d.status = 'pending' and d.execution_id <> all (coalesce(let_go, '{}')));
        perform public.tell_executions(let_go, jsonb_build_object('word', 'cancel', 'by', by_whom));
    else
        insert into public.workflow_queue (due_at, lane, execution_id)
        select clock_timestamp(), w.lane, w.id
          from unnest(let_go) with ordinality as r (id, n) join public.workflow_waiting w on w.id = r.id order by r.n;
    end if;
    perform pg_notify('thendo_shop', '');
    return coalesce(cardinality(let_go), 0);
end
$$;
comment on function public.release_workflow(uuid, boolean, text) is
    'Lets a held workflow go on, with what it would have done meanwhile or, if that is to be discarded, without; how many executions were held. Null if it was not.';

-- As before, and what was held of it goes with it.
create or replace function public.workflow_deleted() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update public.workflow_plan_epoch set epoch = epoch + 1;
    perform public.release_workflow(h.workflow_id, true, 'its deletion') from public.workflow_holds h
      where h.workflow_id <> '00000000-0000-0000-0000-000000000000'
        and not exists (select from public.workflows w where w.id = h.workflow_id);
    return null;
end
$$;

revoke all on public.workflow_holds from public, anon, authenticated, service_role;
alter table public.workflow_holds enable row level security;
create policy engine_select on public.workflow_holds for select to thendo_engine using (true);
grant select on public.workflow_holds to thendo_engine;
revoke execute on function public.hold_workflow(uuid, text, text), public.release_workflow(uuid, boolean, text)
    from public, anon, authenticated, service_role;
grant execute on function public.hold_workflow(uuid, text, text) to thendo_engine, service_role;
grant execute on function public.release_workflow(uuid, boolean, text) to service_role;
