-- The trigger function of every table whose changes start workflows. One statement, however many
-- rows, writes its events and queue rows and wakes the engine, if that sleeps.
--
-- Arguments of the trigger: the domain (its channel is thendo_DOMAIN) and the column that names the
-- entity (a customer's events are handled in order; null falls back to the row's own id).
-- The lane is a fixed hash of the entity, 0 to 63: a changed one would reorder what is queued.
--
-- Rejected: NOTIFY on every change. It takes a database-wide lock at commit and undoes group commit.
-- While the engine is awake it holds the gate (an advisory lock), the try below fails, and nobody notifies.
-- Rejected: catching errors. What can't be recorded must abort the write, not be lost in silence.
-- Rejected: one statement for all operations. Each sees other transition tables.
create function public.record_event() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    recorded bigint;
    -- A row above this size is recorded without its long values.
    most_bytes constant integer := 65536;
begin
    if tg_op = 'INSERT' then
        with changed as materialized (
            select gen_random_uuid() as id, clock_timestamp() as at, whole, null::jsonb as was,
                   coalesce(whole ->> tg_argv[1], whole ->> 'id', '') as entity
            from (select to_jsonb(n) as whole from new_rows n) as rows
        ), recorded as (
            insert into public.workflow_events (id, at, table_name, operation, entity, row_data, old_data, truncated)
            select id, at, tg_table_name, 'insert', entity,
                   case when pg_column_size(whole) > most_bytes then public.without_long_values(whole) else whole end,
                   case when pg_column_size(was) > most_bytes then public.without_long_values(was) else was end,
                   greatest(pg_column_size(whole), pg_column_size(was)) > most_bytes
            from changed
        )
        insert into public.workflow_queue (due_at, lane, event_at, event_id)
        select at, (hashtextextended(entity, 0) & 63)::smallint, at, id from changed order by at;
    elsif tg_op = 'UPDATE' then
        with changed as materialized (
            select gen_random_uuid() as id, clock_timestamp() as at, whole,
                   coalesce(whole ->> tg_argv[1], whole ->> 'id', '') as entity,
                   (select jsonb_object_agg(former.key, former.value) from jsonb_each(before) as former
                     where whole -> former.key is distinct from former.value) as was
            from (select to_jsonb(n) as whole, to_jsonb(o) as before
                    from new_rows n left join old_rows o on o.id = n.id) as rows
            -- A statement that only touched a row is no event. (A changed id has no pair, and is one.)
            where (whole - 'updated_at') is distinct from (before - 'updated_at')
        ), recorded as (
            insert into public.workflow_events (id, at, table_name, operation, entity, row_data, old_data, truncated)
            select id, at, tg_table_name, 'update', entity,
                   case when pg_column_size(whole) > most_bytes then public.without_long_values(whole) else whole end,
                   case when pg_column_size(was) > most_bytes then public.without_long_values(was) else was end,
                   greatest(pg_column_size(whole), pg_column_size(was)) > most_bytes
            from changed
        )
        insert into public.workflow_queue (due_at, lane, event_at, event_id)
        select at, (hashtextextended(entity, 0) & 63)::smallint, at, id from changed order by at;
    else
        with changed as materialized (
            select gen_random_uuid() as id, clock_timestamp() as at, whole, null::jsonb as was,
                   coalesce(whole ->> tg_argv[1], whole ->> 'id', '') as entity
            from (select to_jsonb(o) as whole from old_rows o) as rows
        ), recorded as (
            insert into public.workflow_events (id, at, table_name, operation, entity, row_data, old_data, truncated)
            select id, at, tg_table_name, 'delete', entity,
                   case when pg_column_size(whole) > most_bytes then public.without_long_values(whole) else whole end,
                   case when pg_column_size(was) > most_bytes then public.without_long_values(was) else was end,
                   greatest(pg_column_size(whole), pg_column_size(was)) > most_bytes
            from changed
        )
        insert into public.workflow_queue (due_at, lane, event_at, event_id)
        select at, (hashtextextended(entity, 0) & 63)::smallint, at, id from changed order by at;
    end if;

    get diagnostics recorded = row_count;
    -- 1952998511 is 'thdo', the namespace of thendo's advisory locks; 0 is the gate.
    if recorded > 0 and pg_try_advisory_xact_lock_shared(1952998511, 0) then
        perform pg_notify('thendo_' || tg_argv[0], '');
    end if;
    return null;
end
$$;
comment on function public.record_event() is
    'Statement trigger: records each changed row as an event, queues it, and wakes the engine if it sleeps.';
revoke execute on function public.record_event() from public;
