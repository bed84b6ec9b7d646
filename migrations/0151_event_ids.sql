-- Ids of events begin with their time (version 7), so that one is found by its id alone: by its time, in the index that there
-- is. Another index would be paid by every write. Ids from before, and those that were made elsewhere, are looked for as before.
create function public.new_event_id() returns uuid
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select (left(m.hex, 8) || '-' || right(m.hex, 4) || '-7' || substr(gen_random_uuid()::text, 16))::uuid
    from (select lpad(to_hex(floor(date_part('epoch', clock_timestamp()) * 1000)::bigint), 12, '0') as hex) m
$$;
comment on function public.new_event_id() is 'The id of an event that is recorded now. record_event() makes its own, one for each statement.';
revoke execute on function public.new_event_id() from public, anon, authenticated, service_role;

create or replace function public.tell_executions(ids uuid[], word jsonb) returns setof uuid
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
        select public.new_event_id(), clock_timestamp(), 'thendo.word', 'insert', t.id::text, word || jsonb_build_object('execution', t.id)
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

create or replace function public.tell_failures(failures jsonb[], causes uuid[], depths smallint[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    with recorded as (
        insert into public.workflow_events (id, at, table_name, operation, entity, row_data, cause, depth)
        select public.new_event_id(), clock_timestamp(), 'thendo.failure', 'insert', f.row ->> 'workflow',
               f.row || jsonb_build_object('workflow_name', (select w.name from public.workflows w where w.id::text = f.row ->> 'workflow')),
               f.cause, f.depth
        from unnest(failures, causes, depths) as f (row, cause, depth)
        returning id, at, (hashtextextended(entity, 0) & 63)::smallint as lane
    )
    insert into public.workflow_queue (due_at, lane, event_at, event_id)
    select r.at, r.lane, r.at, r.id from recorded r
$$;

create or replace function public.record_webhook(at_path text, by_method text, by_sender_id text, request jsonb, verified text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    event constant uuid := public.new_event_id();
begin
    -- The requests of one path are worked on in their order.
    with told as (
        insert into public.workflow_events (id, at, table_name, operation, entity, row_data)
        values (event, clock_timestamp(), 'thendo.webhook', 'insert', 'hook ' || at_path,
                jsonb_build_object('id', event, 'path', at_path, 'method', by_method, 'sender_id', by_sender_id,
                                   'query', request -> 'query', 'headers', request -> 'headers', 'body', request -> 'body',
                                   'verified', to_jsonb(verified), 'received_at', clock_timestamp()))
        returning workflow_events.at, (hashtextextended(entity, 0) & 63)::smallint as lane
    )
    insert into public.workflow_queue (due_at, lane, event_at, event_id) select t.at, t.lane, t.at, event from told t;
    -- 1952998511 is 'thdo'; 0 is the gate: an engine that is awake looks by itself.
    if pg_try_advisory_xact_lock_shared(1952998511, 0) then
        perform pg_notify('thendo_shop', '') where pg_notification_queue_usage() < 0.5;
    end if;
end
$$;

create or replace function public.replay_events(ats timestamptz[], ids uuid[], of_workflow uuid, lift boolean, again boolean, by_whom text)
returns table (event_at timestamptz, event_id uuid, number integer)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Two at once would give the same number.
    lock table public.workflow_replays in share row exclusive mode;
    -- Of events that are no longer kept nothing can be replayed.
    delete from public.workflow_replays r where r.event_at < (select min(e.at) from public.workflow_events e);
    return query
    with wanted as (
        select e.at, e.id, e.entity,
               coalesce((select max(r.number) from public.workflow_replays r where r.event_at = e.at and r.event_id = e.id), 0) + 1 as number
        from (select distinct i.at, i.id from unnest(ats, ids) as i (at, id)) as asked
        cross join lateral (
            select v.at, v.id, v.entity, v.table_name from public.workflow_events v where v.at = asked.at and v.id = asked.id limit 1
        ) e
        where e.table_name not in ('thendo.word', 'thendo.replay')
          and (again or not exists (select from public.workflow_replays r where r.event_at = e.at and r.event_id = e.id
                 and (r.workflow_id is null or of_workflow is null or r.workflow_id = of_workflow)))
    ), numbered as (
        insert into public.workflow_replays (event_at, event_id, number, workflow_id, lifts_guards, replayed_by)
        select w.at, w.id, w.number, of_workflow, lift, by_whom from wanted w
    ), told as (
        insert into public.workflow_events (id, at, table_name, operation, entity, row_data)
        select public.new_event_id(), clock_timestamp(), 'thendo.replay', 'insert', w.entity,
               jsonb_build_object('event_at', w.at, 'event_id', w.id, 'number', w.number, 'workflow_id', of_workflow,
                   'lifts_guards', lift, 'by', by_whom)
        from (select o.at, o.id, o.entity, o.number from wanted o order by o.at, o.id) w
        returning workflow_events.id, at, (hashtextextended(entity, 0) & 63)::smallint as lane
    ), queued as (
        insert into public.workflow_queue (due_at, lane, event_at, event_id)
        select t.at, t.lane, t.at, t.id from told t
    )
    select w.at, w.id, w.number from wanted w order by w.at, w.id;
    perform pg_notify('thendo_shop', '') where pg_notification_queue_usage() < 0.5;
end
$$;

create or replace function public.record_event() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_mergejoin = off
set work_mem = '64MB'
as $$
declare
    recorded      bigint;
    woken         text;
    -- A row above this size is recorded without its long values.
    most_bytes    constant integer := 65536;
    -- Of a large update: which columns changed in any row. Null: not known.
    changed_somewhere text[];
    -- Null where the key has several columns.
    only_key      constant text := nullif(coalesce(tg_argv[3], 'id'), '');
    -- An id is the milliseconds by now, 26 random bits, and 12 digits that count up from a random number.
    id_time       constant text := lpad(to_hex(floor(date_part('epoch', clock_timestamp()) * 1000)::bigint), 12, '0');
    id_begins     constant text := left(id_time, 8) || '-' || right(id_time, 4) || '-7' || substr(gen_random_uuid()::text, 16, 9);
    counts_from   constant bigint := 140737488355328 + random() * 70368744177664;
    -- Of what the engine writes: who had it written, by key, by entity, and for all the rest. Null for everyone else.
    cause_of_keys     jsonb;
    cause_of_entities jsonb;
    cause_of_rest     text;
begin
    -- Anyone may set a setting; it is believed if it is the engine that works here, whoever owns this function.
    if current_setting('thendo.cause', true) <> '' then
        if current_setting('role') = 'thendo_engine' then
            cause_of_rest := current_setting('thendo.cause', true);
            cause_of_keys := nullif(current_setting('thendo.cause_in_' || tg_table_name, true), '')::jsonb;
            cause_of_entities := nullif(current_setting('thendo.cause_of_entities', true), '')::jsonb;
        end if;
    end if;

    -- A past that is made up (`thendo demo seed`) happens to nobody. Only the table's owner may say so: anyone may
    -- set the setting, and whoever could keep quiet about a change could do it unnoticed.
    if current_setting('thendo.seeding', true) = 'on' then
        if pg_has_role(session_user, (select c.relowner from pg_class c where c.oid = tg_relid), 'member') then
            return null;
        end if;
    end if;

    -- A workflow hears what is written by statements that begin after it was published.
    if tg_argv[2] = 'subscribed' then
        if not exists (select from public.workflow_triggers t
                       where t.table_name = tg_table_name and lower(tg_op) = any (t.operations))
           and not exists (select from public.workflow_awaited_tables t
                       where t.table_name = tg_table_name and lower(tg_op) = any (t.operations))
           -- Executions wait on when their version is not in force any more.
           and not exists (select from public.workflow_awaits w where w.table_name = tg_table_name and w.operation = lower(tg_op)) then
            return null;
        end if;
    end if;

    if tg_op = 'INSERT' then
        with recorded as (
            insert into public.workflow_events (id, at, table_name, operation, entity, row_data, truncated, cause, depth)
            select (id_begins || to_hex(counts_from + nth))::uuid, clock_timestamp(), tg_table_name, 'insert',
                   coalesce(whole ->> tg_argv[1], case when only_key is null then public.key_of(whole, tg_argv[4]::text[])
                                                       else whole ->> only_key end, ''),
                   case when pg_column_size(whole) > most_bytes then public.without_long_values(whole) else whole end,
                   pg_column_size(whole) > most_bytes,
                   case when cause_of_rest is not null then left(coalesce(
                       cause_of_keys ->> (case when only_key is null then public.key_of(whole, tg_argv[4]::text[]) else whole ->> only_key end), cause_of_entities ->> (whole ->> tg_argv[1]), cause_of_rest), 36)::uuid end,
                   case when cause_of_rest is null then 0 else substr(coalesce(
                       cause_of_keys ->> (case when only_key is null then public.key_of(whole, tg_argv[4]::text[]) else whole ->> only_key end), cause_of_entities ->> (whole ->> tg_argv[1]), cause_of_rest), 37)::smallint end
            from (select row_number() over () as nth, to_jsonb(n) - (
                      select case to_jsonb(one) - tg_argv[6]::text[] when '{}' then tg_argv[5]::text[]
                                  else public.hidden_columns_of(tg_relid, tg_argv[5]::text[]) end
                      from new_rows as one limit 1) as whole
                  from new_rows as n offset 0) as changed
            returning at, id, (hashtextextended(entity, 0) & 63)::smallint as lane
        )
        insert into public.workflow_queue (due_at, lane, event_at, event_id)
        select at, lane, at, id from recorded;
    elsif tg_op = 'UPDATE' then
        if (select count(*) from (select from new_rows limit 1001) as many) > 1000 then
            execute public.query_of_changed_columns(tg_relid, coalesce(tg_argv[4]::text[], '{id}')) into changed_somewhere;
        end if;
        with columns as materialized (
            select hidden, coalesce(changed_somewhere, array(select jsonb_object_keys(to_jsonb(one) - hidden))) as to_compare,
                   case when changed_somewhere is null then '{}'
                        else array(select jsonb_object_keys(to_jsonb(one) - hidden - changed_somewhere)) end as unchanged
            from (select one, case to_jsonb(one) - tg_argv[6]::text[] when '{}' then tg_argv[5]::text[]
                        else public.hidden_columns_of(tg_relid, tg_argv[5]::text[]) end as hidden
                from new_rows as one limit 1) as first
        ), recorded as (
            insert into public.workflow_events (id, at, table_name, operation, entity, row_data, old_data, truncated, cause, depth)
            select (id_begins || to_hex(counts_from + nth))::uuid, clock_timestamp(), tg_table_name, 'update',
                   coalesce(whole ->> tg_argv[1], key, ''),
                   case when pg_column_size(whole) > most_bytes then public.without_long_values(whole) else whole end,
                   case when pg_column_size(was) > most_bytes then public.without_long_values(was) else was end,
                   greatest(pg_column_size(whole), pg_column_size(was)) > most_bytes,
                   case when cause_of_rest is not null then left(coalesce(
                       cause_of_keys ->> key, cause_of_entities ->> (whole ->> tg_argv[1]), cause_of_rest), 36)::uuid end,
                   case when cause_of_rest is null then 0 else substr(coalesce(
                       cause_of_keys ->> key, cause_of_entities ->> (whole ->> tg_argv[1]), cause_of_rest), 37)::smallint end
            from (select row_number() over () as nth, whole, key, before,
                         before - (select unchanged from columns)
                                - array(select k from unnest((select to_compare from columns)) as k
                                         where whole -> k = before -> k) as was
                from (select whole, case when only_key is null then public.key_of(whole, tg_argv[4]::text[])
                                else whole ->> only_key end as key
                    from (select to_jsonb(n) - (select hidden from columns) as whole
                            from new_rows as n offset 0) as rows offset 0) as new
                full join (select before, case when only_key is null then public.key_of(before, tg_argv[4]::text[])
                                else before ->> only_key end as key
                    from (select to_jsonb(o) - (select hidden from columns) as before
                            from old_rows as o offset 0) as rows offset 0) as old using (key)
                offset 0) as changed
            -- A statement that only touched a row is no event. (A changed key has no pair, and is one.)
            where whole is not null and (before is null or was - 'updated_at' <> '{}')
            returning at, id, (hashtextextended(entity, 0) & 63)::smallint as lane
        )
        insert into public.workflow_queue (due_at, lane, event_at, event_id)
        select at, lane, at, id from recorded;
    else
        with recorded as (
            insert into public.workflow_events (id, at, table_name, operation, entity, row_data, truncated, cause, depth)
            select (id_begins || to_hex(counts_from + nth))::uuid, clock_timestamp(), tg_table_name, 'delete',
                   coalesce(whole ->> tg_argv[1], case when only_key is null then public.key_of(whole, tg_argv[4]::text[])
                                                       else whole ->> only_key end, ''),
                   case when pg_column_size(whole) > most_bytes then public.without_long_values(whole) else whole end,
                   pg_column_size(whole) > most_bytes,
                   case when cause_of_rest is not null then left(coalesce(
                       cause_of_keys ->> (case when only_key is null then public.key_of(whole, tg_argv[4]::text[]) else whole ->> only_key end), cause_of_entities ->> (whole ->> tg_argv[1]), cause_of_rest), 36)::uuid end,
                   case when cause_of_rest is null then 0 else substr(coalesce(
                       cause_of_keys ->> (case when only_key is null then public.key_of(whole, tg_argv[4]::text[]) else whole ->> only_key end), cause_of_entities ->> (whole ->> tg_argv[1]), cause_of_rest), 37)::smallint end
            from (select row_number() over () as nth, to_jsonb(o) - (
                      select case to_jsonb(one) - tg_argv[6]::text[] when '{}' then tg_argv[5]::text[]
                                  else public.hidden_columns_of(tg_relid, tg_argv[5]::text[]) end
                      from old_rows as one limit 1) as whole
                  from old_rows as o offset 0) as changed
            returning at, id, (hashtextextended(entity, 0) & 63)::smallint as lane
        )
        insert into public.workflow_queue (due_at, lane, event_at, event_id)
        select at, lane, at, id from recorded;
    end if;

    get diagnostics recorded = row_count;
    -- 1952998511 is 'thdo', the namespace of thendo's advisory locks; 0 is the gate.
    if recorded > 0 and pg_try_advisory_xact_lock_shared(1952998511, 0) and pg_notification_queue_usage() < 0.5 then
        woken := pg_notify('thendo_' || tg_argv[0], '')::text; -- Cheaper than perform, which runs a query.
    end if;
    return null;
end
$$;
