-- Undoing waits for nobody in the middle: all rows that are to be put back are locked first, in one order, which is that of the
-- daemon's own effects. A row that is not deleted stays free for those who only refer to it.
create or replace function public.undo_change(change jsonb, out conflict text, out note text, out is_now jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    target constant regclass := to_regclass(format('public.%I', change ->> 'table'));
    before constant jsonb := nullif(change -> 'before', 'null');
    after constant jsonb := nullif(change -> 'after', 'null');
    written constant text[] := array(select jsonb_object_keys(coalesce(after, before)) order by 1);
    to_put constant text[] := array(select jsonb_object_keys(before) order by 1);
    key_columns text[];
    ours text;
    theirs text;
    names text;
    new_values text;
    known jsonb;
    here jsonb;
    expected jsonb;
    unfit text;
begin
    if target is null then
        conflict := 'there is no such table any more';
        return;
    end if;
    select array_agg(a.attname::text order by k.n) into key_columns
      from pg_index i cross join unnest(i.indkey::int2[]) with ordinality as k (num, n)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.num where i.indrelid = target and i.indisprimary;
    -- Of several columns they are among those that were written.
    known := case when cardinality(key_columns) = 1 then jsonb_build_object(key_columns[1], change ->> 'key')
                  else coalesce(before, '{}') || coalesce(after, '{}') end;
    if key_columns is null or not known ?& key_columns then
        conflict := 'the record does not say by which key the row is found';
        return;
    end if;
    select string_agg(format('`%s`', w.name), ', ') into unfit from unnest(written || to_put) as w (name)
     where not exists (select from pg_attribute a where a.attrelid = target and a.attname = w.name and a.attnum > 0 and not a.attisdropped);
    if unfit is not null then
        conflict := format('the table has no %s any more', unfit);
        return;
    end if;
    select string_agg(format('t.%I', k), ', '), string_agg(format('r.%I', k), ', ') into ours, theirs from unnest(key_columns) as k;
    execute format('select to_jsonb(t) from %s t where (%s) = (select %s from jsonb_populate_record(null::%1$s, $1) r) for %4$s of t',
        target, ours, theirs, case when before is null then 'update' else 'no key update' end) into here using known;
    -- Both sides as this session spells them.
    execute format('select to_jsonb(r) from jsonb_populate_record(null::%s, $1) r', target) into expected using coalesce(after, before);
    is_now := (select jsonb_object_agg(w.name, here -> w.name) from unnest(written) as w (name) where here is not null);
    select string_agg(format('`%s` is %s', w.name, here -> w.name), ', ') into unfit from unnest(written) as w (name)
     where here -> w.name is distinct from expected -> w.name;

    if after is null then
        if here is not null then
            conflict := case when unfit is not null then 'it is there again, and another: ' || unfit end;
            note := case when unfit is null then 'it is there again already' end;
        elsif not has_any_column_privilege('thendo_engine', target, 'insert') then
            conflict := 'workflows may not write this table any more';
        else
            select string_agg(format('%I', k), ', '), string_agg(format('r.%I', k), ', ') into ours, theirs from unnest(to_put) as k;
            execute format('insert into %s (%s) select %s from jsonb_populate_record(null::%1$s, $1) r', target, ours, theirs) using before;
        end if;
    elsif here is null then
        note := case when before is null then 'it is gone already' end;
        conflict := case when before is not null then 'it is gone' end;
    elsif unfit is not null then
        conflict := 'changed since: ' || unfit;
    elsif before is null then
        unfit := public.who_refers_to(target, here);
        if not has_any_column_privilege('thendo_engine', target, 'insert') then
            conflict := 'workflows may not write this table any more';
        -- A row goes as a whole: what others wrote beside what the workflow did would go with it.
        elsif here ?& '{created_at,updated_at}' and here -> 'created_at' <> here -> 'updated_at' then
            conflict := format('changed since, at %s', here ->> 'updated_at');
        elsif unfit is not null then
            conflict := format('rows of `%s` refer to it', unfit);
        else
            execute format('delete from %s t where (%s) = (select %s from jsonb_populate_record(null::%1$s, $1) r)', target, ours, theirs)
                using known;
        end if;
    else
        select string_agg(format('`%s`', w.name), ', ') into unfit from unnest(to_put) as w (name)
         where not has_column_privilege('thendo_engine', target, w.name, 'update');
        if unfit is not null then
            conflict := format('workflows may not write %s any more', unfit);
        else
            select string_agg(format('%I', k), ', '), string_agg(format('r.%I', k), ', ') into names, new_values from unnest(to_put) as k;
            execute format('update %s t set (%s) = (select %s from jsonb_populate_record(null::%1$s, $1) r)
                where (%4$s) = (select %5$s from jsonb_populate_record(null::%1$s, $2) r) returning to_jsonb(t)',
                target, names, new_values, ours, theirs) into here using before, known;
            execute format('select to_jsonb(r) from jsonb_populate_record(null::%s, $1) r', target) into expected using before;
            select string_agg(format('`%s` is %s', w.name, here -> w.name), ', ') into unfit from unnest(to_put) as w (name)
             where here -> w.name is distinct from expected -> w.name;
            conflict := 'a trigger keeps it from going back: ' || unfit;
        end if;
    end if;
end
$$;

-- Of a list of any length a page at a time is put back: only what was recorded of its rows is looked at.
create or replace function public.undo_changes(of_root uuid, of_event_at timestamptz, wanted jsonb)
returns table (n bigint, conflict text, note text, is_now jsonb, points bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    each_change record;
    recorded constant jsonb[] := array(
        select c from public.workflow_executions x, jsonb_path_query(x.steps, 'lax $[*].changes[*]') c
        where x.event_at = of_event_at and (x.id = of_root or x.root = of_root) and x.mode = 'live'
          and (c ->> 'table', c ->> 'key') in (select w ->> 'table', w ->> 'key' from jsonb_array_elements(wanted) w));
begin
    for each_change in select w.change, w.n from jsonb_array_elements(wanted) with ordinality as w (change, n) order by w.n loop
        n := each_change.n; conflict := null; note := null; is_now := null; points := null;
        if not public.is_recorded(each_change.change, recorded) then
            raise insufficient_privilege using message = format('execution %s did not write the row %s of `%s`', of_root,
                each_change.change ->> 'key', each_change.change ->> 'table');
        end if;
        if each_change.change ->> 'table' = 'loyalty_ledger' then
            select u.conflict, u.note, u.points into conflict, note, points
              from public.undo_ledger_line((each_change.change ->> 'key')::uuid) u;
        else
            select u.conflict, u.note, u.is_now into conflict, note, is_now from public.undo_change(each_change.change) u;
        end if;
        return next;
    end loop;
end
$$;

-- Like undo_changes() it touches only what the execution recorded. Lines of the ledger stand for the balances that they count for.
create function public.lock_undone(of_root uuid, of_event_at timestamptz, wanted jsonb) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- As the daemon has it; tables that are not named come behind, by their names.
    first_tables constant text[] := '{customers,orders,deposits,loyalty_points,customer_tags,enrollments,referral_codes,project_comments,pages,blog_posts,changelog_entries}';
    each_row record;
    target regclass;
    key_columns text[];
    known jsonb;
    locked integer := 0;
begin
    for each_row in
        with recorded as materialized (
            select distinct c ->> 'table' as table_name, c ->> 'key' as key
            from public.workflow_executions x, jsonb_path_query(x.steps, 'lax $[*].changes[*]') c
            where x.event_at = of_event_at and (x.id = of_root or x.root = of_root) and x.mode = 'live'
        ), targets as (
            select w ->> 'table' as table_name, w ->> 'key' as key, jsonb_typeof(w -> 'before') is distinct from 'object' as as_a_whole, w as change
            from jsonb_array_elements(wanted) w join recorded r on r.table_name = w ->> 'table' and r.key = w ->> 'key'
            where w ->> 'table' not like 'workflow\_%' and w ->> 'table' <> 'loyalty_ledger' and jsonb_typeof(w -> 'after') = 'object'
            union all
            select distinct on (l.customer_id) 'loyalty_points', l.customer_id::text, true, jsonb_build_object('key', l.customer_id)
            from jsonb_array_elements(wanted) w
            join recorded r on r.table_name = 'loyalty_ledger' and r.key = w ->> 'key'
            cross join lateral (select e.customer_id from public.loyalty_ledger e where e.id = (w ->> 'key')::uuid limit 1) l
            where w ->> 'table' = 'loyalty_ledger'
        )
        select t.table_name, t.key, t.as_a_whole, t.change from targets t
        order by array_position(first_tables, t.table_name) nulls last, t.table_name, t.key collate "C"
    loop
        target := to_regclass(format('public.%I', each_row.table_name));
        continue when target is null;
        if each_row.table_name = 'loyalty_points' then
            key_columns := '{customer_id}';
        else
            select array_agg(a.attname::text order by k.n) into key_columns
              from pg_index i cross join unnest(i.indkey::int2[]) with ordinality as k (num, n)
              join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.num where i.indrelid = target and i.indisprimary;
        end if;
        known := case when cardinality(key_columns) = 1 then jsonb_build_object(key_columns[1], each_row.key)
                      else coalesce(nullif(each_row.change -> 'before', 'null'), '{}') || (each_row.change -> 'after') end;
        -- undo_changes() says why.
        continue when key_columns is null or not known ?& key_columns;
        execute format('select from %s t where (%s) = (select %s from jsonb_populate_record(null::%1$s, $1) r) for %4$s of t', target,
            (select string_agg(format('t.%I', k), ', ') from unnest(key_columns) as k),
            (select string_agg(format('r.%I', k), ', ') from unnest(key_columns) as k),
            case when each_row.as_a_whole then 'update' else 'no key update' end) using known;
        locked := locked + 1;
    end loop;
    return locked;
end
$$;
comment on function public.lock_undone(uuid, timestamptz, jsonb) is
    'Locks the rows that undo_changes() is to put back, in the order in which the daemon locks rows; how many. For the command line, as the engine.';
revoke execute on function public.lock_undone(uuid, timestamptz, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.lock_undone(uuid, timestamptz, jsonb) to thendo_engine;
