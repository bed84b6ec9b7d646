-- Flow control: what a workflow's rules (once, debounce, concurrency, rate, guard) keep of the executions before. A row for
-- each key that a rule counts by, locked while a batch decides; what is kept counts in the time of events.
create table public.workflow_flow (
    workflow_id  uuid not null,
    rule         text not null check (rule in ('once', 'debounce', 'concurrency', 'rate', 'guard')),
    key          text not null check (octet_length(key) <= 200),
    at           timestamptz,
    until        timestamptz,
    execution_id uuid,
    counted      integer not null default 0,
    statement    text,
    of_statement integer not null default 0,
    primary key (workflow_id, rule, key)
);
comment on table public.workflow_flow is 'What the rules of a workflow''s flow control keep, by what they count by.';
comment on column public.workflow_flow.at is 'once: the first start. debounce: the first event that is still put off. guard: the minute.';
comment on column public.workflow_flow.until is 'From then on the row means nothing any more. Null: for ever.';
comment on column public.workflow_flow.execution_id is 'debounce: the execution that is put off.';
comment on column public.workflow_flow.counted is 'guard: executions of the minute. concurrency: the limit.';
comment on column public.workflow_flow.statement is 'guard: the statement whose executions were counted last, by the head of its events'' ids.';
-- Every row is written again and again: next to itself, without the index.
alter table public.workflow_flow set (fillfactor = 70);

revoke all on public.workflow_flow from public, anon, authenticated, service_role;
alter table public.workflow_flow enable row level security;
create policy engine_select on public.workflow_flow for select to thendo_engine using (true);
create policy engine_insert on public.workflow_flow for insert to thendo_engine with check (true);
create policy engine_update on public.workflow_flow for update to thendo_engine using (true) with check (true);
create policy engine_delete on public.workflow_flow for delete to thendo_engine using (true);
grant select, insert, update, delete on public.workflow_flow to thendo_engine;

-- Slots are counted from the rows that rest: whatever takes such a row away, frees its slot.
alter table public.workflow_waiting
    add column slot text,
    add column wants_slot text,
    add constraint has_or_wants_a_slot check (slot is null or wants_slot is null);
comment on column public.workflow_waiting.slot is 'The key of concurrency of which it is one.';
comment on column public.workflow_waiting.wants_slot is 'It has not begun: the key of concurrency that it waits for.';
create index idx_workflow_waiting_slot on public.workflow_waiting (workflow_id, slot) where slot is not null;
create index idx_workflow_waiting_wants_slot on public.workflow_waiting (workflow_id, wants_slot, event_at, id)
    where wants_slot is not null;

-- Free slots are handed to those who wait longest, at the end of the transaction that freed them, or that found none:
-- deferred, for an execution that goes on is taken out of its rest and laid back in one transaction. The lock makes whoever
-- lays one more to rest at this moment be seen.
-- Rejected: the daemon handing them on. An admin who cancels, and all that will ever delete such rows, would have to as well.
create function public.hand_on_slot() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    of_workflow constant uuid := old.workflow_id;
    -- A row leaves one key's executions, or joins those who wait for one.
    of_key text := coalesce(old.slot, old.wants_slot);
    at_once integer;
    handed bigint;
begin
    if tg_op = 'UPDATE' and of_key is null then
        of_key := new.wants_slot;
    end if;
    select f.counted into at_once from public.workflow_flow f
     where f.workflow_id = of_workflow and f.rule = 'concurrency' and f.key = of_key for update;
    with next as (
        select w.id, w.event_at from public.workflow_waiting w
         where w.workflow_id = of_workflow and w.wants_slot = of_key
         order by w.event_at, w.id
         limit (select greatest(0, coalesce(at_once, 1) - count(*)) from public.workflow_waiting h
                 where h.workflow_id = of_workflow and h.slot = of_key)
           for update skip locked
    ), handed as (
        update public.workflow_waiting w set slot = w.wants_slot, wants_slot = null
          from next where w.id = next.id
        returning w.id, w.lane, w.event_at
    )
    insert into public.workflow_queue (due_at, lane, execution_id)
    select clock_timestamp(), h.lane, h.id from handed h order by h.event_at, h.id;
    get diagnostics handed = row_count;
    -- The daemon itself looks again at once.
    if handed > 0 and current_setting('role') <> 'thendo_engine' then
        perform pg_notify('thendo_shop', '');
    end if;
    return null;
end
$$;
comment on function public.hand_on_slot() is
    'Trigger of workflow_waiting: hands the free slots of a key of concurrency to the executions that wait longest.';
revoke execute on function public.hand_on_slot() from public, anon, authenticated, service_role;

create constraint trigger hand_on_slot_of_deleted after delete on public.workflow_waiting
    deferrable initially deferred for each row
    when (old.slot is not null or old.wants_slot is not null)
    execute function public.hand_on_slot();
create constraint trigger hand_on_slot_of_updated after update on public.workflow_waiting
    deferrable initially deferred for each row
    when ((old.slot is not null and new.slot is distinct from old.slot)
       or (new.wants_slot is not null and new.wants_slot is distinct from old.wants_slot))
    execute function public.hand_on_slot();
