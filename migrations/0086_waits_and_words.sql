-- Executions that rest for events and for an admin's word, and those that failed and may be tried again.

-- A queue row may hand an execution an event: both are named then.
alter table public.workflow_queue drop constraint starts_or_resumes;
alter table public.workflow_queue add constraint starts_or_resumes
    check ((event_id is null) = (event_at is null) and (event_id is not null or execution_id is not null));
comment on table public.workflow_queue is
    'Events to start executions for, executions to go on with, and events that are handed to executions.';

-- An execution may be tried again: another row, of the same root. Effects are keyed by the root and happen once.
alter table public.workflow_waiting
    add column root uuid,
    add column attempt smallint not null default 1;
alter table public.workflow_executions
    add column root uuid,
    add column attempt smallint not null default 1;
comment on column public.workflow_executions.root is 'The first attempt, of which this is another; null for the first itself.';
comment on column public.workflow_executions.attempt is '1 for the first, one more each time it was tried again.';
comment on column public.workflow_waiting.root is 'As in workflow_executions.';
comment on column public.workflow_waiting.attempt is 'As in workflow_executions.';
create index idx_workflow_executions_root on public.workflow_executions (root) where root is not null;

-- Who rests for which events. Written in the transaction that lays the execution to rest, gone with it.
create table public.workflow_awaits (
    execution_id uuid not null references public.workflow_waiting (id) on delete cascade,
    node_id      text not null,
    -- Empty, unless a word of an admin is awaited: the places of the items of the loops around the node.
    item         integer[] not null default '{}',
    table_name   text not null,
    operation    text not null check (operation in ('insert', 'update', 'delete')),
    key          text not null,
    workflow_id  uuid not null,
    version      integer not null,
    lane         smallint not null,
    primary key (execution_id, node_id, table_name, operation, key, item)
);
comment on table public.workflow_awaits is 'The events and words that executions rest for.';
comment on column public.workflow_awaits.table_name is 'Whose events; thendo.word for a word of an admin.';
comment on column public.workflow_awaits.key is '* for any row, row:ID or customer:ID for those of one.';
create index idx_workflow_awaits_event on public.workflow_awaits (table_name, operation, key);

-- A claim asks whether to look there at all. Once there was one, the answer stays: to find out that there is none any more
-- would take a look at all that have gone.
alter table public.workflow_plan_epoch add column somebody_awaits boolean not null default false;
comment on column public.workflow_plan_epoch.somebody_awaits is 'Whether an execution ever rested for events.';
grant update on public.workflow_plan_epoch to thendo_engine;
create policy engine_update on public.workflow_plan_epoch for update to thendo_engine using (true) with check (true);

-- Failed executions with all they need to be tried again from where they failed.
create table public.workflow_dead_letters (
    id          uuid primary key,
    root        uuid not null,
    attempt     smallint not null,
    event_at    timestamptz not null,
    event_id    uuid not null,
    workflow_id uuid not null,
    version     integer not null,
    lane        smallint not null check (lane between 0 and 63),
    state       jsonb not null,
    reason      text not null,
    failed_at   timestamptz not null default now()
);
comment on table public.workflow_dead_letters is 'A failed execution that nobody has tried again.';
comment on column public.workflow_dead_letters.state is 'As in workflow_waiting.';
comment on column public.workflow_dead_letters.reason is 'Why it failed, in words.';
create index idx_workflow_dead_letters_workflow_id on public.workflow_dead_letters (workflow_id, failed_at);
create index idx_workflow_dead_letters_failed_at on public.workflow_dead_letters (failed_at);

-- An admin's word to executions: an event of no table, handed to each of them in its own lane. It is recorded like any.
create function public.tell_executions(ids uuid[], word jsonb) returns setof uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with told as (
        select w.id, w.lane from public.workflow_waiting w where w.id = any (ids) and word ->> 'word' <> 'retry'
        union
        select d.id, d.lane from public.workflow_dead_letters d where d.id = any (ids) and word ->> 'word' = 'retry'
    ), recorded as (
        insert into public.workflow_events (id, at, table_name, operation, entity, row_data)
        select gen_random_uuid(), clock_timestamp(), 'thendo.word', 'insert', t.id::text, word || jsonb_build_object('execution', t.id)
        from told t
        returning workflow_events.id, at, entity::uuid as execution
    ), queued as (
        insert into public.workflow_queue (due_at, lane, event_at, event_id, execution_id)
        select r.at, t.lane, r.at, r.id, t.id from recorded r join told t on t.id = r.execution
    )
    select t.id from told t;
    perform pg_notify('thendo_shop', '');
end
$$;
comment on function public.tell_executions(uuid[], jsonb) is
    'Hands a word (approve, refuse, cancel, retry) to executions that rest, or have failed; gives those that can take it.';

do $$
declare
    door record;
    each_action text;
begin
    for door in
        select t.table_name, t.actions from (values
            ('workflow_awaits',       '{select,insert,delete}'::text[]),
            ('workflow_dead_letters', '{select,insert,delete}')
        ) as t (table_name, actions)
    loop
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', door.table_name);
        execute format('alter table public.%I enable row level security', door.table_name);
        foreach each_action in array door.actions loop
            execute format('grant %s on public.%I to thendo_engine', each_action, door.table_name);
            execute format('create policy engine_%s on public.%I for %1$s to thendo_engine %3$s', each_action, door.table_name,
                case each_action when 'insert' then 'with check (true)' else 'using (true)' end);
        end loop;
    end loop;
end
$$;
revoke execute on function public.tell_executions(uuid[], jsonb)
    from public, anon, authenticated, service_role;
grant execute on function public.tell_executions(uuid[], jsonb) to thendo_engine, service_role;

-- As before, and what failed and could be tried again goes with its person.
create or replace function public.erase_traces(person jsonb, events uuid[]) returns table (what text, row_count bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    p record;
    executions uuid[];
    quoted text[];
begin
    p := public.read_person(person);
    -- As JSON has them: with their quotes, so that one is no part of another.
    quoted := array(select lower(to_jsonb(k)::text) from unnest(p.row_ids) k);
    executions := array(
        select x.id from public.workflow_executions x
         where x.event_id = any (events) or public.holds(x.steps::text, quoted)
            or (public.holds(x.steps::text || coalesce(x.error, ''), p.pieces)
                and (public.mentions(x.steps, p.addresses) or coalesce(public.mentions(x.error, p.addresses), false)))
        union select w.id from public.workflow_waiting w
         where w.event_id = any (events)
            or (public.holds(w.state::text, p.pieces) and public.mentions(w.state, p.addresses)));
    return query with gone as (delete from public.workflow_deliveries d where d.execution_id = any (executions)
            or (public.holds(d.payload::text || coalesce(d.result::text, ''), p.pieces)
                and (public.mentions(d.payload, p.addresses) or coalesce(public.mentions(d.result, p.addresses), false))) returning 1)
        select 'mails and requests', count(*) from gone;
    return query with gone as (delete from public.workflow_waiting w where w.id = any (executions) returning 1)
        select 'waiting executions', count(*) from gone;
    return query with gone as (delete from public.workflow_dead_letters l
            where l.id = any (executions) or l.event_id = any (events)
               or (public.holds(l.state::text || l.reason, p.pieces)
                   and (public.mentions(l.state, p.addresses) or public.mentions(l.reason, p.addresses))) returning 1)
        select 'failed executions that could be tried again', count(*) from gone;
    return query with gone as (delete from public.workflow_queue q
            where q.event_id = any (events) or q.execution_id = any (executions) returning 1)
        select 'queued rows', count(*) from gone;
    return query with gone as (update public.workflow_executions x set steps = '[]', error = null
            where x.id = any (executions) and (x.steps <> '[]' or x.error is not null) returning 1)
        select 'traces of executions, emptied', count(*) from gone;
    update public.workflow_effects f set result = null where f.execution_id = any (executions);
    -- They have no foreign keys that would do it.
    update public.workflow_executions x set created_by = null where x.created_by = any (p.accounts);
    update public.workflow_versions v set created_by = null where v.created_by = any (p.accounts);
end
$$;
