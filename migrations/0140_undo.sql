-- Undoing an execution: its rows are put back to what they were, in one transaction, each only if nobody has written the
-- same columns since. Once for each root: whoever comes second meets the key. (What was put back is in the steps.)
create table public.workflow_undone (
    root      uuid primary key,
    event_at  timestamptz not null,
    undone_by text not null default '',
    undone_at timestamptz not null default now()
);
comment on table public.workflow_undone is 'Executions that were undone, all their attempts with them.';
comment on column public.workflow_undone.event_at is 'Its event''s time: the partition of workflow_executions that it lives in.';
revoke all on public.workflow_undone from public, anon, authenticated, service_role;
alter table public.workflow_undone enable row level security;
create policy engine_select on public.workflow_undone for select to thendo_engine using (true);
create policy engine_insert on public.workflow_undone for insert to thendo_engine with check (true);
grant select, insert on public.workflow_undone to thendo_engine;

-- A line of the ledger is never deleted: another one takes back what is left of it, and the balance follows by keep_balances().
create function public.undo_ledger_line(line uuid, out conflict text, out note text, out points bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    entry public.loyalty_ledger;
    balance bigint;
begin
    select l.* into entry from public.loyalty_ledger l where l.id = line;
    if not found then
        note := 'the line is gone already';
        return;
    end if;
    -- Who reverses a line locks the balance first.
    select p.balance into balance from public.loyalty_points p where p.customer_id = entry.customer_id for update;
    -- What was reversed or has expired is not taken back twice; what reversed it may have been reversed itself.
    with recursive of_line as (
        select entry.id as id, entry.points as points
        union all
        select r.id, r.points from public.loyalty_ledger r join of_line o on r.reverses = o.id
    )
    select - sum(o.points) into points from of_line o;
    if points = 0 then
        note := 'reversed already';
    elsif coalesce(balance, 0) + points < 0 then
        conflict := format('%s points are to be taken back, and the balance is %s: the others were spent', - points, coalesce(balance, 0));
    else
        insert into public.loyalty_ledger (customer_id, order_id, kind, points, reason, reverses)
        values (entry.customer_id, entry.order_id, 'reversed', undo_ledger_line.points, 'Reversed: ' || entry.reason, entry.id);
    end if;
end
$$;
comment on function public.undo_ledger_line(uuid) is 'Reverses what is left of a line of the ledger by a counter-entry, or says why it can''t.';

-- Every column of another row that refers to this one.
create function public.who_refers_to(target regclass, known jsonb) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    link record;
    refers boolean;
begin
    for link in
        select c.conrelid::regclass as of_table,
               (select string_agg(format('f.%I', a.attname), ', ' order by k.n) from unnest(c.conkey) with ordinality as k (num, n)
                  join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.num) as theirs,
               (select string_agg(format('r.%I', a.attname), ', ' order by k.n) from unnest(c.confkey) with ordinality as k (num, n)
                  join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.num) as ours
        from pg_constraint c where c.contype = 'f' and c.confrelid = target and c.conparentid = 0
        order by 1
    loop
        execute format('select exists (select from %s f where (%s) = (select %s from jsonb_populate_record(null::%s, $1) r))',
            link.of_table, link.theirs, link.ours, target) into refers using known;
        if refers then
            return link.of_table::text;
        end if;
    end loop;
    return null;
end
$$;
comment on function public.who_refers_to(regclass, jsonb) is 'A table with rows that refer to this row; null if there is none.';

-- Puts one row back. `change` says what an execution made of it: without `before` it was added, without `after` deleted.
-- Only the columns that were written are compared: what others wrote beside them stays.
create function public.undo_change(change jsonb, out conflict text, out note text, out is_now jsonb)
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
    execute format('select to_jsonb(t) from %s t where (%s) = (select %s from jsonb_populate_record(null::%1$s, $1) r) for update of t',
        target, ours, theirs) into here using known;
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
comment on function public.undo_change(jsonb) is 'Puts a row back to what it was before {table, key, before, after}, or says why it can''t.';

-- Several changes of one row become one: each value of it is one that was recorded for that row, on that side.
create function public.is_recorded(change jsonb, recorded jsonb[]) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    with of_row as materialized (
        select r -> 'before' as before, r -> 'after' as after from unnest(recorded) r
         where r -> 'table' = change -> 'table' and r -> 'key' = change -> 'key' and change ->> 'table' not like 'workflow\_%'
    )
    select exists (select from of_row)
       and not exists (select from jsonb_each(case jsonb_typeof(change -> 'before') when 'object' then change -> 'before' else '{}' end) m
                        where not exists (select from of_row o where o.before -> m.key = m.value))
       and not exists (select from jsonb_each(case jsonb_typeof(change -> 'after') when 'object' then change -> 'after' else '{}' end) m
                        where not exists (select from of_row o where o.after -> m.key = m.value))
       -- Whether it was there before and after is recorded, too.
       and (jsonb_typeof(change -> 'before') = 'object' or exists (select from of_row o where jsonb_typeof(o.before) is distinct from 'object'))
       and (jsonb_typeof(change -> 'after') = 'object' or exists (select from of_row o where jsonb_typeof(o.after) is distinct from 'object'))
$$;
comment on function public.is_recorded(jsonb, jsonb[]) is 'Of undo_changes(): whether a change of a row is made of what was recorded of it.';

-- Runs with its owner's rights, for the engine may delete hardly anything: so it reverses only what the execution recorded, in
-- tables that the engine may write, and never the other way round.
create function public.undo_changes(of_root uuid, of_event_at timestamptz, wanted jsonb)
returns table (n bigint, conflict text, note text, is_now jsonb, points bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    each_change record;
    recorded constant jsonb[] := array(
        select c from public.workflow_executions x, jsonb_path_query(x.steps, 'lax $[*].changes[*]') c
        where x.event_at = of_event_at and (x.id = of_root or x.root = of_root) and x.mode = 'live');
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
comment on function public.undo_changes(uuid, timestamptz, jsonb) is
    'Reverses what an execution and its other attempts recorded, in this order: list of {table, key, before, after}. For each: why it can''t be, if it can''t. The caller commits, or rolls back. For the command line, as the engine.';
revoke execute on function public.is_recorded(jsonb, jsonb[]), public.undo_ledger_line(uuid), public.who_refers_to(regclass, jsonb), public.undo_change(jsonb),
    public.undo_changes(uuid, timestamptz, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.undo_changes(uuid, timestamptz, jsonb) to thendo_engine;
