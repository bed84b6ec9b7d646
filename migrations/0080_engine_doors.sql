-- Who comes to what the engine runs on: nobody but it, except for what admins and the backend may see.
do $$
declare
    closed text;
begin
    foreach closed in array array['workflow_events', 'workflow_events_default', 'workflow_queue', 'workflow_versions',
        'workflow_plan_epoch', 'workflow_waiting', 'workflow_deliveries', 'workflow_effects', 'workflow_secrets',
        'loyalty_ledger', 'event_tables', 'subscribers', 'customer_tags', 'loyalty_tiers', 'consents', 'suppressions',
        'product_stock', 'maintenance', 'medusa_mirror']
    loop
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', closed);
        execute format('alter table public.%I enable row level security', closed);
    end loop;
end
$$;

-- Numbers of rows are drawn for whoever may insert; nobody draws them by hand.
do $$
declare
    closed text;
begin
    foreach closed in array array['page_views_id_seq', 'campaign_opens_id_seq', 'campaign_clicks_id_seq', 'workflow_queue_id_seq',
        'order_display_id_seq']
    loop
        -- Medusa's own "order" may number its rows otherwise, and be another user's.
        continue when not exists (select from pg_catalog.pg_class c
            where c.oid = to_regclass(format('public.%I', closed)) and pg_catalog.pg_has_role(c.relowner, 'usage'));
        execute format('revoke all on sequence public.%I from public, anon, authenticated, service_role', closed);
    end loop;
end
$$;

-- Admins, owners and the backend.
do $$
declare
    door record;
    each_action text;
    is_admin constant text := '(select public.is_admin((select auth.uid())))';
    own_customer constant text := 'customer_id = (select public.current_customer_id())';
begin
    for door in
        select t.table_name, t.reads, t.writes from (values
            ('loyalty_ledger',    own_customer || ' or ' || is_admin, null),
            ('workflow_versions', is_admin, null),
            ('event_tables',      is_admin, null),
            ('subscribers',       is_admin, is_admin),
            ('customer_tags',     is_admin, is_admin),
            ('loyalty_tiers',     'true', is_admin),
            ('consents',          own_customer || ' or ' || is_admin, null),
            ('suppressions',      is_admin, is_admin),
            ('product_stock',     is_admin, is_admin)
        ) as t (table_name, reads, writes)
    loop
        execute format('create policy authenticated_select on public.%I for select to authenticated using (%s)', door.table_name, door.reads);
        execute format('grant select on public.%I to authenticated', door.table_name);
        if door.writes is not null then
            execute format('create policy authenticated_insert on public.%I for insert to authenticated with check (%s)', door.table_name, door.writes);
            execute format('create policy authenticated_update on public.%I for update to authenticated using (%s) with check (%2$s)', door.table_name, door.writes);
            execute format('create policy authenticated_delete on public.%I for delete to authenticated using (%s)', door.table_name, door.writes);
            execute format('grant insert, update, delete on public.%I to authenticated', door.table_name);
        end if;
    end loop;
end
$$;
grant select, insert, update, delete on public.subscribers, public.customer_tags, public.loyalty_tiers,
    public.suppressions, public.product_stock to service_role;
grant select on public.workflow_versions, public.loyalty_ledger to service_role;
-- Lines are added; what was entered is never changed.
grant select on public.consents to service_role;
grant insert on public.loyalty_ledger, public.consents to service_role;
grant select, update on public.event_tables, public.medusa_mirror to service_role;

-- The engine: what its statements read and write.
grant usage on schema public to thendo_engine;
do $$
declare
    door record;
    each_action text;
begin
    for door in
        select t.table_name, t.actions from (values
            ('workflow_events',     '{select}'::text[]),
            ('workflow_queue',      '{select,insert,delete}'),
            ('workflow_versions',   '{select}'),
            ('workflow_plan_epoch', '{select}'),
            ('workflow_waiting',    '{select,insert,update,delete}'),
            ('workflow_deliveries', '{select,insert,update}'),
            ('workflow_executions', '{select,insert}'),
            ('workflows',           '{select}'),
            ('loyalty_points',      '{select,insert,update}'),
            ('loyalty_ledger',      '{select,insert}'),
            ('deposits',            '{select,insert}'),
            ('customers',           '{select}'),
            ('orders',              '{select}')
        ) as t (table_name, actions)
    loop
        foreach each_action in array door.actions loop
            execute format('grant %s on public.%I to thendo_engine', each_action, door.table_name);
            execute format('create policy engine_%s on public.%I for %1$s to thendo_engine %3$s', each_action, door.table_name,
                case each_action when 'insert' then 'with check (true)' when 'update' then 'using (true) with check (true)' else 'using (true)' end);
        end loop;
    end loop;
    -- It compares the schema with its own before it starts.
    if to_regclass('public._sqlx_migrations') is not null then
        revoke all on public._sqlx_migrations from public, anon, authenticated, service_role;
        alter table public._sqlx_migrations enable row level security;
        create policy engine_select on public._sqlx_migrations for select to thendo_engine using (true);
        grant select on public._sqlx_migrations to thendo_engine;
    end if;

    for door in
        select t.signature, t.callers from (values
            ('hidden_columns_of(oid, text[])', ''), ('key_of(jsonb, text[])', ''),
            ('query_of_changed_columns(oid, text[])', ''),
            ('check_event_table(public.event_tables, oid)', ''),
            ('put_event_triggers(public.event_tables)', ''), ('event_table_written()', ''),
            ('record_events_of(text, text, text, text, text[], text[])', ''), ('attach_events()', ''), ('detach_events()', ''),
            ('without_long_values(jsonb)', ''), ('record_event()', ''), ('workflow_edited()', ''), ('workflow_deleted()', ''),
            ('keep_balances()', ''), ('hash_suppressed()', ''), ('keep_parts(uuid, integer, jsonb)', ''), ('make_partition(text, text, text, date)', ''),
            ('minor_units(numeric, text)', ''), ('customer_of_medusa(text, text)', ''), ('medusa_order_money(text)', ''),
            ('mirror_medusa_order()', ''), ('mirror_medusa_fulfilment()', ''), ('mirror_medusa_stock()', ''), ('take_medusa_stock(text[])', ''),
            ('attach_medusa()', ''), ('detach_medusa()', ''), ('mentions(text, text[])', ''), ('mentions(jsonb, text[])', ''), ('holds(text, text[])', ''),
            ('events_of_person(text[], text[], text[], timestamptz)', ''), ('find_person(uuid, text)', ''),
            ('erase_customer(uuid, text)', ''), ('without_person(jsonb, uuid[], text[])', ''), ('erase_traces(jsonb, uuid[])', ''),
            ('erase_rows(jsonb)', ''), ('erase_in_medusa(jsonb)', ''), ('read_person(jsonb)', ''),
            ('pick_up_vectors()', ''), ('pick_up_optional()', ''),
            ('put_in_force(uuid, bigint, text, jsonb, jsonb)', 'thendo_engine'),
            ('mark_checked(uuid, bigint, text, jsonb)', 'thendo_engine'),
            ('refresh_page_view_stats(interval)', 'thendo_engine'),
            ('prepare_partitions(integer)', 'thendo_engine')
        ) as t (signature, callers)
    loop
        execute format('revoke execute on function public.%s from public, anon, authenticated, service_role', door.signature);
        if door.callers <> '' then
            execute format('grant execute on function public.%s to %s', door.signature, door.callers);
        end if;
    end loop;
end
$$;
