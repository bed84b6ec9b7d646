-- Who had a row written. What a workflow writes is an event again, and may start workflows: the depth says how many stand
-- one behind the other, so that a loop ends, and the cause which execution it was, so that it can be followed.
alter table public.workflow_events
    add column cause uuid,
    add column depth smallint not null default 0;
comment on column public.workflow_events.cause is 'The execution that wrote the row; null: somebody of the shop did.';
comment on column public.workflow_events.depth is
    'How many executions stand before it, each started by what the one before it wrote: 0, or one more than the event of its cause. Beyond 8 it starts nothing.';

-- As in 0063, and beside it: cause and depth. One statement of the engine carries many executions. Before it, the engine
-- tells by settings of the transaction who writes what, each as the execution's id and, behind its 36 letters, the depth
-- of what it writes:
--   thendo.cause               who counts for all that is not named otherwise; empty: nothing is said
--   thendo.cause_in_TABLE      for each key of the table's rows
--   thendo.cause_of_entities   for entities, where a key is not named: what triggers of the shop's own write in turn
-- Whoever writes without the engine pays for one look at a setting.
-- Rejected: a column for it in every table, for most tables are the shop's; and a table in place of settings, for it would
-- be written and vacuumed for every batch.
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
    -- An id is a random head and 12 digits that count up from a random number.
    id_begins     constant text := left(gen_random_uuid()::text, 24);
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
                       where t.table_name = tg_table_name and lower(tg_op) = any (t.operations)) then
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
    if recorded > 0 and pg_try_advisory_xact_lock_shared(1952998511, 0) then
        woken := pg_notify('thendo_' || tg_argv[0], '')::text; -- Cheaper than perform, which runs a query.
    end if;
    return null;
end
$$;

-- As in 0084; with the depth, and the cause if it is the engine that starts them.
create or replace function public.start_workflows(ids uuid[], names text[], inputs jsonb[], started_by text[], depths integer[])
returns table (id uuid, workflow_id uuid)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    causes constant jsonb := case when current_setting('role') = 'thendo_engine'
        then nullif(current_setting('thendo.cause_in_manual', true), '')::jsonb end;
begin
    return query
    with wanted as (
        -- By its id or its name, if only one has it; it must be in force, and of the kind that is started so.
        select i.id, i.input, i.started_by, least(greatest(i.depth, 0), 100) as depth,
               (select case count(*) when 1 then min(w.id::text)::uuid end from public.workflows w
                 where (w.name = i.name or w.id::text = i.name) and w.status = 'published' and w.live_version is not null
                   and exists (select from public.workflow_triggers t
                                where t.workflow_id = w.id and t.table_name = 'thendo.manual')) as workflow
        from unnest(ids, names, inputs, started_by, depths) as i (id, name, input, started_by, depth)
    ), told as (
        insert into public.workflow_events (id, at, table_name, operation, entity, row_data, cause, depth)
        select d.id, clock_timestamp(), 'thendo.manual', 'insert', d.id::text,
               jsonb_build_object('id', d.id, 'workflow_id', d.workflow, 'by', d.started_by, 'input', d.input, 'depth', d.depth),
               left(causes ->> d.id::text, 36)::uuid, d.depth
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
