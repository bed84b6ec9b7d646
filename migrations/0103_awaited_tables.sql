-- Some tables record events only while somebody listens. Who waits for an event in the middle of a workflow listens, too.
create table public.workflow_awaited_tables (
    workflow_id uuid not null references public.workflows (id) on delete cascade,
    table_name  text not null,
    operations  text[] not null,
    primary key (workflow_id, table_name)
);
comment on table public.workflow_awaited_tables is 'Whose events a workflow''s version in force waits for.';
create index idx_workflow_awaited_tables_table_name on public.workflow_awaited_tables (table_name);
revoke all on public.workflow_awaited_tables from public, anon, authenticated, service_role;
alter table public.workflow_awaited_tables enable row level security;

create or replace function public.keep_parts(of_workflow uuid, of_version integer, with_parts jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from public.workflow_triggers p where p.workflow_id = of_workflow;
    delete from public.workflow_conditions p where p.workflow_id = of_workflow;
    delete from public.workflow_actions p where p.workflow_id = of_workflow;
    delete from public.workflow_awaited_tables t where t.workflow_id = of_workflow;
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
    insert into public.workflow_awaited_tables (workflow_id, table_name, operations)
    select of_workflow, t."table", t.operations
      from jsonb_to_recordset(with_parts -> 'awaited') as t ("table" text, operations text[]);
end
$$;

-- What is in force already.
insert into public.workflow_awaited_tables (workflow_id, table_name, operations)
select distinct p.workflow_id, case p.config ->> 'event' when 'campaign_opened' then 'campaign_opens'
           when 'campaign_clicked' then 'campaign_clicks' else p.config -> 'config' ->> 'table' end, array['insert', 'update', 'delete']
  from (select c.workflow_id, c.kind, c.config from public.workflow_conditions c
        union all select a.workflow_id, a.kind, a.config from public.workflow_actions a) p
 where p.kind in ('wait_for_event', 'cancel_on')
   and (p.config ->> 'event' in ('campaign_opened', 'campaign_clicked')
        or (p.config ->> 'event' = 'row_changed' and p.config -> 'config' ->> 'table' is not null));

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
