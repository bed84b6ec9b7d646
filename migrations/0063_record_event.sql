-- Which columns never enter an event: a secret that is in no event can't leak from a trace, a log or a mail.
-- By name or by type, whoever added the column and whenever; `given` are those that someone named beside.
create function public.hidden_columns_of(of_table oid, given text[]) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select array(
        select a.attname::text from pg_catalog.pg_attribute a
        join pg_catalog.pg_type t on t.oid = a.atttypid
        where a.attrelid = of_table and a.attnum > 0 and not a.attisdropped
          and (a.attname = any (coalesce(given, '{}'))
            or a.attname ~* '_encrypted$|token|secret|password|api_?key'
            -- Bytes are ciphertext or files; vectors and text search are derived and large.
            or exists (
                select from pg_catalog.pg_type kind
                where kind.oid in (t.oid, t.typbasetype, t.typelem)
                  and kind.typname in ('bytea', 'tsvector', 'vector', 'halfvec', 'sparsevec')))
        order by a.attnum)
$$;
comment on function public.hidden_columns_of(oid, text[]) is
    'Columns of a table that never enter an event: tokens, secrets, ciphertext, vectors, and those given.';

-- What a composite key is called where one text stands for it.
create function public.key_of(whole jsonb, key_columns text[]) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_agg(whole -> k order by n)::text from unnest(key_columns) with ordinality as c (k, n)
$$;
comment on function public.key_of(jsonb, text[]) is 'A row''s key of several columns, as a JSON array.';

-- Of a hundred thousand updated rows nearly all columns stay what they were, and to find that out of JSON costs more
-- than all the rest. This asks the columns themselves, for all rows at once; what has no sure equality, as text.
create function public.query_of_changed_columns(of_table oid, key_columns text[]) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format('select array_remove(array[%s], null) from new_rows n join old_rows o using (%s)',
        string_agg(format('case when bool_or(n.%1$I%2$s is distinct from o.%1$I%2$s) then %1$L end', a.attname,
            case when a.atttypid in ('bool'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype,
                'uuid'::regtype, 'jsonb'::regtype, 'date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
                then '' else '::text collate "C"' end), ', '),
        (select string_agg(quote_ident(k), ', ') from unnest(key_columns) k))
    from pg_attribute a where a.attrelid = of_table and a.attnum > 0 and not a.attisdropped
$$;
comment on function public.query_of_changed_columns(oid, text[]) is
    'A query on the transition tables of an update: which columns changed in any row.';

-- The trigger function of every table that records events (0064 attaches it). One statement, however many
-- rows, writes its events and queue rows and wakes the engine, if that sleeps.
--
-- Arguments of the trigger, so that a statement need not look anything up:
--   0 the domain: the channel is thendo_DOMAIN
--   1 the column that names the entity: its events are handled in order; null falls back to the row's key
--   2 what is recorded: all, or subscribed: only while a published workflow listens
--   3 the key's column, by which OLD and NEW are paired; empty where the key has several: they are in 4
--   5 the columns that never enter an event
--   6 all columns there were when it was attached: a row with another one has its hidden columns looked up anew
-- The lane is a fixed hash of the entity, 0 to 63: a changed one would reorder what is queued.
-- Order is (due_at, id): rows are written in the order in which clock_timestamp() was read for them.
-- TRUNCATE records nothing: it hands over no rows, and what empties a table at once is no change of each row.
--
-- A hundred thousand rows at once cost as little as was found to be possible:
-- - `offset 0` keeps to_jsonb() from being repeated wherever its result is used.
-- - Ids are one random number for each statement, counted up: gen_random_uuid() asks the kernel for every row.
-- - OLD and NEW meet by a full join, here by hash and in memory: the plan is made for the session's first statement,
--   perhaps of one row, and a nested loop over 100,000 would never end.
-- - Columns that an update changed in no row are found at once, not row by row (query_of_changed_columns).
-- - The wide rows are not kept for the queue's sake: it is fed from what the insert returns.
-- - jit is off: a plan made for a large statement would be compiled again for each small one after it.
--
-- Rejected: NOTIFY on every change. It takes a database-wide lock at commit and undoes group commit.
-- While the engine is awake it holds the gate (an advisory lock), the try below fails, and nobody notifies.
-- Rejected: catching errors. What can't be recorded must abort the write, not be lost in silence.
-- Rejected: one statement for all operations. Each sees other transition tables.
-- Rejected: pairing OLD and NEW by their places in the transition tables: nowhere promised.
create function public.record_event() returns trigger
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
begin
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
            insert into public.workflow_events (id, at, table_name, operation, entity, row_data, truncated)
            select (id_begins || to_hex(counts_from + nth))::uuid, clock_timestamp(), tg_table_name, 'insert',
                   coalesce(whole ->> tg_argv[1], case when only_key is null then public.key_of(whole, tg_argv[4]::text[])
                                                       else whole ->> only_key end, ''),
                   case when pg_column_size(whole) > most_bytes then public.without_long_values(whole) else whole end,
                   pg_column_size(whole) > most_bytes
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
            insert into public.workflow_events (id, at, table_name, operation, entity, row_data, old_data, truncated)
            select (id_begins || to_hex(counts_from + nth))::uuid, clock_timestamp(), tg_table_name, 'update',
                   coalesce(whole ->> tg_argv[1], key, ''),
                   case when pg_column_size(whole) > most_bytes then public.without_long_values(whole) else whole end,
                   case when pg_column_size(was) > most_bytes then public.without_long_values(was) else was end,
                   greatest(pg_column_size(whole), pg_column_size(was)) > most_bytes
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
            insert into public.workflow_events (id, at, table_name, operation, entity, row_data, truncated)
            select (id_begins || to_hex(counts_from + nth))::uuid, clock_timestamp(), tg_table_name, 'delete',
                   coalesce(whole ->> tg_argv[1], case when only_key is null then public.key_of(whole, tg_argv[4]::text[])
                                                       else whole ->> only_key end, ''),
                   case when pg_column_size(whole) > most_bytes then public.without_long_values(whole) else whole end,
                   pg_column_size(whole) > most_bytes
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
comment on function public.record_event() is
    'Statement trigger: records each changed row as an event, queues it, and wakes the engine if it sleeps.';
