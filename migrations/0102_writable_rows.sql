-- What workflows may write by `update_row` and `insert_row`: the setting rows.allow, as `thendo migrate` has taken it over. To the
-- engine's role it is a matter of grants, beside what its own actions write.
create table public.workflow_rows (
    table_name text primary key,
    columns    text[] not null,
    updated_at timestamptz not null default now()
);
comment on table public.workflow_rows is 'Columns that workflows may write: the setting rows.allow.';
revoke all on public.workflow_rows from public, anon, authenticated, service_role;
alter table public.workflow_rows enable row level security;
create policy engine_select on public.workflow_rows for select to thendo_engine using (true);
grant select on public.workflow_rows to thendo_engine;

-- For who migrates; nobody else owns the tables.
create function public.allow_rows(wanted jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    former record;
    wish record;
    target regclass;
    key_columns text;
    unfit text;
    each_action text;
begin
    for former in select r.table_name, r.columns from public.workflow_rows r loop
        continue when wanted -> former.table_name = to_jsonb(former.columns);
        target := to_regclass(format('public.%I', former.table_name));
        if target is not null then
            select string_agg(format('%I', a.attname), ', ') into key_columns
              from pg_attribute a where a.attrelid = target and a.attnum > 0 and not a.attisdropped;
            execute format('revoke select (%s), insert (%1$s), update (%1$s) on public.%I from thendo_engine', key_columns, former.table_name);
            foreach each_action in array array['select', 'insert', 'update'] loop
                execute format('drop policy if exists rows_%s on public.%I', each_action, former.table_name);
            end loop;
        end if;
        delete from public.workflow_rows r where r.table_name = former.table_name;
    end loop;
    for wish in select w.key as table_name, array(select jsonb_array_elements_text(w.value)) as columns from jsonb_each(wanted) w loop
        target := to_regclass(format('public.%I', wish.table_name));
        if target is null or not exists (select from pg_class c where c.oid = target and c.relkind in ('r', 'p')) then
            raise undefined_table using message = format('rows.allow names the table `%s`, which public does not have', wish.table_name);
        end if;
        -- Who is who, what is owed, and how all of this works is not a workflow's to write past its own actions.
        if wish.table_name like 'workflow%' or wish.table_name like '\_%' or wish.table_name = any (array['user_roles', 'loyalty_points', 'loyalty_ledger',
               'oauth_providers', 'google_calendar_tokens', 'consents', 'suppressions', 'marketing_mails', 'event_tables', 'maintenance', 'medusa_mirror',
               'deposits', 'subscriptions', 'stripe_customers', 'stripe_objects', 'payment', 'user', 'api_key', 'auth_identity', 'provider_identity']) then
            raise insufficient_privilege using message = format('rows.allow names the table `%s`, which no workflow may write', wish.table_name);
        end if;
        -- What has a table of moves, or says whose a row is.
        select string_agg(w.name, ', ') into unfit from unnest(wish.columns) as w (name)
         where (wish.table_name, w.name) in (('orders', 'status'), ('orders', 'payment_status'), ('orders', 'total'), ('orders', 'currency'),
             ('orders', 'refunded_total'), ('orders', 'customer_id'), ('customers', 'email'), ('customers', 'user_id'),
             ('customers', 'medusa_customer_id'), ('customers', 'referred_by'));
        if unfit is not null then
            raise insufficient_privilege using message = format('rows.allow names columns of `%s` that no workflow may write so: %s', wish.table_name, unfit);
        end if;
        select string_agg(w.name, ', ') into unfit from unnest(wish.columns) as w (name)
         where not exists (select from pg_attribute a where a.attrelid = target and a.attname = w.name and a.attnum > 0
                              and not a.attisdropped and a.attgenerated = '' and a.attidentity <> 'a');
        if unfit is not null or cardinality(wish.columns) = 0 then
            raise undefined_column using message = format('rows.allow names columns of `%s` that it does not have, or that nobody writes: %s',
                wish.table_name, coalesce(unfit, 'none'));
        end if;
        select string_agg(format('%I', a.attname), ', ') into key_columns
          from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey) where i.indrelid = target and i.indisprimary;
        if key_columns is null then
            raise undefined_column using message = format('rows.allow names the table `%s`, which has no primary key', wish.table_name);
        end if;
        execute format('grant select (%s), insert (%1$s), update (%s) on public.%I to thendo_engine', key_columns
            || ', ' || (select string_agg(format('%I', w.name), ', ') from unnest(wish.columns) as w (name)),
            (select string_agg(format('%I', w.name), ', ') from unnest(wish.columns) as w (name)), wish.table_name);
        foreach each_action in array array['select', 'insert', 'update'] loop
            if not exists (select from pg_policies p where p.schemaname = 'public' and p.tablename = wish.table_name
                               and 'thendo_engine' = any (p.roles) and p.cmd in (upper(each_action), 'ALL')) then
                execute format('create policy rows_%s on public.%I for %1$s to thendo_engine %3$s', each_action, wish.table_name,
                    case each_action when 'insert' then 'with check (true)' when 'update' then 'using (true) with check (true)' else 'using (true)' end);
            end if;
        end loop;
        insert into public.workflow_rows (table_name, columns) values (wish.table_name, wish.columns)
        on conflict (table_name) do update set columns = excluded.columns, updated_at = now();
    end loop;
end
$$;
comment on function public.allow_rows(jsonb) is 'Takes over the setting rows.allow: {"table": ["column", …]}. For who migrates.';

-- Runs as who calls it, with no more rights than the engine has. What is wrong with a request is an answer; what is wrong with
-- a value is the database's to say.
create function public.write_row(id uuid, input jsonb, out refused text, out row_key text, out was jsonb, out became jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    allowed text[];
    key_name text;
    key_type text;
    names text[] := array(select jsonb_object_keys(input -> 'set') order by 1);
    foreign_names text;
    listed text;
begin
    select r.columns into allowed from public.workflow_rows r where r.table_name = input ->> 'table';
    if allowed is null or to_regclass(format('public.%I', input ->> 'table')) is null then
        refused := format('workflows may not write `%s`: name it in the setting rows.allow, and run `thendo migrate`', input ->> 'table');
        return;
    end if;
    select string_agg(format('`%s`', n.name), ', ') into foreign_names from unnest(names) as n (name) where n.name <> all (allowed);
    if foreign_names is not null then
        refused := format('workflows may not write %s of `%s`: name it in the setting rows.allow, and run `thendo migrate`',
            foreign_names, input ->> 'table');
        return;
    end if;
    select a.attname, format_type(a.atttypid, a.atttypmod) into key_name, key_type
      from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
     where i.indrelid = to_regclass(format('public.%I', input ->> 'table')) and i.indisprimary and i.indnkeyatts = 1;
    if key_name is null then
        refused := format('`%s` has a primary key of several columns', input ->> 'table');
        return;
    end if;
    select string_agg(format('%I', n.name), ', ') into listed from unnest(names) as n (name);
    if input ? 'row' then
        row_key := input ->> 'row';
        execute format('select (select to_jsonb(s) from (select %s) s) from public.%I t where t.%I = $1::%s for no key update',
            (select string_agg(format('t.%I', n.name), ', ') from unnest(names) as n (name)), input ->> 'table', key_name, key_type)
            into was using row_key;
        if was is null then
            refused := format('there is no row `%s` in `%s`', row_key, input ->> 'table');
            return;
        end if;
        execute format('update public.%I t set (%s) = (select %s from jsonb_populate_record(null::public.%1$I, $2) r)
            where t.%4$I = $1::%5$s returning (select to_jsonb(s) from (select %6$s) s)', input ->> 'table', listed,
            (select string_agg(format('r.%I', n.name), ', ') from unnest(names) as n (name)), key_name, key_type,
            (select string_agg(format('t.%I', n.name), ', ') from unnest(names) as n (name)))
            into became using row_key, input -> 'set';
    else
        -- A key of the database's own making is the effect's.
        if key_type = 'uuid' and not key_name = any (names) then
            input := jsonb_set(input, array['set', key_name], to_jsonb(id));
            names := names || key_name;
            listed := concat_ws(', ', listed, format('%I', key_name));
        end if;
        execute format('insert into public.%I as t (%s) select %s from jsonb_populate_record(null::public.%1$I, $1) r
            returning t.%4$I::text, (select to_jsonb(s) from (select %5$s) s)', input ->> 'table', listed,
            (select string_agg(format('r.%I', n.name), ', ') from unnest(names) as n (name)), key_name,
            (select string_agg(format('t.%I', n.name), ', ') from unnest(names) as n (name)))
            into row_key, became using input -> 'set';
    end if;
end
$$;
comment on function public.write_row(uuid, jsonb) is
    'Changes or adds a row of a table that workflows may write: {"table", "row", "set": {…}}; without `row` it adds one. For the daemon.';
revoke execute on function public.allow_rows(jsonb), public.write_row(uuid, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.write_row(uuid, jsonb) to thendo_engine;
