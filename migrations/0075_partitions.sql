-- Events and executions by month, so that old ones can be dropped at once. A month is made as a table of its own with
-- the matching check and then attached, which needs its locks for an instant only; and it is given up if a lock
-- doesn't come at once: the default partition takes every row until the next try. `thendo migrate` makes the first ones
-- before anything is written, so the default partition stays empty.
create function public.prepare_partitions(months_ahead integer default 2) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '200ms'
as $$
declare
    parent text;
    clock text;
    month date;
    child text;
    made integer := 0;
begin
    for parent, clock in values ('workflow_events', 'at'), ('workflow_executions', 'event_at') loop
        for month in
            select m::date from generate_series(date_trunc('month', now() at time zone 'UTC'),
                date_trunc('month', now() at time zone 'UTC') + make_interval(months => least(months_ahead, 24)), '1 month') m
        loop
            child := parent || to_char(month, '"_"YYYY"_"MM');
            continue when to_regclass('public.' || child) is not null;
            begin
                made := made + public.make_partition(parent, clock, child, month);
            exception when lock_not_available then
                raise log 'the partition % is left for later: its table is in use', child;
                exit; -- The next month would wait in vain too, and writers behind it.
            end;
        end loop;
    end loop;
    return made;
end
$$;
comment on function public.prepare_partitions(integer) is
    'Makes the partitions of this month and the next ones, where they are missing; how many. For the daemon.';

create function public.make_partition(parent text, clock text, child text, month date) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    since constant timestamptz := month::timestamp at time zone 'UTC';
    until constant timestamptz := (month + interval '1 month') at time zone 'UTC';
    taken boolean;
begin
    -- Attaching reads the whole default partition, and nobody writes meanwhile: one that has grown is left alone.
    if pg_relation_size(format('public.%I', parent || '_default')::regclass) > 64 * 1024 * 1024 then
        raise warning 'no partition % was made: % holds more than 64 MB of rows, and everyone would wait until they are read',
            child, parent || '_default' using hint = 'archive what is in it, when the shop is quiet';
        return 0;
    end if;
    -- Writers wait here. One who had come as far as the default partition would be refused there once this month is
    -- attached; and a row could arrive between the look and the attaching.
    execute format('lock table only public.%I in share row exclusive mode', parent);
    execute format('select exists (select from public.%1$I where %2$I >= %3$L and %2$I < %4$L)', parent || '_default', clock, since, until)
        into taken;
    if taken then
        return 0; -- Its rows would have to move; the default partition keeps that month.
    end if;
    execute format('create table public.%I (like public.%I including defaults including constraints including generated)', child, parent);
    execute format('alter table public.%I enable row level security', child);
    execute format('revoke all on public.%I from public, anon, authenticated, service_role', child);
    execute format('alter table public.%I add constraint in_its_month check (%2$I >= %3$L and %2$I < %4$L)', child, clock, since, until);
    execute format('alter table public.%I attach partition public.%I for values from (%L) to (%L)', parent, child, since, until);
    execute format('alter table public.%I drop constraint in_its_month', child);
    return 1;
end
$$;
comment on function public.make_partition(text, text, text, date) is
    'Makes and attaches one month''s partition; 0 if the default partition holds rows of that month, or too many.';
