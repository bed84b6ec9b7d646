-- The whole schema `public` as the migrations leave it. Generated from a fresh database by `make schema`; never edited.
-- Applied from top to bottom to an empty database that has the schema auth (migrations/shim/auth.sql), it makes the
-- same. Each line of three dashes names the object that the statements below it make: `thendo migrate --adopt` looks
-- them up there.


-- ==== Before all

--- settings
set check_function_bodies = off;

--- role thendo_api
do $$
declare
    since_16 constant boolean := current_setting('server_version_num')::integer >= 160000;
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'thendo_api') then
        create role thendo_api nologin noinherit;
    end if;
    if not pg_catalog.pg_has_role(current_user, 'thendo_api', case when since_16 then 'set' else 'member' end) then
        execute 'grant thendo_api to current_user' || case when since_16 then ' with set true, inherit false' else '' end;
    end if;
end
$$;

--- role thendo_engine
do $$
declare
    since_16 constant boolean := current_setting('server_version_num')::integer >= 160000;
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'thendo_engine') then
        create role thendo_engine nologin noinherit;
    end if;
    if not pg_catalog.pg_has_role(current_user, 'thendo_engine', case when since_16 then 'set' else 'member' end) then
        execute 'grant thendo_engine to current_user' || case when since_16 then ' with set true, inherit false' else '' end;
    end if;
end
$$;

--- extension pgcrypto
create schema if not exists extensions;
create extension if not exists pgcrypto with schema extensions;

--- grants schema public
revoke all on schema public from public, anon, authenticated, service_role;
grant usage on schema public to public;
grant usage on schema public to anon;
grant usage on schema public to authenticated;
grant usage on schema public to service_role;
grant usage on schema public to thendo_engine;
grant usage on schema public to thendo_api;

--- type public.event_operation
create domain public.event_operation as text constraint event_operation_check CHECK ((VALUE = ANY (ARRAY['insert'::text, 'update'::text, 'delete'::text])));


-- ==== Functions

--- function public.allow_rows(jsonb)
CREATE OR REPLACE FUNCTION public.allow_rows(wanted jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
        if wish.table_name like 'workflow%' or wish.table_name like 'api\_%' or wish.table_name like '\_%' or wish.table_name = any (array['user_roles', 'loyalty_points', 'loyalty_ledger',
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
$function$;

--- comment-on-function public.allow_rows(jsonb)
comment on function public.allow_rows(jsonb) is 'Takes over the setting rows.allow: {"table": ["column", …]}. For who migrates.';

--- grants-on-function public.allow_rows(jsonb)
revoke all on function public.allow_rows(jsonb) from public, anon, authenticated, service_role;

--- function public.anew(bytea)
CREATE OR REPLACE FUNCTION public.anew(secret bytea)
 RETURNS bytea
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    return public.encrypted(public.decrypted(secret, public.handed_over('token_former_key')), public.handed_over('token_key'));
end
$function$;

--- comment-on-function public.anew(bytea)
comment on function public.anew(bytea) is 'What the former key encrypted, encrypted with the new one; both handed over in this transaction.';

--- grants-on-function public.anew(bytea)
revoke all on function public.anew(bytea) from public, anon, authenticated, service_role;
grant execute on function public.anew(bytea) to service_role;

--- function public.answer_approval(uuid, text, integer[], jsonb)
CREATE OR REPLACE FUNCTION public.answer_approval(of_execution uuid, at_node text, at_item integer[], answer jsonb)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    -- Whoever answers at this moment is waited for.
    perform pg_advisory_xact_lock(hashtextextended('approvals of ' || of_execution, 1952998511));
    if exists (
        select from public.workflow_waiting w
        join public.workflow_queue q on q.lane = w.lane and q.execution_id = w.id
        cross join lateral (select e.row_data from public.workflow_events e
                             where e.at = q.event_at and e.id = q.event_id and e.table_name = 'thendo.word' limit 1) e
        where w.id = of_execution and e.row_data ->> 'word' in ('approve', 'refuse') and e.row_data ->> 'node' = at_node
          and coalesce(e.row_data -> 'item', '[]') = to_jsonb(at_item)
    ) then
        return 'answered';
    end if;
    if not exists (
        select from public.workflow_awaits a
         where a.execution_id = of_execution and a.table_name = 'thendo.word' and a.operation = 'insert' and a.key = 'approval'
           and a.node_id = at_node and a.item = at_item
    ) then
        return 'gone';
    end if;
    perform public.tell_executions(array[of_execution], answer);
    return 'told';
end
$function$;

--- comment-on-function public.answer_approval(uuid, text, integer[], jsonb)
comment on function public.answer_approval(uuid, text, integer[], jsonb) is 'Says yes or no to an approval: told; answered, if somebody else was first; or gone. For the API and the command line.';

--- grants-on-function public.answer_approval(uuid, text, integer[], jsonb)
revoke all on function public.answer_approval(uuid, text, integer[], jsonb) from public, anon, authenticated, service_role;
grant execute on function public.answer_approval(uuid, text, integer[], jsonb) to thendo_api;

--- function public.assign_stripe_customer(text, text, text, timestamp with time zone)
CREATE OR REPLACE FUNCTION public.assign_stripe_customer(of_object text, told_id text, told_email text, moment timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    o     public.stripe_objects;
    whose uuid;
    other text;
begin
    perform from public.stripe_objects t where t.id = of_object for update;
    o := (select t from public.stripe_objects t where t.id = of_object);
    if o.customer_id is null then
        select s.customer_id into whose from public.stripe_customers s where s.stripe_customer_id = of_object;
        if found then
            moment := 'infinity';
        end if;
    end if;
    whose := coalesce(whose, (select c.id from public.customers c where c.id::text = lower(told_id)),
                      (select c.id from public.customers c where lower(c.email) = lower(told_email)));
    if whose is null or (o.customer_id is not null and (moment, whose) <= (o.customer_told_at, o.customer_id)) then
        return;
    end if;
    update public.stripe_objects t set customer_id = whose, customer_told_at = moment where t.id = of_object;
    if whose is distinct from o.customer_id then
        perform public.link_stripe_customer(o.customer_id) where o.customer_id is not null;
        perform public.link_stripe_customer(whose);
        for other in
            select t.id from public.stripe_objects t where t.stripe_customer = of_object and t.kind <> 'customer' order by t.id limit 1000
        loop
            perform public.settle_stripe(other);
        end loop;
    end if;
end
$function$;

--- comment-on-function public.assign_stripe_customer(text, text, text, timestamp with time zone)
comment on function public.assign_stripe_customer(text, text, text, timestamp with time zone) is 'Of take_stripe_event(): says whose a customer at Stripe is, by what was told at a moment.';

--- grants-on-function public.assign_stripe_customer(text, text, text, timestamp with time zone)
revoke all on function public.assign_stripe_customer(text, text, text, timestamp with time zone) from public, anon, authenticated, service_role;

--- function public.attach_events()
CREATE OR REPLACE FUNCTION public.attach_events()
 RETURNS integer
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    with attached as (update public.event_tables set attached = true returning table_name)
    select count(*)::integer from attached
    where to_regclass(format('public.%I', table_name)) is not null
$function$;

--- comment-on-function public.attach_events()
comment on function public.attach_events() is 'Puts the triggers of all tables in event_tables in place, as their rows say; how many tables there are.';

--- grants-on-function public.attach_events()
revoke all on function public.attach_events() from public, anon, authenticated, service_role;

--- function public.attach_medusa()
CREATE OR REPLACE FUNCTION public.attach_medusa()
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    source text;
    operation text;
    made boolean := false;
begin
    -- Detached as a whole: `thendo migrate` is not to attach behind the shop's back.
    if exists (select from public.event_tables) and not exists (select from public.event_tables e where e.attached) then
        return false;
    end if;
    -- A shop that links its orders to Medusa's by itself goes on doing so.
    if exists (select from public.orders o where o.medusa_order_id is not null) then
        update public.medusa_mirror set orders = 'linked' where orders = 'mirrored' and not begun;
    end if;
    foreach source in array array['order', 'order_summary', 'order_item'] loop
        continue when to_regclass(format('public.%I', source)) is null
            or not has_table_privilege(to_regclass(format('public.%I', source)), 'trigger')
            -- Without a summary the lines make up the total.
            or (source = 'order_item' and to_regclass('public.order_summary') is not null)
            or exists (select from pg_catalog.pg_trigger t
                        where t.tgrelid = to_regclass(format('public.%I', source)) and t.tgname = 'mirror_medusa_order');
        execute format('create constraint trigger mirror_medusa_order after insert or update on public.%I
            deferrable initially deferred for each row execute function public.mirror_medusa_order()', source);
        update public.medusa_mirror set begun = true where not begun and orders = 'mirrored';
        made := true;
    end loop;
    if has_table_privilege(to_regclass('public.order_item'), 'trigger')
       and (select count(*) from pg_catalog.pg_attribute a where a.attrelid = to_regclass('public.order_item')
               and a.attname in ('fulfilled_quantity', 'delivered_quantity') and not a.attisdropped) = 2
       and not exists (select from pg_catalog.pg_trigger t where t.tgrelid = to_regclass('public.order_item')
                          and t.tgname like 'mirror_medusa_fulfilment%') then
        -- At the end of the transaction: by then all its lines are of the order's version.
        create constraint trigger mirror_medusa_fulfilment_insert after insert on public.order_item
            deferrable initially deferred for each row when (new.fulfilled_quantity > 0 or new.delivered_quantity > 0)
            execute function public.mirror_medusa_fulfilment();
        create constraint trigger mirror_medusa_fulfilment_update after update on public.order_item
            deferrable initially deferred for each row
            when ((new.fulfilled_quantity, new.delivered_quantity)
                  is distinct from (old.fulfilled_quantity, old.delivered_quantity))
            execute function public.mirror_medusa_fulfilment();
        made := true;
    end if;
    if to_regclass('public.inventory_level') is not null
       and to_regclass('public.product_variant_inventory_item') is not null
       and has_table_privilege(to_regclass('public.inventory_level'), 'trigger')
       and has_table_privilege(to_regclass('public.product_variant_inventory_item'), 'trigger') then
        foreach source in array array['inventory_level', 'product_variant_inventory_item'] loop
            continue when exists (select from pg_catalog.pg_trigger t
                where t.tgrelid = to_regclass(format('public.%I', source)) and t.tgname like 'mirror_medusa_stock%');
            foreach operation in array array['insert', 'update', 'delete'] loop
                execute format('create trigger %I after %s on public.%I referencing %s for each statement
                    execute function public.mirror_medusa_stock(%L)', 'mirror_medusa_stock_' || operation, operation, source,
                    case operation when 'insert' then 'new table as new_rows' when 'delete' then 'old table as old_rows'
                        else 'old table as old_rows new table as new_rows' end,
                    case source when 'inventory_level' then 'inventory_item_id' else 'variant_id' end);
            end loop;
            made := true;
        end loop;
        perform public.take_medusa_stock();
    end if;
    return made;
end
$function$;

--- comment-on-function public.attach_medusa()
comment on function public.attach_medusa() is 'Attaches the mirrors to the tables that Medusa has, unless the shop is detached; whether one was new.';

--- grants-on-function public.attach_medusa()
revoke all on function public.attach_medusa() from public, anon, authenticated, service_role;

--- function public.audit(regclass)
CREATE OR REPLACE FUNCTION public.audit(audited regclass)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    execute format('create trigger set_updated_at before update on %s for each row execute function public.set_updated_at()',
        audited);
    -- Programs may say when and by whom (an import); they pay no call.
    execute format('create trigger set_created before insert on %s for each row
        when (current_user in (''anon'', ''authenticated'')) execute function public.set_created()', audited);
    execute format('create index %I on %s (created_by) where created_by is not null',
        'idx_' || (select c.relname from pg_catalog.pg_class c where c.oid = audited) || '_created_by', audited);
end
$function$;

--- comment-on-function public.audit(regclass)
comment on function public.audit(regclass) is 'For migrations: the triggers and the index of a table''s audit columns.';

--- grants-on-function public.audit(regclass)
revoke all on function public.audit(regclass) from public, anon, authenticated, service_role;

--- function public.audit_loyalty()
CREATE OR REPLACE FUNCTION public.audit_loyalty()
 RETURNS TABLE(customer_id uuid, balance bigint, points bigint)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select coalesce(p.customer_id, l.customer_id), coalesce(p.balance, 0), coalesce(l.points, 0)
      from public.loyalty_points p
      full join (select g.customer_id, sum(g.points)::bigint as points from public.loyalty_ledger g group by g.customer_id) l
        on l.customer_id = p.customer_id
     where coalesce(p.balance, 0) <> coalesce(l.points, 0)
$function$;

--- comment-on-function public.audit_loyalty()
comment on function public.audit_loyalty() is 'Customers whose balance is not the sum of their ledger: always none.';

--- grants-on-function public.audit_loyalty()
revoke all on function public.audit_loyalty() from public, anon, authenticated, service_role;
grant execute on function public.audit_loyalty() to service_role;
grant execute on function public.audit_loyalty() to thendo_engine;

--- function public.campaign_audience(jsonb, text, text)
CREATE OR REPLACE FUNCTION public.campaign_audience(audience jsonb, of_product text, of_variant text)
 RETURNS TABLE(email text, name text, customer_id uuid, waitlist_id uuid, joined_at timestamp with time zone)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select btrim(w.email), coalesce(w.name, c.name), w.customer_id, w.id, w.created_at
      from public.product_waitlist w left join public.customers c on c.id = w.customer_id
     where audience ->> 'from' = 'waitlist'
       and (of_product is null or w.product_id = of_product)
       and (of_variant is null or w.variant_id is null or w.variant_id = of_variant)
       and coalesce(audience -> 'status', '["waiting"]') ? w.status
       and (audience ->> 'joined_after' is null or w.created_at >= (audience ->> 'joined_after')::timestamptz)
       and (audience ->> 'joined_before' is null or w.created_at < (audience ->> 'joined_before')::timestamptz)
    union all
    select btrim(c.email), c.name, c.id, null, c.created_at
      from public.customers c left join public.loyalty_tiers t on t.id = c.tier_id
     where audience ->> 'from' = 'customers'
       and (audience -> 'tiers' is null or audience -> 'tiers' ? t.name)
       and (audience -> 'tags' is null or exists (
            select from public.customer_tags g where g.customer_id = c.id and audience -> 'tags' ? g.tag))
       and (audience -> 'without_tags' is null or not exists (
            select from public.customer_tags g where g.customer_id = c.id and audience -> 'without_tags' ? g.tag))
       and (audience ->> 'joined_after' is null or c.created_at >= (audience ->> 'joined_after')::timestamptz)
       and (audience ->> 'joined_before' is null or c.created_at < (audience ->> 'joined_before')::timestamptz)
       and (audience -> 'orders' is null or (
            select count(*) between coalesce((audience #>> '{orders,least}')::bigint, 1) and coalesce((audience #>> '{orders,most}')::bigint, 1000000000)
              from public.orders o
             where o.customer_id = c.id and o.status <> 'cancelled'
               and (audience #>> '{orders,after}' is null or o.created_at >= (audience #>> '{orders,after}')::timestamptz)
               and (audience #>> '{orders,before}' is null or o.created_at < (audience #>> '{orders,before}')::timestamptz)))
    union all
    select btrim(s.email), s.name, s.customer_id, null, s.created_at
      from public.subscribers s
     where audience ->> 'from' = 'subscribers' and s.status = 'subscribed'
       and (audience ->> 'joined_after' is null or s.created_at >= (audience ->> 'joined_after')::timestamptz)
       and (audience ->> 'joined_before' is null or s.created_at < (audience ->> 'joined_before')::timestamptz)
$function$;

--- comment-on-function public.campaign_audience(jsonb, text, text)
comment on function public.campaign_audience(jsonb, text, text) is 'Whom a campaign with such an audience would go to. For the daemon, and for previews.';

--- grants-on-function public.campaign_audience(jsonb, text, text)
revoke all on function public.campaign_audience(jsonb, text, text) from public, anon, authenticated, service_role;
grant execute on function public.campaign_audience(jsonb, text, text) to service_role;
grant execute on function public.campaign_audience(jsonb, text, text) to thendo_engine;

--- function public.campaign_deleted()
CREATE OR REPLACE FUNCTION public.campaign_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    delete from public.workflow_deliveries d where d.destination = 'mail' and d.workflow_id = old.id and d.status = 'pending';
    return null;
end
$function$;

--- comment-on-function public.campaign_deleted()
comment on function public.campaign_deleted() is 'After-delete trigger of waitlist_campaigns: its mails are called off.';

--- grants-on-function public.campaign_deleted()
revoke all on function public.campaign_deleted() from public, anon, authenticated, service_role;

--- function public.campaign_sample(uuid, integer)
CREATE OR REPLACE FUNCTION public.campaign_sample(campaign uuid, most integer)
 RETURNS TABLE(email text, name text, customer_id uuid, joined_at timestamp with time zone)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select b.email, b.name, b.customer_id, b.joined_at
      from (select distinct on (lower(a.email)) a.email, a.name, a.customer_id, a.joined_at from public.waitlist_campaigns c,
                   public.campaign_audience(c.audience, c.product_id, c.variant_id) a
             where c.id = campaign order by lower(a.email), a.joined_at) b
     order by b.joined_at, lower(b.email) limit least(most, 200)
$function$;

--- comment-on-function public.campaign_sample(uuid, integer)
comment on function public.campaign_sample(uuid, integer) is 'The first to whom a campaign would go, if it started now.';

--- grants-on-function public.campaign_sample(uuid, integer)
revoke all on function public.campaign_sample(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function public.campaign_sample(uuid, integer) to thendo_api;

--- function public.campaign_size(uuid)
CREATE OR REPLACE FUNCTION public.campaign_size(campaign uuid)
 RETURNS bigint
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select count(distinct lower(a.email)) from public.waitlist_campaigns c,
           public.campaign_audience(c.audience, c.product_id, c.variant_id) a where c.id = campaign
$function$;

--- comment-on-function public.campaign_size(uuid)
comment on function public.campaign_size(uuid) is 'How many a campaign would go to, if it started now.';

--- grants-on-function public.campaign_size(uuid)
revoke all on function public.campaign_size(uuid) from public, anon, authenticated, service_role;
grant execute on function public.campaign_size(uuid) to thendo_api;

--- function public.check_campaign()
CREATE OR REPLACE FUNCTION public.check_campaign()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if old.status in ('sent', 'cancelled', 'failed') or (new.status = 'draft') or (new.status = 'scheduled' and old.status not in ('draft', 'paused'))
       or (new.status = 'scheduled' and old.started_at is not null) or (new.status = 'sending' and old.status = 'draft') then
        raise check_violation using message = format('a campaign that is %s can''t become %s', old.status, new.status),
            hint = 'What has ended is not sent again: make another campaign.';
    end if;
    if new.status in ('sent', 'cancelled', 'failed') then
        new.finished_at := coalesce(new.finished_at, clock_timestamp());
    end if;
    -- Somebody has to see to those who are left.
    new.is_settled := false;
    return new;
end
$function$;

--- comment-on-function public.check_campaign()
comment on function public.check_campaign() is 'Before-update trigger of waitlist_campaigns: states go one way.';

--- grants-on-function public.check_campaign()
revoke all on function public.check_campaign() from public, anon, authenticated, service_role;

--- function public.check_constraints_at_once()
CREATE OR REPLACE FUNCTION public.check_constraints_at_once()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    others constant text := (
        select string_agg(distinct format('%I.%I', n.nspname, c.conname), ', ')
          from pg_constraint c join pg_namespace n on n.oid = c.connamespace
         where c.condeferrable and has_schema_privilege(n.oid, 'usage')
           and c.conname not in ('hand_on_slot_of_deleted', 'hand_on_slot_of_updated'));
begin
    if others is not null then
        execute 'set constraints ' || others || ' immediate';
    end if;
end
$function$;

--- comment-on-function public.check_constraints_at_once()
comment on function public.check_constraints_at_once() is 'Has all that is put off until the commit checked with each statement of this transaction; but for slots of flow control.';

--- grants-on-function public.check_constraints_at_once()
revoke all on function public.check_constraints_at_once() from public, anon, authenticated, service_role;
grant execute on function public.check_constraints_at_once() to thendo_engine;

--- function public.check_deposit()
CREATE OR REPLACE FUNCTION public.check_deposit()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    currency_of_order constant text := (select o.currency from public.orders o where o.id = new.order_id);
begin
    if new.currency <> currency_of_order then
        raise check_violation using message = format('a deposit in %s on an order in %s', new.currency, currency_of_order),
            hint = 'A deposit is in the currency of its order.';
    end if;
    if new.status = 'paid' then
        new.paid_at := coalesce(new.paid_at, clock_timestamp());
    end if;
    return new;
end
$function$;

--- comment-on-function public.check_deposit()
comment on function public.check_deposit() is 'Before-write trigger of deposits: the order''s currency; stamps paid_at.';

--- grants-on-function public.check_deposit()
revoke all on function public.check_deposit() from public, anon, authenticated, service_role;

--- function public.checking_is_the_owners()
CREATE OR REPLACE FUNCTION public.checking_is_the_owners()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if not pg_has_role((select c.relowner from pg_class c where c.oid = tg_relid), 'usage') then
        raise insufficient_privilege using message = format('%I may not say what was found of a workflow', current_user),
            hint = 'leave thendo.checking alone: put_in_force() and mark_checked() set it';
    end if;
    return new;
end
$function$;

--- comment-on-function public.checking_is_the_owners()
comment on function public.checking_is_the_owners() is 'Before-update trigger of workflows: what was found of one is written by functions of the owner alone.';

--- grants-on-function public.checking_is_the_owners()
revoke all on function public.checking_is_the_owners() from public, anon, authenticated, service_role;

--- function public.claim_customer()
CREATE OR REPLACE FUNCTION public.claim_customer()
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    account constant uuid := auth.uid();
    address constant text := public.verified_email();
begin
    if public.current_customer_id() is not null then
        return public.current_customer_id();
    end if;
    if address is null then
        raise insufficient_privilege using message = 'this account has no verified address',
            hint = 'have the address confirmed first: a customer belongs to whoever owns it';
    end if;
    insert into public.customers (user_id, email) values (account, address) on conflict do nothing;
    update public.customers c set user_id = account where lower(c.email) = address and c.user_id is null;
    return public.current_customer_id();
end
$function$;

--- comment-on-function public.claim_customer()
comment on function public.claim_customer() is 'The customer of the request''s account, linked or made by its verified address; null if that is another account''s.';

--- grants-on-function public.claim_customer()
revoke all on function public.claim_customer() from public, anon, authenticated, service_role;
grant execute on function public.claim_customer() to authenticated;

--- function public.create_project_order(uuid, integer)
CREATE OR REPLACE FUNCTION public.create_project_order(customer_id uuid, amount integer)
 RETURNS TABLE(order_id uuid, deposit_amount integer)
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    with placed as (
        insert into public.orders (customer_id, total, status) values ($1, $2, 'pending') returning id, currency
    ), asked as (
        insert into public.deposits (order_id, amount, currency, due_date)
        select placed.id, $2 - $2 / 2, placed.currency, now() + interval '7 days' from placed
        returning deposits.order_id, deposits.amount
    )
    select asked.order_id, asked.amount::integer from asked
$function$;

--- comment-on-function public.create_project_order(uuid, integer)
comment on function public.create_project_order(uuid, integer) is 'Places an order over amount (minor units) and asks for half of it, rounded up, within 7 days.';

--- grants-on-function public.create_project_order(uuid, integer)
revoke all on function public.create_project_order(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function public.create_project_order(uuid, integer) to authenticated;
grant execute on function public.create_project_order(uuid, integer) to service_role;

--- function public.create_subscription(uuid, text, text, text, timestamp with time zone, timestamp with time zone, bigint, text, timestamp with time zone)
CREATE OR REPLACE FUNCTION public.create_subscription(customer_id uuid, plan text, stripe_subscription_id text DEFAULT NULL::text, status text DEFAULT NULL::text, current_period_start timestamp with time zone DEFAULT NULL::timestamp with time zone, current_period_end timestamp with time zone DEFAULT NULL::timestamp with time zone, amount bigint DEFAULT NULL::bigint, currency text DEFAULT NULL::text, stripe_event_at timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    insert into public.subscriptions as s
        (customer_id, plan, stripe_subscription_id, status, current_period_start, current_period_end, amount, currency, stripe_event_at)
    values ($1, $2, $3, coalesce($4, 'active'), $5, $6, $7, coalesce($8, 'EUR'), $9)
    on conflict (stripe_subscription_id) do update
       set plan = $2, status = coalesce($4, s.status), current_period_start = coalesce($5, s.current_period_start),
           current_period_end = coalesce($6, s.current_period_end), amount = coalesce($7, s.amount),
           currency = coalesce($8, s.currency), stripe_event_at = coalesce($9, s.stripe_event_at)
     -- What Stripe told earlier and what comes later changes nothing.
     where s.customer_id = $1 and ($9 is null or s.stripe_event_at is null or $9 >= s.stripe_event_at)
    returning s.id
$function$;

--- comment-on-function public.create_subscription(uuid, text, text, text, timestamp with time zone, timestamp with time zone, bigint, text, timestamp with time zone)
comment on function public.create_subscription(uuid, text, text, text, timestamp with time zone, timestamp with time zone, bigint, text, timestamp with time zone) is 'Makes a subscription, or brings the one with that Stripe id up to date with what is told; null if that is another customer''s, or a later event of Stripe was told already.';

--- grants-on-function public.create_subscription(uuid, text, text, text, timestamp with time zone, timestamp with time zone, bigint, text, timestamp with time zone)
revoke all on function public.create_subscription(uuid, text, text, text, timestamp with time zone, timestamp with time zone, bigint, text, timestamp with time zone) from public, anon, authenticated, service_role;
grant execute on function public.create_subscription(uuid, text, text, text, timestamp with time zone, timestamp with time zone, bigint, text, timestamp with time zone) to service_role;

--- function public.current_customer_id()
CREATE OR REPLACE FUNCTION public.current_customer_id()
 RETURNS uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select c.id from public.customers c where c.user_id = (select auth.uid())
$function$;

--- comment-on-function public.current_customer_id()
comment on function public.current_customer_id() is 'The customer of the request''s account; null without one.';

--- grants-on-function public.current_customer_id()
revoke all on function public.current_customer_id() from public, anon, authenticated, service_role;
grant execute on function public.current_customer_id() to authenticated;
grant execute on function public.current_customer_id() to service_role;

--- function public.customer_of_medusa(text, text)
CREATE OR REPLACE FUNCTION public.customer_of_medusa(medusa_id text, address text)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    theirs public.customer;
    ours uuid;
    known_address text;
begin
    select c.id into ours from public.customers c where c.medusa_customer_id = medusa_id;
    if found then
        return ours;
    end if;
    select t.* into theirs from public.customer t where t.id = medusa_id;
    -- Someone without any address can't be mailed, but can order.
    known_address := lower(coalesce(nullif(address, ''), nullif(theirs.email, '')));
    if known_address is null or length(known_address) not between 3 and 320 then
        known_address := coalesce(medusa_id, gen_random_uuid()::text) || '@without-address.invalid';
    end if;
    insert into public.customers (email, name, phone, medusa_customer_id)
    select known_address, nullif(concat_ws(' ', theirs.first_name, theirs.last_name), ''), theirs.phone, medusa_id
     where not exists (select from public.customers c where lower(c.email) = known_address)
        on conflict do nothing;
    update public.customers c set medusa_customer_id = medusa_id
     where c.id = (select k.id from public.customers k where lower(k.email) = known_address and medusa_id is not null
                      and k.medusa_customer_id is null order by k.created_at limit 1)
       and not exists (select from public.customers k where k.medusa_customer_id = medusa_id);
    select c.id into ours from public.customers c
     where c.medusa_customer_id = medusa_id or lower(c.email) = known_address
     order by c.medusa_customer_id is not distinct from medusa_id desc, c.created_at limit 1;
    return ours;
end
$function$;

--- comment-on-function public.customer_of_medusa(text, text)
comment on function public.customer_of_medusa(text, text) is 'The shop''s customer for one of Medusa''s; made if there is none.';

--- grants-on-function public.customer_of_medusa(text, text)
revoke all on function public.customer_of_medusa(text, text) from public, anon, authenticated, service_role;

--- function public.customer_of_stripe(text, text)
CREATE OR REPLACE FUNCTION public.customer_of_stripe(of_stripe_customer text, told_id text)
 RETURNS uuid
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select coalesce(
        (select c.id from public.customers c where c.id::text = lower(told_id)),
        (select s.customer_id from public.stripe_customers s where s.stripe_customer_id = of_stripe_customer),
        (select o.customer_id from public.stripe_objects o where o.id = of_stripe_customer and o.kind = 'customer'))
$function$;

--- comment-on-function public.customer_of_stripe(text, text)
comment on function public.customer_of_stripe(text, text) is 'The shop''s customer for Stripe''s; null if none is known.';

--- grants-on-function public.customer_of_stripe(text, text)
revoke all on function public.customer_of_stripe(text, text) from public, anon, authenticated, service_role;

--- function public.customers_at(text)
CREATE OR REPLACE FUNCTION public.customers_at(address text)
 RETURNS SETOF uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select c.id from public.customers c where lower(c.email) = lower(btrim(address)) order by c.created_at, c.id limit 100
$function$;

--- comment-on-function public.customers_at(text)
comment on function public.customers_at(text) is 'Customers with this address, however it is capitalised.';

--- grants-on-function public.customers_at(text)
revoke all on function public.customers_at(text) from public, anon, authenticated, service_role;
grant execute on function public.customers_at(text) to thendo_api;

--- function public.decrypted(bytea, text)
CREATE OR REPLACE FUNCTION public.decrypted(secret bytea, key text)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    return extensions.pgp_sym_decrypt(secret, key);
end
$function$;

--- comment-on-function public.decrypted(bytea, text)
comment on function public.decrypted(bytea, text) is 'The reverse of encrypted(); an error with another key.';

--- grants-on-function public.decrypted(bytea, text)
revoke all on function public.decrypted(bytea, text) from public, anon, authenticated, service_role;
grant execute on function public.decrypted(bytea, text) to authenticated;
grant execute on function public.decrypted(bytea, text) to service_role;

--- function public.delete_expired(text, interval, integer)
CREATE OR REPLACE FUNCTION public.delete_expired(from_table text, keep interval, most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    expired constant timestamptz := clock_timestamp() - keep;
    needed timestamptz;
    deleted integer;
    of_campaigns integer := 0;
begin
    case from_table
    when 'workflow_events' then
        needed := least(expired, public.events_needed_since());
        delete from public.workflow_events_default e where e.ctid = any (array(
            select d.ctid from public.workflow_events_default d where d.at < needed order by d.at limit most for update skip locked));
    when 'workflow_executions' then
        delete from public.workflow_executions_default x where x.ctid = any (array(
            select d.ctid from public.workflow_executions_default d where d.event_at < expired and d.finished_at < expired
             order by d.event_at limit most for update skip locked));
    when 'workflow_deliveries' then
        delete from public.workflow_deliveries g where g.ctid = any (array(
            select d.ctid from public.workflow_deliveries d
             where d.id < (lpad(to_hex(greatest(0, extract(epoch from expired) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
               and d.finished_at < expired
               -- One that rests may still ask what became of it, and who tries a failed one again must not send again what
               -- was sent. Ids of all attempts and of what they sent begin with the time of their event.
               and not exists (select from public.workflow_waiting w where w.id
                   between (left(d.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(d.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
               and not exists (select from public.workflow_dead_letters l where l.id
                   between (left(d.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(d.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
             order by d.id limit most for update skip locked));
        get diagnostics deleted = row_count;
        if deleted < most then
            -- Those of campaigns, which no execution asks for.
            delete from public.workflow_deliveries g where g.ctid = any (array(
                select d.ctid from public.workflow_deliveries d where d.execution_id = d.workflow_id and d.finished_at < expired
                 order by d.finished_at limit most - deleted for update skip locked));
            get diagnostics of_campaigns = row_count;
        end if;
        return deleted + of_campaigns;
    when 'workflow_dead_letters' then
        delete from public.workflow_dead_letters g where g.ctid = any (array(
            select l.ctid from public.workflow_dead_letters l where l.failed_at < expired
             order by l.failed_at limit most for update skip locked));
    when 'workflow_effects' then
        delete from public.workflow_effects g where g.ctid = any (array(
            select f.ctid from public.workflow_effects f where f.done_at < expired
               and not exists (select from public.workflow_waiting w where w.id
                   between (left(f.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(f.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
               and not exists (select from public.workflow_dead_letters l where l.id
                   between (left(f.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(f.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
             order by f.done_at limit most for update skip locked));
    when 'marketing_mails' then
        delete from public.marketing_mails g where g.ctid = any (array(
            select m.ctid from public.marketing_mails m where expired > all (m.sent_at) limit most for update skip locked));
    when 'stripe_objects' then
        delete from public.stripe_objects g where g.ctid = any (array(
            select o.ctid from public.stripe_objects o where o.kind = 'unread' and o.created_at < expired limit most for update skip locked));
    end case;
    get diagnostics deleted = row_count;
    return deleted;
end
$function$;

--- comment-on-function public.delete_expired(text, interval, integer)
comment on function public.delete_expired(text, interval, integer) is 'Deletes some of what is older than this from workflow_events or workflow_executions (their default partitions), workflow_deliveries (those that are finished), workflow_dead_letters, workflow_effects, marketing_mails or stripe_objects (those that could not be read); how many. For the daemon.';

--- grants-on-function public.delete_expired(text, interval, integer)
revoke all on function public.delete_expired(text, interval, integer) from public, anon, authenticated, service_role;
grant execute on function public.delete_expired(text, interval, integer) to thendo_engine;

--- function public.detach_events()
CREATE OR REPLACE FUNCTION public.detach_events()
 RETURNS integer
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    with detached as (update public.event_tables set attached = false where attached returning table_name)
    select count(*)::integer from detached
    where to_regclass(format('public.%I', table_name)) is not null
$function$;

--- comment-on-function public.detach_events()
comment on function public.detach_events() is 'Removes the triggers that record events and keeps the settings, for attach_events(); of how many tables.';

--- grants-on-function public.detach_events()
revoke all on function public.detach_events() from public, anon, authenticated, service_role;

--- function public.detach_expired(text, interval)
CREATE OR REPLACE FUNCTION public.detach_expired(parent text, keep interval)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '200ms'
AS $function$
declare
    expired constant timestamptz := case parent
        when 'workflow_events' then least(clock_timestamp() - keep, public.events_needed_since())
        when 'workflow_executions' then clock_timestamp() - keep end;
    child text;
begin
    select c.relname into child
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = to_regclass('public.' || parent) and c.relname ~ ('^' || parent || '_[0-9]{4}_[0-9]{2}$')
       and (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') at time zone 'UTC' <= expired
     order by c.relname limit 1;
    if child is null then
        return null;
    end if;
    begin
        execute format('lock table only public.%I in access exclusive mode', parent);
        execute format('alter table public.%I detach partition public.%I', parent, child);
        execute format('alter table public.%I rename to %I', child, child || '_detached');
    exception when lock_not_available then
        return ''; -- Writers behind it would wait in vain: another time.
    end;
    return child;
end
$function$;

--- comment-on-function public.detach_expired(text, interval)
comment on function public.detach_expired(text, interval) is 'Detaches the oldest month that is wholly older than this: its name; empty if its table is in use; null if there is none. For the daemon.';

--- grants-on-function public.detach_expired(text, interval)
revoke all on function public.detach_expired(text, interval) from public, anon, authenticated, service_role;
grant execute on function public.detach_expired(text, interval) to thendo_engine;

--- function public.detach_medusa()
CREATE OR REPLACE FUNCTION public.detach_medusa()
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    attached record;
    removed integer := 0;
begin
    for attached in select t.tgname, t.tgrelid::regclass as source from pg_catalog.pg_trigger t
                     where t.tgname like 'mirror\_medusa\_%' and not t.tgisinternal loop
        execute format('drop trigger %I on %s', attached.tgname, attached.source);
        removed := removed + 1;
    end loop;
    return removed;
end
$function$;

--- comment-on-function public.detach_medusa()
comment on function public.detach_medusa() is 'Removes the mirrors from Medusa''s tables; how many triggers that were.';

--- grants-on-function public.detach_medusa()
revoke all on function public.detach_medusa() from public, anon, authenticated, service_role;

--- function public.drop_detached()
CREATE OR REPLACE FUNCTION public.drop_detached()
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '200ms'
AS $function$
declare
    gone text;
begin
    select c.relname into gone from pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and not c.relispartition
       and c.relname ~ '^workflow_(events|executions)_[0-9]{4}_[0-9]{2}_detached$'
     order by c.relname limit 1;
    if gone is not null then
        execute format('drop table public.%I', gone);
    end if;
    return gone;
exception when lock_not_available or undefined_table then
    return null; -- Somebody reads it, or another daemon was first.
end
$function$;

--- comment-on-function public.drop_detached()
comment on function public.drop_detached() is 'Drops a month that was detached: its name; null if there is none, or it is in use. For the daemon.';

--- grants-on-function public.drop_detached()
revoke all on function public.drop_detached() from public, anon, authenticated, service_role;
grant execute on function public.drop_detached() to thendo_engine;

--- function public.encrypted(text, text)
CREATE OR REPLACE FUNCTION public.encrypted(secret text, key text)
 RETURNS bytea
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    return extensions.pgp_sym_encrypt(secret, key, 'cipher-algo=aes256');
end
$function$;

--- comment-on-function public.encrypted(text, text)
comment on function public.encrypted(text, text) is 'By pgp_sym_encrypt, AES-256. Called by functions only: a parameter may be logged.';

--- grants-on-function public.encrypted(text, text)
revoke all on function public.encrypted(text, text) from public, anon, authenticated, service_role;
grant execute on function public.encrypted(text, text) to authenticated;
grant execute on function public.encrypted(text, text) to service_role;

--- function public.erase_customer(uuid, text)
CREATE OR REPLACE FUNCTION public.erase_customer(of_customer uuid DEFAULT NULL::uuid, address text DEFAULT NULL::text)
 RETURNS TABLE(what text, row_count bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    p record;
    events uuid[];
    began timestamptz;
begin
    -- 1952998511 is 'thdo'; 4 erasing: two at once would wait for each other's lanes; 64 to 127 are the lanes.
    perform pg_advisory_xact_lock(1952998511, 4);
    p := public.read_person(public.find_person(of_customer, address));
    if exists (select from public.user_roles r where r.user_id = any (p.accounts) and r.role = 'admin') then
        raise object_not_in_prerequisite_state using message = 'this person is an admin',
            hint = 'take that role away first: delete the row of user_roles';
    end if;
    -- No batch works on this person's lanes meanwhile; what one did before is found by the second look.
    perform pg_advisory_xact_lock(1952998511, 64 + lane) from (
        select distinct l.lane from (
            select (hashtextextended(e.entity, 0) & 63)::integer as lane
              from public.events_of_person(p.row_ids, p.view_ids, p.addresses, '-infinity') e
            union select (hashtextextended(p.customer::text, 0) & 63)::integer where p.customer is not null
            union select w.lane from public.workflow_waiting w where public.holds(w.state::text, p.pieces)
            union select d.lane from public.workflow_deliveries d where public.holds(d.payload::text, p.pieces)) l
         order by l.lane) lanes;
    perform from public.customers c where c.id = p.customer for no key update;
    p := public.read_person(public.find_person(of_customer, address));
    began := clock_timestamp();
    events := array(select e.id from public.events_of_person(p.row_ids, p.view_ids, p.addresses, '-infinity') e);

    return query select t.what, t.row_count from public.erase_traces(to_jsonb(p), events) t;
    return query select t.what, t.row_count from public.erase_rows(to_jsonb(p)) t;
    return query select t.what, t.row_count from public.erase_in_medusa(to_jsonb(p)) t;

    -- They stay unmailed, and nameless.
    insert into public.suppressions (address_hash, reason)
    select sha256(convert_to(a, 'UTF8')), 'erased' from unnest(p.addresses) a where a not like '%\%40%'
        on conflict (address_hash) do update set email = null, detail = null;
    update public.customers c
       set email = c.id || '@erased.invalid', name = null, phone = null, preferences = '{}', user_id = null,
           medusa_customer_id = null, referred_by = null, locale = 'en'
     where c.id = p.customer;
    return query with gone as (delete from auth.users u where u.id = any (p.accounts) returning 1)
        select 'accounts', count(*) from gone;

    -- Last, because what was done above was recorded too.
    events := events || array(
        select e.id from public.events_of_person(p.row_ids, p.view_ids, p.addresses, least(began, now())) e);
    delete from public.workflow_queue q where q.event_id = any (events);
    return query with gone as (delete from public.workflow_events e where e.id = any (events) returning 1)
        select 'events', count(*) from gone;
    -- Where rows of others name this person, the event stays theirs.
    update public.workflow_events e
       set row_data = public.without_person(e.row_data, p.accounts, p.addresses),
           old_data = public.without_person(e.old_data, p.accounts, p.addresses)
     where public.holds(e.row_data::text || coalesce(e.old_data::text, ''), p.pieces || p.accounts::text[]);
end
$function$;

--- comment-on-function public.erase_customer(uuid, text)
comment on function public.erase_customer(uuid, text) is 'Removes a person''s data everywhere and makes the customer nameless: what was done, with counts. For `thendo customer erase`.';

--- grants-on-function public.erase_customer(uuid, text)
revoke all on function public.erase_customer(uuid, text) from public, anon, authenticated, service_role;
grant execute on function public.erase_customer(uuid, text) to thendo_api;

--- function public.erase_in_medusa(jsonb)
CREATE OR REPLACE FUNCTION public.erase_in_medusa(person jsonb)
 RETURNS TABLE(what text, row_count bigint)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    p record;
    door record;
    done bigint;
    nameless constant text := 'company = null, first_name = null, last_name = null, address_1 = null, address_2 = null, city = null,
        province = null, postal_code = null, phone = null, metadata = null';
begin
    p := public.read_person(person);
    -- Before the carts and orders that lead to them. $1 Medusa's customers, $2 addresses, $3 orders.
    for door in select t.source, t.what, t.statement from (values
        ('order_address', 'addresses of orders in Medusa, emptied', 'update public.order_address a set ' || nameless ||
            ' where num_nonnulls(a.first_name, a.last_name, a.company, a.address_1, a.address_2, a.city, a.phone, a.metadata) > 0
                and (a.customer_id = any ($1) or a.id in (select unnest(array[o ->> ''shipping_address_id'', o ->> ''billing_address_id''])
               from (select to_jsonb(k) as o from public."order" k where k.id = any ($3)) orders))'),
        ('cart_address', 'addresses of carts in Medusa, emptied', 'update public.cart_address a set ' || nameless ||
            ' where num_nonnulls(a.first_name, a.last_name, a.company, a.address_1, a.address_2, a.city, a.phone, a.metadata) > 0
                and (a.customer_id = any ($1) or a.id in (select unnest(array[c ->> ''shipping_address_id'', c ->> ''billing_address_id''])
               from (select to_jsonb(k) as c from public.cart k where k.customer_id = any ($1) or lower(k.email) = any ($2)) carts))'),
        ('customer_address', 'addresses of customers in Medusa', 'delete from public.customer_address a where a.customer_id = any ($1)'),
        ('order_payment_collection', 'payments in Medusa, without their provider''s data', 'update public.payment y set data = null, metadata = null
            where num_nonnulls(y.data, y.metadata) > 0 and y.payment_collection_id in (select l.payment_collection_id from public.order_payment_collection l where l.order_id = any ($3))'),
        ('provider_identity', 'sign-ins of Medusa', 'delete from public.provider_identity i where lower(i.entity_id) = any ($2)'),
        ('notification', 'notifications of Medusa', 'delete from public.notification n where lower(n."to") = any ($2)'),
        ('payment', 'payments in Medusa, without their provider''s data', 'update public.payment y set data = null, metadata = null
            where public.mentions(y.data, $2) or public.mentions(y.metadata, $2) or y.data ->> ''customer'' = any ($1)'),
        ('customer', 'customers of Medusa, made nameless', 'update public.customer c set email = c.id || ''@erased.invalid'', first_name = null,
            last_name = null, company_name = null, phone = null, metadata = null where c.id = any ($1)'),
        ('order', 'orders of Medusa, made nameless', 'update public."order" o set email = null, metadata = null where o.id = any ($3)
            and num_nonnulls(o.email, o.metadata) > 0'),
        ('cart', 'carts of Medusa', 'delete from public.cart c where c.customer_id = any ($1) or lower(c.email) = any ($2)')
        ) as t (source, what, statement)
    loop
        continue when to_regclass(format('public.%I', door.source)) is null;
        execute door.statement using p.medusa, p.addresses, p.orders;
        get diagnostics done = row_count;
        what := door.what;
        row_count := done;
        return next;
    end loop;
end
$function$;

--- comment-on-function public.erase_in_medusa(jsonb)
comment on function public.erase_in_medusa(jsonb) is 'Of erase_customer(): Medusa''s tables, as far as they are there.';

--- grants-on-function public.erase_in_medusa(jsonb)
revoke all on function public.erase_in_medusa(jsonb) from public, anon, authenticated, service_role;

--- function public.erase_rows(jsonb)
CREATE OR REPLACE FUNCTION public.erase_rows(person jsonb)
 RETURNS TABLE(what text, row_count bigint)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    p record;
begin
    p := public.read_person(person);
    return query with gone as (delete from public.saved_addresses a where a.user_id = any (p.accounts) returning 1)
        select 'saved addresses', count(*) from gone;
    return query with gone as (delete from public.google_calendar_tokens t where t.user_id = any (p.accounts) returning 1)
        select 'calendar tokens', count(*) from gone;
    return query with gone as (delete from public.waitlist_campaign_recipients r
            where r.customer_id = p.customer or lower(r.email) = any (p.addresses) returning 1)
        select 'campaign mails', count(*) from gone;
    return query with gone as (delete from public.product_waitlist w
            where w.customer_id = p.customer or lower(w.email) = any (p.addresses) returning 1)
        select 'places on waitlists', count(*) from gone;
    return query with gone as (delete from public.subscribers s
            where s.customer_id = p.customer or lower(s.email) = any (p.addresses) returning 1)
        select 'subscriptions by mail', count(*) from gone;
    return query with gone as (delete from public.consents s
            where s.customer_id = p.customer or lower(s.email) = any (p.addresses) returning 1)
        select 'consents', count(*) from gone;
    return query with gone as (delete from public.reviews r where r.customer_id = p.customer returning 1)
        select 'reviews', count(*) from gone;
    return query with gone as (delete from public.project_comments n
            where n.user_id = any (p.accounts) or n.order_id::text = any (p.orders) returning 1)
        select 'project comments', count(*) from gone;
    return query with gone as (delete from public.customer_tags t where t.customer_id = p.customer returning 1)
        select 'tags', count(*) from gone;
    return query with gone as (delete from public.referral_codes r where r.customer_id = p.customer returning 1)
        select 'referral codes', count(*) from gone;
    return query with gone as (delete from public.enrollments n where n.customer_id = p.customer returning 1)
        select 'enrollments', count(*) from gone;
    return query with gone as (delete from public.stripe_objects o
            where o.customer_id = p.customer or lower(o.email) = any (p.addresses)
               or (o.kind = 'unread' and public.mentions(o.events, p.addresses))
               or o.stripe_customer in (select s.stripe_customer_id from public.stripe_customers s where s.customer_id = p.customer)
               or o.stripe_customer in (select k.id from public.stripe_objects k
                                         where k.kind = 'customer' and (k.customer_id = p.customer or lower(k.email) = any (p.addresses)))
            returning 1)
        select 'what Stripe told', count(*) from gone;
    return query with gone as (delete from public.stripe_customers s where s.customer_id = p.customer returning 1)
        select 'Stripe references', count(*) from gone;
    return query with gone as (update public.page_views v set user_id = null, visitor = null, user_agent = null, referrer = null
            where v.id::text = any (p.view_ids) returning 1)
        select 'page views, made nameless', count(*) from gone;
    return query with gone as (update public.orders o set note = null where o.customer_id = p.customer and o.note is not null returning 1)
        select 'notes on orders', count(*) from gone;
    return query with gone as (update public.quotes q set title = '(erased)', description = null
            where q.customer_id = p.customer and (q.title, q.description) is distinct from ('(erased)', null) returning 1)
        select 'quotes, without their words', count(*) from gone;
    return query with gone as (update public.loyalty_ledger l set reason = '(erased)'
            where l.customer_id = p.customer and (public.mentions(l.reason, p.addresses)
               or (length(p.name) > 2 and position(lower(p.name) in lower(l.reason)) > 0)) returning 1)
        select 'reasons in the ledger', count(*) from gone;
end
$function$;

--- comment-on-function public.erase_rows(jsonb)
comment on function public.erase_rows(jsonb) is 'Of erase_customer(): the person''s rows in the shop''s tables.';

--- grants-on-function public.erase_rows(jsonb)
revoke all on function public.erase_rows(jsonb) from public, anon, authenticated, service_role;

--- function public.erase_traces(jsonb, uuid[])
CREATE OR REPLACE FUNCTION public.erase_traces(person jsonb, events uuid[])
 RETURNS TABLE(what text, row_count bigint)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    p record;
    executions uuid[];
    quoted text[];
begin
    p := public.read_person(person);
    -- As JSON has them: with their quotes, so that one is no part of another.
    quoted := array(select lower(to_jsonb(k)::text) from unnest(p.row_ids) k);
    executions := array(
        select x.id from public.workflow_executions x
         where x.event_id = any (events) or public.holds(x.steps::text, quoted)
            or (public.holds(x.steps::text || coalesce(x.error, ''), p.pieces)
                and (public.mentions(x.steps, p.addresses) or coalesce(public.mentions(x.error, p.addresses), false)))
        union select w.id from public.workflow_waiting w
         where w.event_id = any (events)
            or (public.holds(w.state::text, p.pieces) and public.mentions(w.state, p.addresses)));
    return query with gone as (delete from public.workflow_deliveries d where d.execution_id = any (executions)
            or (public.holds(d.payload::text || coalesce(d.result::text, ''), p.pieces)
                and (public.mentions(d.payload, p.addresses) or coalesce(public.mentions(d.result, p.addresses), false))) returning 1)
        select 'mails and requests', count(*) from gone;
    return query with gone as (delete from public.workflow_waiting w where w.id = any (executions) returning 1)
        select 'waiting executions', count(*) from gone;
    return query with gone as (delete from public.workflow_dead_letters l
            where l.id = any (executions) or l.event_id = any (events)
               or (public.holds(l.state::text || l.reason, p.pieces)
                   and (public.mentions(l.state, p.addresses) or public.mentions(l.reason, p.addresses))) returning 1)
        select 'failed executions that could be tried again', count(*) from gone;
    return query with gone as (delete from public.workflow_queue q
            where q.event_id = any (events) or q.execution_id = any (executions) returning 1)
        select 'queued rows', count(*) from gone;
    return query with gone as (update public.workflow_executions x set steps = '[]', error = null
            where x.id = any (executions) and (x.steps <> '[]' or x.error is not null) returning 1)
        select 'traces of executions, emptied', count(*) from gone;
    -- What was tried of workflows quotes what they would have done, and goes on to; it can be asked for again.
    return query with gone as (update public.workflow_backtests b
               set outcome = null, drawings = null, error = 'it is gone with a person who was removed',
                   status = case when b.status in ('queued', 'running') then 'cancelled' else b.status end,
                   ended_at = coalesce(b.ended_at, clock_timestamp())
             where b.status in ('queued', 'running') or public.holds(coalesce(b.outcome::text, ''), quoted)
                or (public.holds(coalesce(b.outcome::text, '') || coalesce(b.error, ''), p.pieces)
                    and (coalesce(public.mentions(b.outcome, p.addresses), false)
                         or coalesce(public.mentions(b.error, p.addresses), false))) returning 1)
        select 'outcomes of backtests, emptied', count(*) from gone;
    update public.workflow_effects f set result = null where f.execution_id = any (executions);
    -- They have no foreign keys that would do it.
    update public.workflow_executions x set created_by = null where x.created_by = any (p.accounts);
    update public.workflow_versions v set created_by = null where v.created_by = any (p.accounts);
end
$function$;

--- comment-on-function public.erase_traces(jsonb, uuid[])
comment on function public.erase_traces(jsonb, uuid[]) is 'Of erase_customer(): what the engine wrote down.';

--- grants-on-function public.erase_traces(jsonb, uuid[])
revoke all on function public.erase_traces(jsonb, uuid[]) from public, anon, authenticated, service_role;

--- function public.event_table_written()
CREATE OR REPLACE FUNCTION public.event_table_written()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if tg_op = 'DELETE' or (tg_op = 'UPDATE' and new.table_name <> old.table_name) then
        old.attached := false;
        perform public.put_event_triggers(old);
    end if;
    if tg_op <> 'DELETE' then
        perform public.put_event_triggers(new);
    end if;
    return null;
end
$function$;

--- comment-on-function public.event_table_written()
comment on function public.event_table_written() is 'After-write trigger of event_tables: puts the row into effect.';

--- grants-on-function public.event_table_written()
revoke all on function public.event_table_written() from public, anon, authenticated, service_role;

--- function public.events_needed_since()
CREATE OR REPLACE FUNCTION public.events_needed_since()
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select coalesce(min(q.event_at), 'infinity') from public.workflow_queue q
$function$;

--- comment-on-function public.events_needed_since()
comment on function public.events_needed_since() is 'No event from this instant on may be deleted. Executions that rest have their event with them.';

--- grants-on-function public.events_needed_since()
revoke all on function public.events_needed_since() from public, anon, authenticated, service_role;

--- function public.events_of_person(text[], text[], text[], timestamp with time zone)
CREATE OR REPLACE FUNCTION public.events_of_person(row_ids text[], view_ids text[], addresses text[], since timestamp with time zone)
 RETURNS TABLE(at timestamp with time zone, id uuid, entity text)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select e.at, e.id, e.entity from public.workflow_events e
     where e.at >= since
       and (e.entity = any (row_ids) or e.row_data ->> 'id' = any (row_ids) or e.row_data ->> 'customer_id' = any (row_ids)
            or e.row_data ->> 'user_id' = any (row_ids) or e.row_data ->> 'order_id' = any (row_ids)
            or e.row_data ->> 'recipient_id' = any (row_ids) or e.row_data ->> 'waitlist_id' = any (row_ids)
            or (e.table_name = 'page_views' and e.row_data ->> 'id' = any (view_ids))
            or lower(e.row_data ->> 'email') = any (addresses) or lower(e.old_data ->> 'email') = any (addresses))
$function$;

--- comment-on-function public.events_of_person(text[], text[], text[], timestamp with time zone)
comment on function public.events_of_person(text[], text[], text[], timestamp with time zone) is 'Events of a person''s rows.';

--- grants-on-function public.events_of_person(text[], text[], text[], timestamp with time zone)
revoke all on function public.events_of_person(text[], text[], text[], timestamp with time zone) from public, anon, authenticated, service_role;

--- function public.expire_points(integer)
CREATE OR REPLACE FUNCTION public.expire_points(most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '300ms'
AS $function$
declare
    moment constant timestamptz := clock_timestamp();
    due uuid[];
    each_customer uuid;
    line record;
    lots uuid[];
    ends timestamptz[];
    left_of bigint[];
    to_take bigint;
    nth integer;
    lost bigint;
    next_one timestamptz;
begin
    if current_user <> 'thendo_engine' then
        raise insufficient_privilege using message = 'expire_points() is the daemon''s: for others keep_balances() would count twice';
    end if;
    select array_agg(found.customer_id) into due from (
        select p.customer_id from public.loyalty_points p where p.next_expiry <= moment
         order by p.next_expiry limit most for update skip locked) found;
    foreach each_customer in array coalesce(due, '{}') loop
        lots := '{}'; ends := '{}'; left_of := '{}'; lost := 0; next_one := null;
        for line in select l.id, l.kind, l.points, l.reverses, l.expires_at from public.loyalty_ledger l
                     where l.customer_id = each_customer order by l.created_at, l.points desc, l.id loop
            if line.points > 0 then
                -- Points that were given back don't expire.
                lots := lots || line.id; ends := ends || coalesce(line.expires_at, 'infinity'); left_of := left_of || line.points;
                continue;
            end if;
            to_take := - line.points;
            nth := array_position(lots, line.reverses);
            if nth is not null then
                left_of[nth] := left_of[nth] - least(left_of[nth], to_take);
                continue;
            end if;
            for nth in select i.n from unnest(ends) with ordinality as i (ends_at, n) order by i.ends_at, i.n loop
                exit when to_take = 0;
                continue when left_of[nth] = 0;
                declare
                    taken constant bigint := least(left_of[nth], to_take);
                begin
                    left_of[nth] := left_of[nth] - taken;
                    to_take := to_take - taken;
                end;
            end loop;
        end loop;
        for nth in 1 .. coalesce(cardinality(lots), 0) loop
            continue when left_of[nth] = 0 or ends[nth] = 'infinity';
            if ends[nth] > moment then
                next_one := least(next_one, ends[nth]);
                continue;
            end if;
            insert into public.loyalty_ledger (customer_id, kind, points, reason, reverses)
            values (each_customer, 'expired', - left_of[nth], 'points expired', lots[nth]);
            lost := lost + left_of[nth];
        end loop;
        update public.loyalty_points p set balance = p.balance - lost, next_expiry = next_one where p.customer_id = each_customer;
    end loop;
    return coalesce(cardinality(due), 0);
end
$function$;

--- comment-on-function public.expire_points(integer)
comment on function public.expire_points(integer) is 'Takes points away that have expired, from so many customers at most; of how many it looked at. For the daemon.';

--- grants-on-function public.expire_points(integer)
revoke all on function public.expire_points(integer) from public, anon, authenticated, service_role;
grant execute on function public.expire_points(integer) to thendo_engine;

--- function public.feed_campaign(uuid, integer)
CREATE OR REPLACE FUNCTION public.feed_campaign(campaign uuid, most_out integer, OUT handed integer, OUT is_out integer, OUT status text)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '300ms'
AS $function$
declare
    sending public.waitlist_campaigns;
    moment constant timestamptz := clock_timestamp();
    local_time time;
    is_quiet boolean := false;
    room bigint;
    left_over bigint;
    told bigint;
    pieces bigint;
    on_the_way bigint;
    of_ours bigint;
    has_sent boolean;
    fault text;
begin
    handed := 0;
    is_out := 0;
    select c.* into sending from public.waitlist_campaigns c where c.id = campaign for no key update skip locked;
    if not found then
        return;
    end if;
    status := sending.status;

    with ended as materialized (
        select r.id, r.waitlist_id, case when d.status is null then 'unknown' when d.status = 'cancelled' then 'queued'
                    when d.status = 'refused' and (d.result -> 'bounced')::boolean then 'bounced'
                    else d.status end as status,
               d.finished_at, d.result ->> 'reason' as reason
          from public.waitlist_campaign_recipients r
          left join lateral (select d.status, d.finished_at, d.result from public.workflow_deliveries d where d.id = r.id limit 1) d on true
         where r.campaign_id = campaign and r.status = 'sending' and coalesce(d.status, 'unknown') not in ('pending', 'sending')
    ), told as (
        update public.waitlist_campaign_recipients r
           set status = e.status, sent_at = case when e.status = 'sent' then e.finished_at end, error = e.reason
          from ended e where r.id = e.id
    )
    update public.product_waitlist w set status = 'notified' where w.id = any (array(
        select v.id from public.product_waitlist v
         where v.id = any (array(select e.waitlist_id from ended e where e.status = 'sent' and e.waitlist_id is not null)) and v.status = 'waiting'
         order by v.id for no key update));

    -- What is wrong with all of them is wrong with the campaign: it waits for a mend, and nobody has lost their mail.
    has_sent := exists (select from public.waitlist_campaign_recipients r where r.campaign_id = campaign and r.status in ('sent', 'unknown'));
    if sending.status = 'sending' and not has_sent then
        select count(*), max(first.error) into of_ours, fault from (select r.error from public.waitlist_campaign_recipients r
            where r.campaign_id = campaign and r.status = 'refused' and r.error like 'thendo refused:%' limit 20) first;
        if of_ours > 0 and (of_ours = 20 or not exists (select from public.waitlist_campaign_recipients r
                where r.campaign_id = campaign and r.status in ('queued', 'sending'))) then
            with again as (
                update public.waitlist_campaign_recipients r set status = 'queued', error = null
                 where r.campaign_id = campaign and r.status = 'refused' and r.error like 'thendo refused:%' returning r.id
            )
            delete from public.workflow_deliveries d where d.id in (select g.id from again g) and d.status = 'refused';
            update public.waitlist_campaigns c set status = 'paused', content = null, error = 'the first mails could not be made; ' || fault
             where c.id = campaign returning c.* into sending;
            status := 'paused';
        end if;
    end if;
    if sending.status = 'sending' and sending.content is null then
        -- Mended.
        update public.waitlist_campaigns c
           set content = public.campaign_content(c.subject, t), error = null
          from public.email_templates t where c.id = campaign and t.id = c.template_id returning c.* into sending;
    end if;

    if sending.quiet_hours is not null then
        local_time := (moment at time zone coalesce(sending.quiet_hours ->> 'time_zone', 'UTC'))::time;
        is_quiet := case when (sending.quiet_hours ->> 'from')::time <= (sending.quiet_hours ->> 'until')::time
            then local_time >= (sending.quiet_hours ->> 'from')::time and local_time < (sending.quiet_hours ->> 'until')::time
            else local_time >= (sending.quiet_hours ->> 'from')::time or local_time < (sending.quiet_hours ->> 'until')::time end;
    end if;
    if sending.status <> 'sending' or is_quiet then
        -- What has not begun comes back.
        with back as (
            delete from public.workflow_deliveries d
             where d.destination = 'mail' and d.workflow_id = campaign and d.status = 'pending'
               -- What was tried already keeps its count, and its place; but not of what is called off.
               and (d.attempt = 0 or sending.status in ('cancelled', 'failed'))
            returning d.id
        )
        update public.waitlist_campaign_recipients r set status = 'queued' from back b where r.id = b.id;
        update public.workflow_deliveries d set due_at = moment + interval '2 minutes'
         where d.destination = 'mail' and d.workflow_id = campaign and d.status = 'pending' and d.due_at < moment + interval '1 minute';
    end if;
    if sending.status in ('cancelled', 'failed') then
        update public.waitlist_campaign_recipients r set status = 'cancelled' where r.campaign_id = campaign and r.status = 'queued';
    end if;

    select count(*) into is_out from public.waitlist_campaign_recipients r where r.campaign_id = campaign and r.status = 'sending';
    if sending.status = 'sending' and not is_quiet then
        -- Those who are to be tried again later are in nobody's way, up to a bound.
        select (select count(*) from public.workflow_deliveries d where d.destination = 'mail' and d.workflow_id = campaign
                    and d.status = 'pending' and d.due_at <= moment)
             + (select count(*) from public.workflow_deliveries d where d.status = 'sending' and d.workflow_id = campaign)
          into on_the_way;
        room := least(most_out - on_the_way, 10 * most_out - is_out,
            floor(extract(epoch from moment - greatest(sending.next_at, moment - interval '1 second')) * sending.rate_per_minute / 60.0) + 1);
        -- The first ones show whether they can be made at all.
        if not has_sent then
            room := least(room, 20 - is_out);
        end if;
        if sending.next_at > moment then
            room := 0;
        end if;
        if sending.limit_to_stock then
            -- Looked at again before each batch: the pieces that are there, less those that who was told has not bought yet. What is
            -- missing since the start was bought.
            select coalesce(sum(greatest(0, s.available)), 0) into pieces from public.product_stock s
             where s.product_id = sending.product_id and (sending.variant_id is null or s.variant_id = sending.variant_id);
            select count(*) into told from public.waitlist_campaign_recipients r
             where r.campaign_id = campaign and r.status in ('sending', 'sent', 'unknown');
            left_over := greatest(0, pieces - (told - least(told, greatest(0, coalesce(sending.stock_at_start, 0) - pieces))));
            room := least(room, left_over);
        end if;
        if room > 0 then
            with next as materialized (
                select r.id, r.email, r.name, r.customer_id from public.waitlist_campaign_recipients r
                 where r.campaign_id = campaign and r.status = 'queued' order by r.position limit room for update skip locked
            ), moved as (
                update public.waitlist_campaign_recipients r set status = 'sending' from next n where r.id = n.id
            ), given as (
                insert into public.workflow_deliveries as d (id, execution_id, workflow_id, node_id, kind, destination, lane, payload)
                select n.id, campaign, campaign, 'campaign', 'email', 'mail', 0, jsonb_build_object('to', n.email,
                           'consent', sending.content -> 'consent', 'campaign', campaign,
                           'edition', left(md5(sending.content::text), 8), 'name', n.name,
                           'customer', (select to_jsonb(v) from (select c.id, c.email, c.name, c.locale) v))
                           || case when sending.audience ->> 'from' = 'subscribers' then '{"of_blog": true}' else '{}'::jsonb end
                  from next n left join public.customers c on c.id = n.customer_id
                -- Nobody is mailed twice; one that was called off before it was begun is taken up.
                on conflict (id) do update set status = 'pending', result = null, finished_at = null, due_at = now()
                    where d.status = 'cancelled'
            )
            select count(*) into handed from next;
            is_out := is_out + handed;
            update public.waitlist_campaigns c
               set next_at = greatest(c.next_at, moment - interval '1 second') + handed * interval '60 seconds' / c.rate_per_minute
             where c.id = campaign;
        end if;
        if is_out = 0 and (left_over = 0
             or not exists (select from public.waitlist_campaign_recipients r where r.campaign_id = campaign and r.status = 'queued')) then
            update public.waitlist_campaign_recipients r set status = 'cancelled' where r.campaign_id = campaign and r.status = 'queued';
            update public.waitlist_campaigns c set status = 'sent', error = case when found then 'there is no more stock' end where c.id = campaign;
            status := 'sent';
        end if;
    end if;
    if is_quiet and is_out = 0 then
        status := 'quiet';
    end if;
    if sending.is_settled <> (is_out = 0) then
        update public.waitlist_campaigns c set is_settled = (is_out = 0) where c.id = campaign;
    end if;
end
$function$;

--- comment-on-function public.feed_campaign(uuid, integer)
comment on function public.feed_campaign(uuid, integer) is 'Takes in what became of a campaign''s mails and hands the next ones over; how many, how many are out, and how it stands (quiet: for these hours). For the daemon.';

--- grants-on-function public.feed_campaign(uuid, integer)
revoke all on function public.feed_campaign(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function public.feed_campaign(uuid, integer) to thendo_engine;

--- function public.find_person(uuid, text)
CREATE OR REPLACE FUNCTION public.find_person(of_customer uuid, address text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    p record;
    visitors text[];
begin
    p := public.read_person('{}');
    -- An address may be a customer's too, whatever its account is linked to.
    of_customer := coalesce(of_customer, (select c.id from public.customers c where lower(c.email) = lower(btrim(address)) limit 1));
    select c.id, c.name, array_remove(array[lower(c.email), lower(btrim(address))], null), array_remove(array[c.medusa_customer_id], null)
      into p.customer, p.name, p.addresses, p.medusa from public.customers c where c.id = of_customer;
    if not found and of_customer is not null then
        raise no_data_found using message = format('no customer %s', of_customer);
    end if;
    p.addresses := coalesce(p.addresses, array[lower(btrim(address))]);
    p.accounts := array(select u.id from auth.users u where lower(u.email) = any (p.addresses)
                        union select c.user_id from public.customers c where c.id = of_customer and c.user_id is not null);
    -- Who was erased before has an address that is nobody's.
    p.addresses := array(select lower(u.email) from auth.users u where u.id = any (p.accounts) and u.email <> ''
                         union select a from unnest(p.addresses) a where a not like '%@erased.invalid' and position('@' in a) > 1);
    p.medusa := p.medusa || array(select c.id from public.customer c where lower(c.email) = any (p.addresses));
    p.orders := array(select o.id::text from public.orders o where o.customer_id = p.customer
                      union select o.medusa_order_id from public.orders o where o.customer_id = p.customer and o.medusa_order_id is not null
                      union select o.id from public."order" o where o.customer_id = any (p.medusa) or lower(o.email) = any (p.addresses));
    p.row_ids := array_remove(p.customer::text || p.accounts::text[] || p.medusa || p.orders || array(
        select d.id::text from public.deposits d where d.order_id::text = any (p.orders)
        union all select q.id::text from public.quotes q where q.customer_id = p.customer
        union all select n.id::text from public.enrollments n where n.customer_id = p.customer
        union all select s.id::text from public.subscriptions s where s.customer_id = p.customer
        union all select s.id::text from public.stripe_customers s where s.customer_id = p.customer
        union all select r.id::text from public.reviews r where r.customer_id = p.customer
        union all select r.id::text from public.referral_codes r where r.customer_id = p.customer
        union all select l.id::text from public.loyalty_ledger l where l.customer_id = p.customer
        union all select a.id::text from public.saved_addresses a where a.user_id = any (p.accounts)
        union all select t.id::text from public.google_calendar_tokens t where t.user_id = any (p.accounts)
        union all select n.id::text from public.project_comments n where n.user_id = any (p.accounts) or n.order_id::text = any (p.orders)
        union all select w.id::text from public.product_waitlist w where w.customer_id = p.customer or lower(w.email) = any (p.addresses)
        union all select r.id::text from public.waitlist_campaign_recipients r where r.customer_id = p.customer or lower(r.email) = any (p.addresses)
        union all select s.id::text from public.subscribers s where s.customer_id = p.customer or lower(s.email) = any (p.addresses)
        union all select s.id::text from public.consents s where s.customer_id = p.customer or lower(s.email) = any (p.addresses)), null);
    -- What the same browser looked at without an account is the same person's.
    visitors := array(select distinct v.visitor from public.page_views v where v.user_id = any (p.accounts) and v.visitor is not null);
    p.view_ids := array(select v.id::text from public.page_views v where v.user_id = any (p.accounts) or v.visitor = any (visitors));
    p.addresses := p.addresses || array(select replace(a, '@', '%40') from unnest(p.addresses) a);
    p.pieces := array(select substr(j, 2, length(j) - 2) from unnest(p.addresses) a, lateral (select to_jsonb(a)::text) as t(j));
    return to_jsonb(p);
end
$function$;

--- comment-on-function public.find_person(uuid, text)
comment on function public.find_person(uuid, text) is 'What belongs to a customer, to an address, or to both.';

--- grants-on-function public.find_person(uuid, text)
revoke all on function public.find_person(uuid, text) from public, anon, authenticated, service_role;

--- function public.grant_admin(uuid)
CREATE OR REPLACE FUNCTION public.grant_admin(user_id uuid)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    insert into public.user_roles (user_id, role) values ($1, 'admin') on conflict do nothing
$function$;

--- comment-on-function public.grant_admin(uuid)
comment on function public.grant_admin(uuid) is 'Makes an account an admin; one that is stays one.';

--- grants-on-function public.grant_admin(uuid)
revoke all on function public.grant_admin(uuid) from public, anon, authenticated, service_role;
grant execute on function public.grant_admin(uuid) to service_role;

--- function public.hand_on_slot()
CREATE OR REPLACE FUNCTION public.hand_on_slot()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    of_workflow constant uuid := old.workflow_id;
    -- A row leaves one key's executions, or joins those who wait for one.
    of_key text := coalesce(old.slot, old.wants_slot);
    at_once integer;
    handed bigint;
begin
    if tg_op = 'UPDATE' and of_key is null then
        of_key := new.wants_slot;
    end if;
    select f.counted into at_once from public.workflow_flow f
     where f.workflow_id = of_workflow and f.rule = 'concurrency' and f.key = of_key for update;
    with next as (
        select w.id, w.event_at from public.workflow_waiting w
         where w.workflow_id = of_workflow and w.wants_slot = of_key
         order by w.event_at, w.id
         limit (select greatest(0, coalesce(at_once, 1) - count(*)) from public.workflow_waiting h
                 where h.workflow_id = of_workflow and h.slot = of_key)
           for update skip locked
    ), handed as (
        update public.workflow_waiting w set slot = w.wants_slot, wants_slot = null
          from next where w.id = next.id
        returning w.id, w.lane, w.event_at
    )
    insert into public.workflow_queue (due_at, lane, execution_id)
    select clock_timestamp(), h.lane, h.id from handed h order by h.event_at, h.id;
    get diagnostics handed = row_count;
    -- The daemon itself looks again at once.
    if handed > 0 and current_setting('role') <> 'thendo_engine' then
        perform pg_notify('thendo_shop', '') where pg_notification_queue_usage() < 0.5;
    end if;
    return null;
end
$function$;

--- comment-on-function public.hand_on_slot()
comment on function public.hand_on_slot() is 'Trigger of workflow_waiting: hands the free slots of a key of concurrency to the executions that wait longest.';

--- grants-on-function public.hand_on_slot()
revoke all on function public.hand_on_slot() from public, anon, authenticated, service_role;

--- function public.handed_over(text)
CREATE OR REPLACE FUNCTION public.handed_over(name text)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    given text := nullif(current_setting('thendo.' || name, true), '');
begin
    if given is null then
        raise invalid_parameter_value using message = format('no %s was handed over in this transaction', replace(name, '_', ' ')),
            hint = 'copy it into public.token_handover first, in the same transaction';
    end if;
    return given;
end
$function$;

--- comment-on-function public.handed_over(text)
comment on function public.handed_over(text) is 'What was copied into token_handover in this transaction; an error if nothing was.';

--- grants-on-function public.handed_over(text)
revoke all on function public.handed_over(text) from public, anon, authenticated, service_role;
grant execute on function public.handed_over(text) to authenticated;
grant execute on function public.handed_over(text) to service_role;

--- function public.hash_suppressed()
CREATE OR REPLACE FUNCTION public.hash_suppressed()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    new.address_hash := sha256(convert_to(lower(new.email), 'UTF8'));
    return new;
end
$function$;

--- comment-on-function public.hash_suppressed()
comment on function public.hash_suppressed() is 'Before-write trigger of suppressions: the hash is the address''s.';

--- grants-on-function public.hash_suppressed()
revoke all on function public.hash_suppressed() from public, anon, authenticated, service_role;

--- function public.hidden_columns_of(oid, text[])
CREATE OR REPLACE FUNCTION public.hidden_columns_of(of_table oid, given text[])
 RETURNS text[]
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.hidden_columns_of(oid, text[])
comment on function public.hidden_columns_of(oid, text[]) is 'Columns of a table that never enter an event: tokens, secrets, ciphertext, vectors, and those given.';

--- grants-on-function public.hidden_columns_of(oid, text[])
revoke all on function public.hidden_columns_of(oid, text[]) from public, anon, authenticated, service_role;

--- function public.hold_workflow(uuid, text, text)
CREATE OR REPLACE FUNCTION public.hold_workflow(of_workflow uuid, for_reason text, by_whom text)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    insert into public.workflow_holds (workflow_id, reason, held_by) values (of_workflow, for_reason, by_whom)
        on conflict (workflow_id) do nothing;
    return found;
end
$function$;

--- comment-on-function public.hold_workflow(uuid, text, text)
comment on function public.hold_workflow(uuid, text, text) is 'Brings a workflow to a stop, all of them for all zeros; false if it is held already.';

--- grants-on-function public.hold_workflow(uuid, text, text)
revoke all on function public.hold_workflow(uuid, text, text) from public, anon, authenticated, service_role;
grant execute on function public.hold_workflow(uuid, text, text) to service_role;
grant execute on function public.hold_workflow(uuid, text, text) to thendo_engine;
grant execute on function public.hold_workflow(uuid, text, text) to thendo_api;

--- function public.holds(text, text[])
CREATE OR REPLACE FUNCTION public.holds(said text, pieces text[])
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select exists (select from unnest(pieces) p where position(p in lower(said)) > 0)
$function$;

--- comment-on-function public.holds(text, text[])
comment on function public.holds(text, text[]) is 'Whether one of the pieces (in lower case) is in the text.';

--- grants-on-function public.holds(text, text[])
revoke all on function public.holds(text, text[]) from public, anon, authenticated, service_role;

--- function public.hooks_at(text)
CREATE OR REPLACE FUNCTION public.hooks_at(at_path text)
 RETURNS TABLE(method text, verify text, secret text, ciphertext bytea, nonce bytea, key_id text)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    with hooks as (
        select distinct coalesce(t.config ->> 'method', 'POST') as method, t.config ->> 'secret' as secret,
               case when t.config ->> 'secret' is not null then coalesce(t.config ->> 'verify', 'standard') end as verify
          from public.workflow_triggers t
         where t.table_name = 'thendo.webhook' and t.config ->> 'path' = $1
    )
    select h.method, h.verify, h.secret, s.ciphertext, s.nonce, s.key_id
      from hooks h left join lateral public.use_secrets(array[h.secret]) s on true
$function$;

--- comment-on-function public.hooks_at(text)
comment on function public.hooks_at(text) is 'The webhooks in force at a path: method, how they are verified, and the encrypted secret. For the daemon''s own HTTP.';

--- grants-on-function public.hooks_at(text)
revoke all on function public.hooks_at(text) from public, anon, authenticated, service_role;
grant execute on function public.hooks_at(text) to thendo_engine;

--- function public.is_admin(uuid)
CREATE OR REPLACE FUNCTION public.is_admin(user_id uuid)
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select exists (select from public.user_roles r where r.user_id = $1 and r.role = 'admin')
       -- Who the admins are, is told to themselves and to programs.
       and ($1 = (select auth.uid()) or current_setting('role') not in ('anon', 'authenticated')
            or exists (select from public.user_roles r where r.user_id = (select auth.uid()) and r.role = 'admin'))
$function$;

--- comment-on-function public.is_admin(uuid)
comment on function public.is_admin(uuid) is 'Whether the account is an admin; for clients of others than themselves, only admins are told. In policies: (select public.is_admin((select auth.uid()))).';

--- grants-on-function public.is_admin(uuid)
revoke all on function public.is_admin(uuid) from public, anon, authenticated, service_role;
grant execute on function public.is_admin(uuid) to authenticated;
grant execute on function public.is_admin(uuid) to service_role;
grant execute on function public.is_admin(uuid) to thendo_api;

--- function public.is_recorded(jsonb, jsonb[])
CREATE OR REPLACE FUNCTION public.is_recorded(change jsonb, recorded jsonb[])
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.is_recorded(jsonb, jsonb[])
comment on function public.is_recorded(jsonb, jsonb[]) is 'Of undo_changes(): whether a change of a row is made of what was recorded of it.';

--- grants-on-function public.is_recorded(jsonb, jsonb[])
revoke all on function public.is_recorded(jsonb, jsonb[]) from public, anon, authenticated, service_role;

--- function public.keep_balances()
CREATE OR REPLACE FUNCTION public.keep_balances()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    -- In two steps: checks judge the row that is proposed, even where it would be added to one that is there, so points
    -- could never be spent. Locked in key order, as the engine does.
    insert into public.loyalty_points (customer_id)
    select distinct l.customer_id from new_lines l order by l.customer_id on conflict do nothing;
    perform from public.loyalty_points p where p.customer_id in (select l.customer_id from new_lines l)
      order by p.customer_id for no key update;
    update public.loyalty_points p
       set balance = p.balance + entered.points, next_expiry = least(p.next_expiry, entered.next_expiry)
      from (select l.customer_id, sum(l.points) as points, min(l.expires_at) as next_expiry
              from new_lines l group by l.customer_id) entered
     where p.customer_id = entered.customer_id;
    return null;
end
$function$;

--- comment-on-function public.keep_balances()
comment on function public.keep_balances() is 'After-insert trigger of loyalty_ledger: keeps loyalty_points its sum.';

--- grants-on-function public.keep_balances()
revoke all on function public.keep_balances() from public, anon, authenticated, service_role;

--- function public.keep_category_tree()
CREATE OR REPLACE FUNCTION public.keep_category_tree()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if new.parent_id is null then
        return new;
    end if;
    perform pg_advisory_xact_lock('public.product_categories'::regclass::oid::int, 0);
    if exists (
        with recursive above (id, parent_id) as (
            select c.id, c.parent_id from public.product_categories c where c.id = new.parent_id
            union select c.id, c.parent_id from public.product_categories c join above a on c.id = a.parent_id
        ) select from above a where new.id in (a.id, a.parent_id))
    then
        raise check_violation using message = format('the category %s would be below itself', new.slug),
            hint = 'Move the other one out of it first.';
    end if;
    return new;
end
$function$;

--- comment-on-function public.keep_category_tree()
comment on function public.keep_category_tree() is 'Before-write trigger of product_categories: no category is below itself.';

--- grants-on-function public.keep_category_tree()
revoke all on function public.keep_category_tree() from public, anon, authenticated, service_role;

--- function public.keep_page_content()
CREATE OR REPLACE FUNCTION public.keep_page_content()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if tg_op = 'INSERT' then
        insert into public.page_content_history (page_id, page_content_id, version, operation, section, content, status)
        select n.page_id, n.id, public.next_page_content_version(n.id), 'insert', n.section, n.content, n.status from new_rows n;
    elsif tg_op = 'UPDATE' then
        insert into public.page_content_history (page_id, page_content_id, version, operation, section, content, status)
        select n.page_id, n.id, public.next_page_content_version(n.id), 'update', n.section, n.content, n.status
          from new_rows n join old_rows o on o.id = n.id
         where (n.page_id, n.section, n.content, n.status) is distinct from (o.page_id, o.section, o.content, o.status);
    else
        -- A page that is deleted takes its sections and their history with it.
        insert into public.page_content_history (page_id, page_content_id, version, operation, section, content, status)
        select o.page_id, o.id, public.next_page_content_version(o.id), 'delete', o.section, o.content, o.status
          from old_rows o where exists (select from public.pages p where p.id = o.page_id);
    end if;
    return null;
end
$function$;

--- comment-on-function public.keep_page_content()
comment on function public.keep_page_content() is 'After-write trigger of page_content: keeps each state in page_content_history.';

--- grants-on-function public.keep_page_content()
revoke all on function public.keep_page_content() from public, anon, authenticated, service_role;

--- function public.keep_parts(uuid, integer, jsonb)
CREATE OR REPLACE FUNCTION public.keep_parts(of_workflow uuid, of_version integer, with_parts jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.keep_parts(uuid, integer, jsonb)
comment on function public.keep_parts(uuid, integer, jsonb) is 'Keeps workflow_triggers, _conditions and _actions in step with the version in force.';

--- grants-on-function public.keep_parts(uuid, integer, jsonb)
revoke all on function public.keep_parts(uuid, integer, jsonb) from public, anon, authenticated, service_role;

--- function public.keep_schedule(uuid, jsonb)
CREATE OR REPLACE FUNCTION public.keep_schedule(of_workflow uuid, with_parts jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    settings constant jsonb := (
        select coalesce(t.config, '{}') from jsonb_to_recordset(with_parts -> 'triggers') as t ("table" text, config jsonb)
        where t."table" = 'thendo.schedule' limit 1);
begin
    if settings is null then
        delete from public.workflow_schedules s where s.workflow_id = of_workflow;
        return;
    end if;
    insert into public.workflow_schedules as s (workflow_id, config, last_at, next_at)
    select of_workflow, settings, v.active_from, v.active_from
      from public.workflow_versions v where v.workflow_id = of_workflow and v.active_to is null
    on conflict (workflow_id) do update
       set config = excluded.config, next_at = excluded.next_at,
           last_at = case when s.config -> 'cron' = excluded.config -> 'cron'
                           and coalesce(s.config ->> 'time_zone', 'UTC') = coalesce(excluded.config ->> 'time_zone', 'UTC')
                          then s.last_at else excluded.last_at end
     where s.config <> excluded.config;
    -- Whoever put it in force may be gone before its first time: all daemons are to know when that is.
    if found then
        perform pg_notify('thendo_workflows', '') where pg_notification_queue_usage() < 0.5;
    end if;
end
$function$;

--- comment-on-function public.keep_schedule(uuid, jsonb)
comment on function public.keep_schedule(uuid, jsonb) is 'Keeps workflow_schedules in step with the version in force. Where the times stay the same, none is lost and none comes twice.';

--- grants-on-function public.keep_schedule(uuid, jsonb)
revoke all on function public.keep_schedule(uuid, jsonb) from public, anon, authenticated, service_role;

--- function public.keep_waitlist_order()
CREATE OR REPLACE FUNCTION public.keep_waitlist_order()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if (new.product_id, new.variant_id) is distinct from (old.product_id, old.variant_id)
       and current_user in ('anon', 'authenticated') then
        raise insufficient_privilege using message = 'a place on the waitlist is for one product',
            hint = 'Cancel this one and join the waitlist of the other product.';
    end if;
    if new.status = 'waiting' and old.status <> 'waiting' then
        new.created_at := clock_timestamp();
        new.notified_at := null;
    elsif new.status = 'notified' and old.status <> 'notified' then
        new.notified_at := coalesce(new.notified_at, clock_timestamp());
    end if;
    return new;
end
$function$;

--- comment-on-function public.keep_waitlist_order()
comment on function public.keep_waitlist_order() is 'Before-update trigger of product_waitlist: whoever waits again is last; stamps notified_at.';

--- grants-on-function public.keep_waitlist_order()
revoke all on function public.keep_waitlist_order() from public, anon, authenticated, service_role;

--- function public.key_of(jsonb, text[])
CREATE OR REPLACE FUNCTION public.key_of(whole jsonb, key_columns text[])
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select jsonb_agg(whole -> k order by n)::text from unnest(key_columns) with ordinality as c (k, n)
$function$;

--- comment-on-function public.key_of(jsonb, text[])
comment on function public.key_of(jsonb, text[]) is 'A row''s key of several columns, as a JSON array.';

--- grants-on-function public.key_of(jsonb, text[])
revoke all on function public.key_of(jsonb, text[]) from public, anon, authenticated, service_role;

--- function public.kind_of_ledger_line()
CREATE OR REPLACE FUNCTION public.kind_of_ledger_line()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    new.kind := 'redeemed';
    return new;
end
$function$;

--- comment-on-function public.kind_of_ledger_line()
comment on function public.kind_of_ledger_line() is 'Before-insert trigger of loyalty_ledger: points below zero were not earned.';

--- grants-on-function public.kind_of_ledger_line()
revoke all on function public.kind_of_ledger_line() from public, anon, authenticated, service_role;

--- function public.link_stripe_customer(uuid)
CREATE OR REPLACE FUNCTION public.link_stripe_customer(of_customer uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    first record;
begin
    select o.id, coalesce((public.stripe_latest(o.events) #>> '{state,livemode}')::boolean, true) as livemode into first
      from public.stripe_objects o
     where o.customer_id = of_customer and o.kind = 'customer'
       and public.stripe_latest(o.events) #> '{state,deleted}' is distinct from 'true'
       and not exists (select from public.stripe_customers s where s.stripe_customer_id = o.id and s.customer_id <> of_customer)
     order by (public.stripe_latest(o.events) #>> '{state,created}')::bigint, o.id limit 1;
    delete from public.stripe_customers s
     where s.customer_id = of_customer and s.stripe_customer_id is distinct from first.id
       and exists (select from public.stripe_objects o where o.id = s.stripe_customer_id);
    insert into public.stripe_customers (customer_id, stripe_customer_id, livemode)
    select of_customer, first.id, first.livemode where first.id is not null
    on conflict do nothing;
end
$function$;

--- comment-on-function public.link_stripe_customer(uuid)
comment on function public.link_stripe_customer(uuid) is 'Keeps stripe_customers in step for one of the shop''s customers.';

--- grants-on-function public.link_stripe_customer(uuid)
revoke all on function public.link_stripe_customer(uuid) from public, anon, authenticated, service_role;

--- function public.lock_publishing()
CREATE OR REPLACE FUNCTION public.lock_publishing()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    usual constant text := current_setting('lock_timeout');
    patience_ms integer := 150;
begin
    -- The daemon's own patience is short, and it comes again.
    if current_setting('role') = 'thendo_engine' then
        perform pg_advisory_xact_lock(1952998511, 1);
        return;
    end if;
    loop
        begin
            perform set_config('lock_timeout', patience_ms || 'ms', true);
            -- 1952998511 is 'thdo'; 1 the lock between publishing (exclusive) and claiming (shared).
            perform pg_advisory_xact_lock(1952998511, 1);
            perform set_config('lock_timeout', usual, true);
            return;
        exception when lock_not_available then
            -- 150 ms to 4.8 s, and as long in between: 14 s in all.
            if patience_ms > 4000 then
                raise lock_not_available using message = 'a batch of a daemon is under way',
                    hint = 'try again; a daemon that hangs is parted from its batch after ten seconds';
            end if;
        end;
        perform pg_sleep(patience_ms / 1000.0);
        patience_ms := patience_ms * 2;
    end loop;
end
$function$;

--- comment-on-function public.lock_publishing()
comment on function public.lock_publishing() is 'Waits until no batch is claimed, and keeps it so until the end of the transaction.';

--- grants-on-function public.lock_publishing()
revoke all on function public.lock_publishing() from public, anon, authenticated, service_role;

--- function public.lock_undone(uuid, timestamp with time zone, jsonb)
CREATE OR REPLACE FUNCTION public.lock_undone(of_root uuid, of_event_at timestamp with time zone, wanted jsonb)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.lock_undone(uuid, timestamp with time zone, jsonb)
comment on function public.lock_undone(uuid, timestamp with time zone, jsonb) is 'Locks the rows that undo_changes() is to put back, in the order in which the daemon locks rows; how many. For the command line, as the engine.';

--- grants-on-function public.lock_undone(uuid, timestamp with time zone, jsonb)
revoke all on function public.lock_undone(uuid, timestamp with time zone, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.lock_undone(uuid, timestamp with time zone, jsonb) to thendo_engine;

--- function public.look_for_trouble(interval)
CREATE OR REPLACE FUNCTION public.look_for_trouble(most_lag interval)
 RETURNS TABLE(id uuid, kind text, message text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    oldest timestamptz;
begin
    select min(l.due_at) into oldest
      from generate_series(0, 63) as lanes (lane)
      cross join lateral (select q.due_at from public.workflow_queue q where q.lane = lanes.lane order by q.due_at, q.id limit 1) l;
    if oldest < clock_timestamp() - most_lag then
        kind := 'lag';
        message := format('the oldest row of the queue has been due for %s s; are enough daemons running?',
            extract(epoch from clock_timestamp() - oldest)::bigint);
        id := public.raise_alert(kind, null, message);
        if id is not null then
            return next;
        end if;
    end if;
    if exists (select from public.workflow_events_default e
                where e.at > clock_timestamp() - interval '10 minutes' and e.at < clock_timestamp() + interval '1 day') then
        kind := 'default_partition';
        message := 'events fall into workflow_events_default: this month''s partition is missing, and the log says why it could not be made';
        id := public.raise_alert(kind, null, message);
        if id is not null then
            return next;
        end if;
    end if;
end
$function$;

--- comment-on-function public.look_for_trouble(interval)
comment on function public.look_for_trouble(interval) is 'Raises alarms for what is due longer than this, and for default partitions that take rows. For the daemon.';

--- grants-on-function public.look_for_trouble(interval)
revoke all on function public.look_for_trouble(interval) from public, anon, authenticated, service_role;
grant execute on function public.look_for_trouble(interval) to thendo_engine;

--- function public.mail_edited()
CREATE OR REPLACE FUNCTION public.mail_edited()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    this_one constant text := pg_current_xact_id()::text;
begin
    -- Once a transaction is enough, however many rows it writes.
    if coalesce(current_setting('thendo.mails_edited', true), '') <> this_one then
        perform set_config('thendo.mails_edited', this_one, true);
        update public.workflow_plan_epoch set epoch = epoch + 1;
    end if;
    return null;
end
$function$;

--- comment-on-function public.mail_edited()
comment on function public.mail_edited() is 'Commit trigger of email_templates: daemons load them anew.';

--- grants-on-function public.mail_edited()
revoke all on function public.mail_edited() from public, anon, authenticated, service_role;

--- function public.mail_hash(text)
CREATE OR REPLACE FUNCTION public.mail_hash(address text)
 RETURNS bytea
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN sha256(convert_to(lower(address), 'UTF8'::name));

--- comment-on-function public.mail_hash(text)
comment on function public.mail_hash(text) is 'How an address is looked up where it is kept by hash alone.';

--- grants-on-function public.mail_hash(text)
revoke all on function public.mail_hash(text) from public, anon, authenticated, service_role;
grant execute on function public.mail_hash(text) to service_role;
grant execute on function public.mail_hash(text) to thendo_engine;

--- function public.mail_stop(text, text, boolean)
CREATE OR REPLACE FUNCTION public.mail_stop(address text, consent text, of_blog boolean)
 RETURNS TABLE(stop text)
 LANGUAGE sql
 STABLE
AS $function$
    select coalesce(
        (select s.reason from public.suppressions s
          where s.address_hash = public.mail_hash(mail_stop.address)
            and (s.reason <> 'unsubscribed' or mail_stop.consent = 'marketing'
                -- Who agreed anew since has changed their mind.
                and not exists (select from public.consents n
                                 where lower(n.email) = lower(mail_stop.address) and n.purpose = 'marketing'
                                   and n.decision = 'granted' and n.created_at > s.created_at))),
        case when mail_stop.consent = 'marketing' then
            case coalesce(
                (select c.decision from public.consents c
                  where lower(c.email) = lower(mail_stop.address) and c.purpose = 'marketing'
                  order by c.created_at desc limit 1),
                -- Who asked for the blog agreed to mails about it.
                (select 'granted' from public.subscribers b
                  where mail_stop.of_blog and lower(b.email) = lower(mail_stop.address) and b.status = 'subscribed' limit 1),
                'never')
            when 'granted' then null
            when 'withdrawn' then 'withdrawn'
            else 'no_consent' end
        end) as stop
$function$;

--- comment-on-function public.mail_stop(text, text, boolean)
comment on function public.mail_stop(text, text, boolean) is 'Why this address is not to be sent such a mail (transactional or marketing; about the blog or not); null if it may be. One row.';

--- grants-on-function public.mail_stop(text, text, boolean)
revoke all on function public.mail_stop(text, text, boolean) from public, anon, authenticated, service_role;
grant execute on function public.mail_stop(text, text, boolean) to service_role;
grant execute on function public.mail_stop(text, text, boolean) to thendo_engine;

--- function public.make_partition(text, text, text, date)
CREATE OR REPLACE FUNCTION public.make_partition(parent text, clock text, child text, month date)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.make_partition(text, text, text, date)
comment on function public.make_partition(text, text, text, date) is 'Makes and attaches one month''s partition; 0 if the default partition holds rows of that month, or too many.';

--- grants-on-function public.make_partition(text, text, text, date)
revoke all on function public.make_partition(text, text, text, date) from public, anon, authenticated, service_role;

--- function public.mark_checked(uuid, bigint, text, jsonb)
CREATE OR REPLACE FUNCTION public.mark_checked(of_workflow uuid, of_revision bigint, with_health text, with_diagnostics jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    now_is text;
begin
    select w.status into now_is from public.workflows w
      where w.id = of_workflow and w.revision = of_revision for update skip locked;
    if not found then
        return null;
    end if;
    perform set_config('thendo.checking', 'on', true);
    -- A published row that is broken keeps its last good version; any other row has none in force.
    if now_is <> 'published' and exists (
        select from public.workflow_versions v where v.workflow_id = of_workflow and v.active_to is null
    ) then
        perform public.lock_publishing();
        update public.workflow_versions v set active_to = clock_timestamp()
          where v.workflow_id = of_workflow and v.active_to is null;
        update public.workflow_plan_epoch set epoch = epoch + 1;
        perform public.keep_parts(of_workflow, null, null);
    end if;
    update public.workflows w
       set health = with_health, diagnostics = with_diagnostics, checked_at = clock_timestamp(),
           live_version = case when now_is = 'published' then w.live_version end
     where w.id = of_workflow;
    return true;
end
$function$;

--- comment-on-function public.mark_checked(uuid, bigint, text, jsonb)
comment on function public.mark_checked(uuid, bigint, text, jsonb) is 'Writes the compiler''s word to a workflow and takes one that is not published out of force; null if it was edited meanwhile.';

--- grants-on-function public.mark_checked(uuid, bigint, text, jsonb)
revoke all on function public.mark_checked(uuid, bigint, text, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.mark_checked(uuid, bigint, text, jsonb) to thendo_engine;
grant execute on function public.mark_checked(uuid, bigint, text, jsonb) to thendo_api;

--- function public.medusa_order_money(text)
CREATE OR REPLACE FUNCTION public.medusa_order_money(of_order text, OUT total numeric, OUT paid numeric, OUT refunded numeric)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    totals jsonb;
begin
    if to_regclass('public.order_summary') is not null then
        execute 'select s.totals from public.order_summary s where s.order_id = $1 and s.deleted_at is null
                  order by s.version desc limit 1' into totals using of_order;
    end if;
    if totals is null then
        select sum(i.quantity * i.unit_price) into total from public.order_item i
          join public."order" o on o.id = i.order_id and o.version = i.version
         where i.order_id = of_order and i.deleted_at is null;
    else
        -- Exact figures are in raw_…: {"value": "12.34"}.
        total := coalesce(totals -> 'raw_current_order_total' ->> 'value', totals ->> 'current_order_total',
                          totals -> 'raw_accounting_total' ->> 'value', totals ->> 'accounting_total')::numeric;
        paid := coalesce(totals -> 'raw_paid_total' ->> 'value', totals ->> 'paid_total')::numeric;
        refunded := coalesce(totals -> 'raw_refunded_total' ->> 'value', totals ->> 'refunded_total')::numeric;
    end if;
    -- Below zero is what Medusa owes, and no total.
    total := greatest(nullif(total, 'NaN'), 0);
    paid := coalesce(nullif(paid, 'NaN'), 0);
    refunded := coalesce(nullif(refunded, 'NaN'), 0);
end
$function$;

--- comment-on-function public.medusa_order_money(text)
comment on function public.medusa_order_money(text) is 'Total, paid and refunded of one of Medusa''s orders, in major units.';

--- grants-on-function public.medusa_order_money(text)
revoke all on function public.medusa_order_money(text) from public, anon, authenticated, service_role;

--- function public.mentions(jsonb, text[])
CREATE OR REPLACE FUNCTION public.mentions(whole jsonb, addresses text[])
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select exists (select from jsonb_path_query(whole, '$.** ? (@.type() == "string")') v where public.mentions(v #>> '{}', addresses))
        or exists (select from jsonb_path_query(whole, '$.** ? (@.type() == "object").keyvalue().key') k
                    where public.mentions(k #>> '{}', addresses))
$function$;

--- comment-on-function public.mentions(jsonb, text[])
comment on function public.mentions(jsonb, text[]) is 'Whether a string or key in it names one of the addresses, as a whole.';

--- grants-on-function public.mentions(jsonb, text[])
revoke all on function public.mentions(jsonb, text[]) from public, anon, authenticated, service_role;

--- function public.mentions(text, text[])
CREATE OR REPLACE FUNCTION public.mentions(said text, addresses text[])
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select case
        when lower(btrim(said)) = any (addresses) then true
        -- Another address, and nothing else.
        when said ~ '^[^\s@<>"(),;:/?=&]+@[^\s@<>"(),;:/?=&]+$' then false
        else exists (
            select from unnest(addresses) a
             where lower(said) ~ ('(?<![[:alnum:]._%+!#$*~^{}|-])(?<![[:alnum:]][''`])'
                                  || regexp_replace(a, '([\[\].()*+?{}|^$\\])', '\\\1', 'g')
                                  || '(?![[:alnum:]_-]|\.[[:alnum:]])'))
    end
$function$;

--- comment-on-function public.mentions(text, text[])
comment on function public.mentions(text, text[]) is 'Whether a text names one of the addresses (in lower case), as a whole.';

--- grants-on-function public.mentions(text, text[])
revoke all on function public.mentions(text, text[]) from public, anon, authenticated, service_role;

--- function public.minor_units(numeric, text)
CREATE OR REPLACE FUNCTION public.minor_units(amount numeric, currency text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select round(amount * case
        when upper(currency) in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV',
                                 'XAF', 'XOF', 'XPF') then 1
        when upper(currency) in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 1000
        else 100 end)::bigint
$function$;

--- comment-on-function public.minor_units(numeric, text)
comment on function public.minor_units(numeric, text) is 'An amount in the currency''s minor unit: 25.5 EUR is 2550, 25 JPY is 25.';

--- grants-on-function public.minor_units(numeric, text)
revoke all on function public.minor_units(numeric, text) from public, anon, authenticated, service_role;
grant execute on function public.minor_units(numeric, text) to thendo_engine;

--- function public.mirror_medusa_fulfilment()
CREATE OR REPLACE FUNCTION public.mirror_medusa_fulfilment()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if (select m.orders from public.medusa_mirror m) = 'left' then
        return null;
    end if;
    update public.orders s set fulfillment_status = sent.status
      from (select case when sum(i.quantity) <= 0 then 'unfulfilled'
                        when sum(i.delivered_quantity) >= sum(i.quantity) then 'delivered'
                        when sum(i.fulfilled_quantity) >= sum(i.quantity) then 'fulfilled'
                        when sum(i.fulfilled_quantity) > 0 then 'partially_fulfilled'
                        else 'unfulfilled' end as status
              from public.order_item i join public."order" o on o.id = i.order_id and o.version = i.version
             where i.order_id = new.order_id and i.deleted_at is null) sent
     where s.medusa_order_id = new.order_id and s.fulfillment_status <> sent.status
       -- What came back is the shop's to say.
       and s.fulfillment_status <> 'returned';
    return null;
end
$function$;

--- comment-on-function public.mirror_medusa_fulfilment()
comment on function public.mirror_medusa_fulfilment() is 'Deferred trigger of Medusa''s order_item: how much of an order was sent and has arrived.';

--- grants-on-function public.mirror_medusa_fulfilment()
revoke all on function public.mirror_medusa_fulfilment() from public, anon, authenticated, service_role;

--- function public.mirror_medusa_order()
CREATE OR REPLACE FUNCTION public.mirror_medusa_order()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    -- to_jsonb, so that one function serves tables of different columns.
    order_key constant text := coalesce(to_jsonb(new) ->> 'order_id', to_jsonb(new) ->> 'id');
    placed public."order";
    money record;
    paid_as text;
    known boolean;
    how text := (select m.orders from public.medusa_mirror m);
    is_new boolean := tg_table_name = 'order' and tg_op = 'INSERT';
begin
    -- Most changes of an order are none to us.
    if tg_table_name = 'order' and tg_op = 'UPDATE' then
        if (new.status, new.is_draft_order, new.version, new.deleted_at)
           is not distinct from (old.status, old.is_draft_order, old.version, old.deleted_at) then
            return null;
        end if;
    end if;
    -- Two who change one order meet in its row here, and the second then sees what the first did.
    perform from public.orders s where s.medusa_order_id = order_key for update;
    known := found;
    select o.* into placed from public."order" o
     where o.id = order_key and o.deleted_at is null and not o.is_draft_order and o.status::text <> 'draft';
    if not found or how = 'left' then
        return null;
    end if;
    -- What orders can't hold must not stop Medusa's checkout.
    if placed.currency_code !~* '^[A-Z]{3}$' then
        raise warning 'the order % of Medusa is not mirrored: % is no currency of ISO 4217', order_key, placed.currency_code;
        return null;
    end if;
    select m.total, m.paid, m.refunded into money from public.medusa_order_money(order_key) m;
    paid_as := case when money.refunded > 0 and money.refunded >= money.paid then 'refunded'
                    when money.refunded > 0 then 'partially_refunded'
                    when money.paid > 0 and money.paid >= money.total then 'paid' end;
    -- An old order of Medusa's that changes was placed long ago: it fires nothing. A draft is placed when it is one no more.
    if not is_new and tg_table_name = 'order' then
        is_new := (to_jsonb(old) ->> 'is_draft_order')::boolean or to_jsonb(old) ->> 'status' = 'draft';
    end if;
    if not known and is_new and how = 'mirrored' then
        insert into public.orders (medusa_order_id, customer_id, total, currency, status, payment_status, created_at)
        values (order_key, public.customer_of_medusa(placed.customer_id, placed.email),
                public.minor_units(money.total, placed.currency_code), upper(placed.currency_code),
                case placed.status::text when 'completed' then 'completed' when 'canceled' then 'cancelled' else 'pending' end,
                coalesce(paid_as, 'unpaid'), placed.created_at)
        on conflict (medusa_order_id) do nothing;
        return null;
    end if;
    update public.orders s
       set total = changed.total, status = changed.status, payment_status = changed.payment_status,
           refunded_total = changed.refunded_total
      from (select o.id, greatest(public.minor_units(money.total, o.currency), o.refunded_total, refunds.amount) as total,
                   case placed.status::text when 'completed' then 'completed' when 'canceled' then 'cancelled'
                        else o.status end as status,
                   coalesce(paid_as, o.payment_status) as payment_status,
                   greatest(refunds.amount, o.refunded_total) as refunded_total
              from public.orders o
             cross join lateral (select public.minor_units(money.refunded, o.currency) as amount) refunds
             where o.medusa_order_id = order_key) changed
     where s.id = changed.id
       and (s.total, s.status, s.payment_status, s.refunded_total)
           is distinct from (changed.total, changed.status, changed.payment_status, changed.refunded_total);
    return null;
end
$function$;

--- comment-on-function public.mirror_medusa_order()
comment on function public.mirror_medusa_order() is 'Deferred trigger of Medusa''s "order", order_summary and order_item: keeps the row of orders.';

--- grants-on-function public.mirror_medusa_order()
revoke all on function public.mirror_medusa_order() from public, anon, authenticated, service_role;

--- function public.mirror_medusa_stock()
CREATE OR REPLACE FUNCTION public.mirror_medusa_stock()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    touched text[];
begin
    if (select m.stock from public.medusa_mirror m) <> 'mirrored' then
        return null;
    end if;
    -- to_jsonb, so that one function serves both tables.
    if tg_op <> 'DELETE' then
        touched := array(select distinct to_jsonb(n) ->> tg_argv[0] from new_rows n);
    end if;
    if tg_op <> 'INSERT' then
        touched := touched || array(select distinct to_jsonb(o) ->> tg_argv[0] from old_rows o);
    end if;
    if cardinality(touched) > 0 and tg_argv[0] = 'inventory_item_id' then
        touched := array(select distinct l.variant_id from public.product_variant_inventory_item l
                          where l.inventory_item_id = any (touched));
    end if;
    if cardinality(touched) > 0 then
        perform public.take_medusa_stock(touched);
    end if;
    return null;
end
$function$;

--- comment-on-function public.mirror_medusa_stock()
comment on function public.mirror_medusa_stock() is 'Statement trigger of Medusa''s inventory: keeps product_stock.';

--- grants-on-function public.mirror_medusa_stock()
revoke all on function public.mirror_medusa_stock() from public, anon, authenticated, service_role;

--- function public.missing_secrets(text[])
CREATE OR REPLACE FUNCTION public.missing_secrets(names text[])
 RETURNS SETOF text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select n.name from unnest($1) as n (name)
     where not exists (select from public.workflow_secrets s where s.name = n.name) order by n.name
$function$;

--- comment-on-function public.missing_secrets(text[])
comment on function public.missing_secrets(text[]) is 'Those of these names under which no secret is stored.';

--- grants-on-function public.missing_secrets(text[])
revoke all on function public.missing_secrets(text[]) from public, anon, authenticated, service_role;
grant execute on function public.missing_secrets(text[]) to thendo_api;

--- function public.money_text(numeric, text)
CREATE OR REPLACE FUNCTION public.money_text(amount numeric, currency text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select case public.minor_units(1, currency)
               when 1 then amount::text
               when 1000 then to_char(amount / 1000.0, 'FM999999999999990.000')
               else to_char(amount / 100.0, 'FM999999999999990.00') end || ' ' || currency
$function$;

--- comment-on-function public.money_text(numeric, text)
comment on function public.money_text(numeric, text) is 'An amount in the currency''s minor unit, for people: 2550 EUR is 25.50 EUR.';

--- grants-on-function public.money_text(numeric, text)
revoke all on function public.money_text(numeric, text) from public, anon, authenticated, service_role;
grant execute on function public.money_text(numeric, text) to thendo_engine;

--- function public.new_event_id()
CREATE OR REPLACE FUNCTION public.new_event_id()
 RETURNS uuid
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select (left(m.hex, 8) || '-' || right(m.hex, 4) || '-7' || substr(gen_random_uuid()::text, 16))::uuid
    from (select lpad(to_hex(floor(date_part('epoch', clock_timestamp()) * 1000)::bigint), 12, '0') as hex) m
$function$;

--- comment-on-function public.new_event_id()
comment on function public.new_event_id() is 'The id of an event that is recorded now. record_event() makes its own, one for each statement.';

--- grants-on-function public.new_event_id()
revoke all on function public.new_event_id() from public, anon, authenticated, service_role;

--- function public.next_page_content_version(uuid)
CREATE OR REPLACE FUNCTION public.next_page_content_version(of_section uuid)
 RETURNS integer
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select coalesce(max(h.version), 0) + 1 from public.page_content_history h where h.page_content_id = of_section
$function$;

--- comment-on-function public.next_page_content_version(uuid)
comment on function public.next_page_content_version(uuid) is 'The number of a section''s next state.';

--- grants-on-function public.next_page_content_version(uuid)
revoke all on function public.next_page_content_version(uuid) from public, anon, authenticated, service_role;

--- function public.note_hook_call(text, text)
CREATE OR REPLACE FUNCTION public.note_hook_call(at_path text, by_sender_id text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    moment constant timestamptz := clock_timestamp();
begin
    -- Who sends the same right now is waited for: if that is rolled back, this one counts.
    insert into public.workflow_hook_calls (path, sender_id, received_at) values (at_path, encode(sha256(convert_to(by_sender_id, 'UTF8')), 'hex'), moment)
    on conflict do nothing;
    if not found then
        return false;
    end if;
    delete from public.workflow_hook_calls o where o.ctid = any (array(
        select c.ctid from public.workflow_hook_calls c where c.received_at < moment - interval '7 days'
         order by c.received_at limit 10 for update skip locked));
    return true;
end
$function$;

--- comment-on-function public.note_hook_call(text, text)
comment on function public.note_hook_call(text, text) is 'Of take_webhook(): notes that a request has come; false if it had.';

--- grants-on-function public.note_hook_call(text, text)
revoke all on function public.note_hook_call(text, text) from public, anon, authenticated, service_role;

--- function public.note_undo(text, uuid, uuid)
CREATE OR REPLACE FUNCTION public.note_undo(who text, account uuid, execution uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    insert into public.api_audit (who, account, act, target) values ($1, $2, 'execution.undo', $3::text)
$function$;

--- comment-on-function public.note_undo(text, uuid, uuid)
comment on function public.note_undo(text, uuid, uuid) is 'A line of the audit: who undid an execution. For the daemon and the command line, as the engine.';

--- grants-on-function public.note_undo(text, uuid, uuid)
revoke all on function public.note_undo(text, uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function public.note_undo(text, uuid, uuid) to thendo_engine;

--- function public.pick_up_optional()
CREATE OR REPLACE FUNCTION public.pick_up_optional()
 RETURNS SETOF text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if public.pick_up_vectors() then
        return next 'vectors';
    end if;
    if public.attach_medusa() then
        return next 'Medusa';
    end if;
    -- Last, and it waits 200 ms at most for each lock: others wait for those of this transaction.
    perform public.prepare_partitions(2);
end
$function$;

--- comment-on-function public.pick_up_optional()
comment on function public.pick_up_optional() is 'What this server offers beyond the necessary, as far as it is new. Called by each `thendo migrate`.';

--- grants-on-function public.pick_up_optional()
revoke all on function public.pick_up_optional() from public, anon, authenticated, service_role;

--- function public.pick_up_vectors()
CREATE OR REPLACE FUNCTION public.pick_up_vectors()
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    at_home text;
    finds_enough text := '';
begin
    if exists (select from pg_catalog.pg_attribute a where a.attrelid = 'public.blog_posts'::regclass
                  and a.attname = 'embedding' and not a.attisdropped) then
        return false;
    end if;
    if not exists (select from pg_catalog.pg_extension where extname = 'vector') then
        if not exists (select from pg_catalog.pg_available_extensions where name = 'vector') then
            return false;
        end if;
        begin
            create extension vector with schema extensions;
        exception when insufficient_privilege then
            raise warning 'pgvector is installed on the server, but this user may not create it here'
                using hint = 'have a superuser run: create extension vector with schema extensions';
            return false;
        end;
    end if;
    select n.nspname into at_home from pg_catalog.pg_extension e
      join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector';
    execute format('alter table public.blog_posts add column embedding %I.vector(1536)', at_home);
    comment on column public.blog_posts.embedding is 'What the post is about, as a model of 1536 dimensions sees it.';
    -- hnsw: GIN can't index vectors. l2, because that is what <-> asks for.
    execute format('create index idx_blog_posts_embedding on public.blog_posts using hnsw (embedding %I.vector_l2_ops)', at_home);
    -- With their caller's rights: readers find what they may read. By itself the index gives 40 rows, and then those are
    -- dropped that the reader may not see: it is to go on until there are enough. (The call makes the settings known, so
    -- that others than superusers may name them.) In plpgsql, because the planner is to know how many rows are wanted:
    -- else it takes a tenth of all for granted, and reads all.
    execute format('select %1$I.vector_dims(''[1]''::%1$I.vector)', at_home);
    if current_setting('hnsw.iterative_scan', true) is not null then
        finds_enough := 'set hnsw.iterative_scan = ''strict_order'' set hnsw.ef_search = 100';
    end if;
    execute format($make$
create function public.search_content(embedding %1$I.vector, n integer default 5)
returns table (id uuid, slug text, title text, distance double precision)
language plpgsql stable
set search_path = pg_catalog, pg_temp %2$s
as $$
begin
    return query
    select p.id, p.slug, p.title, p.embedding operator(%1$I.<->) $1
      from public.blog_posts p where p.embedding is not null
     order by p.embedding operator(%1$I.<->) $1 limit least($2, 100);
end
$$$make$, at_home, finds_enough);
    execute format($make$
create function public.related_posts(post uuid, n integer default 5)
returns table (id uuid, slug text, title text, distance double precision)
language plpgsql stable
set search_path = pg_catalog, pg_temp %2$s
as $$
begin
    return query
    select p.id, p.slug, p.title, p.embedding operator(%1$I.<->) (select o.embedding from public.blog_posts o where o.id = $1)
      from public.blog_posts p
     where p.id <> $1 and p.embedding is not null
       and (select o.embedding from public.blog_posts o where o.id = $1) is not null
     order by p.embedding operator(%1$I.<->) (select o.embedding from public.blog_posts o where o.id = $1) limit least($2, 100);
end
$$$make$, at_home, finds_enough);
    execute format('comment on function public.search_content(%I.vector, integer) is ''Posts nearest to an embedding, nearest first, at most 100.''', at_home);
    comment on function public.related_posts(uuid, integer) is 'Posts most like a post, most alike first, at most 100.';
    execute format('revoke execute on function public.search_content(%I.vector, integer) from public', at_home);
    execute format('grant execute on function public.search_content(%I.vector, integer) to anon, authenticated, service_role', at_home);
    execute format('grant usage on schema %I to anon, authenticated, service_role', at_home);
    revoke execute on function public.related_posts(uuid, integer) from public;
    grant execute on function public.related_posts(uuid, integer) to anon, authenticated, service_role;
    return true;
end
$function$;

--- comment-on-function public.pick_up_vectors()
comment on function public.pick_up_vectors() is 'Adds embeddings to blog posts, where pgvector is there; whether it did.';

--- grants-on-function public.pick_up_vectors()
revoke all on function public.pick_up_vectors() from public, anon, authenticated, service_role;

--- function public.prepare_partitions(integer)
CREATE OR REPLACE FUNCTION public.prepare_partitions(months_ahead integer DEFAULT 2)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '200ms'
AS $function$
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
$function$;

--- comment-on-function public.prepare_partitions(integer)
comment on function public.prepare_partitions(integer) is 'Makes the partitions of this month and the next ones, where they are missing; how many. For the daemon.';

--- grants-on-function public.prepare_partitions(integer)
revoke all on function public.prepare_partitions(integer) from public, anon, authenticated, service_role;
grant execute on function public.prepare_partitions(integer) to thendo_engine;

--- function public.prune_api(integer, integer)
CREATE OR REPLACE FUNCTION public.prune_api(audit_days integer, most integer)
 RETURNS integer
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    with lines as (
        delete from public.api_audit where id in (
            select a.id from public.api_audit a
             where audit_days > 0 and a.at < now() - make_interval(days => audit_days) order by a.at limit most)
        returning 1
    ), links as (
        delete from public.api_links where hash in (
            select l.hash from public.api_links l where l.expires_at < now() - interval '30 days' limit most)
        returning 1
    ), sessions as (
        delete from public.api_sessions where hash in (
            select s.hash from public.api_sessions s where s.expires_at < now() - interval '30 days' limit most)
        returning 1
    )
    select ((select count(*) from lines) + (select count(*) from links) + (select count(*) from sessions))::integer
$function$;

--- comment-on-function public.prune_api(integer, integer)
comment on function public.prune_api(integer, integer) is 'Removes what the API keeps for a time only. For the daemon.';

--- grants-on-function public.prune_api(integer, integer)
revoke all on function public.prune_api(integer, integer) from public, anon, authenticated, service_role;
grant execute on function public.prune_api(integer, integer) to thendo_engine;

--- function public.put_in_force(uuid, bigint, text, jsonb, jsonb)
CREATE OR REPLACE FUNCTION public.put_in_force(of_workflow uuid, of_revision bigint, of_hash text, with_diagnostics jsonb, with_parts jsonb)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    drawn           jsonb;
    drawn_by        uuid;
    current_version record;
    next_number     integer;
    moment          timestamptz;
begin
    select w.definition, w.edited_by into drawn, drawn_by from public.workflows w
      where w.id = of_workflow and w.revision = of_revision and w.status = 'published' for update skip locked;
    if not found then
        return null; -- Edited again, or being edited: that edit has its own notification.
    end if;
    -- 1952998511 is 'thdo'; 1 the lock between publishing (exclusive) and claiming (shared).
    perform public.lock_publishing();
    perform set_config('thendo.checking', 'on', true);
    moment := clock_timestamp();
    select v.number, v.hash into current_version from public.workflow_versions v
      where v.workflow_id = of_workflow and v.active_to is null;
    if current_version.hash = of_hash then
        next_number := current_version.number;
    else
        update public.workflow_versions v set active_to = moment
          where v.workflow_id = of_workflow and v.active_to is null;
        select coalesce(max(v.number), 0) + 1 into next_number
          from public.workflow_versions v where v.workflow_id = of_workflow;
        insert into public.workflow_versions (workflow_id, number, hash, definition, active_from, created_by)
        values (of_workflow, next_number, of_hash, drawn, moment, drawn_by);
        update public.workflow_plan_epoch set epoch = epoch + 1;
    end if;
    perform public.keep_parts(of_workflow, next_number, with_parts);
    update public.workflows w
       set health = 'valid', diagnostics = with_diagnostics, checked_at = moment, live_version = next_number
     where w.id = of_workflow;
    perform set_config('thendo.checking', 'off', true);
    return next_number;
end
$function$;

--- comment-on-function public.put_in_force(uuid, bigint, text, jsonb, jsonb)
comment on function public.put_in_force(uuid, bigint, text, jsonb, jsonb) is 'Makes a compiled revision the version in force; returns its number, null if the row was edited meanwhile.';

--- grants-on-function public.put_in_force(uuid, bigint, text, jsonb, jsonb)
revoke all on function public.put_in_force(uuid, bigint, text, jsonb, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.put_in_force(uuid, bigint, text, jsonb, jsonb) to thendo_engine;
grant execute on function public.put_in_force(uuid, bigint, text, jsonb, jsonb) to thendo_api;

--- function public.query_of_changed_columns(oid, text[])
CREATE OR REPLACE FUNCTION public.query_of_changed_columns(of_table oid, key_columns text[])
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select format('select array_remove(array[%s], null) from new_rows n join old_rows o using (%s)',
        string_agg(format('case when bool_or(n.%1$I%2$s is distinct from o.%1$I%2$s) then %1$L end', a.attname,
            case when a.atttypid in ('bool'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype,
                'uuid'::regtype, 'jsonb'::regtype, 'date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
                then '' else '::text collate "C"' end), ', '),
        (select string_agg(quote_ident(k), ', ') from unnest(key_columns) k))
    from pg_attribute a where a.attrelid = of_table and a.attnum > 0 and not a.attisdropped
$function$;

--- comment-on-function public.query_of_changed_columns(oid, text[])
comment on function public.query_of_changed_columns(oid, text[]) is 'A query on the transition tables of an update: which columns changed in any row.';

--- grants-on-function public.query_of_changed_columns(oid, text[])
revoke all on function public.query_of_changed_columns(oid, text[]) from public, anon, authenticated, service_role;

--- function public.raise_alert(text, uuid, text)
CREATE OR REPLACE FUNCTION public.raise_alert(of_kind text, of_workflow uuid, in_words text)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    workflow constant uuid := coalesce(of_workflow, '00000000-0000-0000-0000-000000000000');
    raised uuid;
begin
    -- Who raises the same right now has it; if that is rolled back, it is done again. Nobody ever waits here.
    if not pg_try_advisory_xact_lock(hashtextextended('thendo.alert ' || of_kind || ' ' || workflow, 0)) then
        return null;
    end if;
    insert into public.workflow_alerts (kind, workflow_id, message)
    select of_kind, workflow, left(in_words, 2000)
     where not exists (select from public.workflow_alerts a
                        where a.kind = of_kind and a.workflow_id = workflow
                          and a.happened_at > clock_timestamp() - interval '10 minutes')
    returning id into raised;
    if raised is not null then
        delete from public.workflow_alerts o where o.id = any (array(
            select a.id from public.workflow_alerts a where a.happened_at < clock_timestamp() - interval '90 days'
             order by a.happened_at, a.id limit 100 for update skip locked));
    end if;
    return raised;
end
$function$;

--- comment-on-function public.raise_alert(text, uuid, text)
comment on function public.raise_alert(text, uuid, text) is 'Raises an alarm unless there was one of the same kind about the same workflow within ten minutes: its id, or null. For the daemon.';

--- grants-on-function public.raise_alert(text, uuid, text)
revoke all on function public.raise_alert(text, uuid, text) from public, anon, authenticated, service_role;
grant execute on function public.raise_alert(text, uuid, text) to thendo_engine;

--- function public.raise_dead_letters(uuid[])
CREATE OR REPLACE FUNCTION public.raise_dead_letters(of_workflows uuid[])
 RETURNS TABLE(id uuid, workflow_id uuid, message text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    one uuid;
begin
    foreach one in array of_workflows loop
        -- Counted to eleven, no further.
        if (select count(*) from (select from public.workflow_dead_letters d
              where d.workflow_id = one and d.failed_at > clock_timestamp() - interval '1 minute' limit 11) f) > 10 then
            workflow_id := one;
            message := 'more than 10 executions of this workflow failed within a minute; `thendo executions list --status failed` lists them';
            id := public.raise_alert('dead_letters', one, message);
            if id is not null then
                return next;
            end if;
        end if;
    end loop;
end
$function$;

--- comment-on-function public.raise_dead_letters(uuid[])
comment on function public.raise_dead_letters(uuid[]) is 'Raises an alarm for each of these workflows of which more than ten executions failed within a minute. For the daemon.';

--- grants-on-function public.raise_dead_letters(uuid[])
revoke all on function public.raise_dead_letters(uuid[]) from public, anon, authenticated, service_role;
grant execute on function public.raise_dead_letters(uuid[]) to thendo_engine;

--- function public.read_google_calendar_tokens(uuid)
CREATE OR REPLACE FUNCTION public.read_google_calendar_tokens(of_user uuid DEFAULT auth.uid())
 RETURNS TABLE(access_token text, refresh_token text, expires_at timestamp with time zone)
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select public.decrypted(t.access_token_encrypted, public.handed_over('token_key')),
           public.decrypted(t.refresh_token_encrypted, public.handed_over('token_key')), t.expires_at
      from public.google_calendar_tokens t where t.user_id = $1
$function$;

--- comment-on-function public.read_google_calendar_tokens(uuid)
comment on function public.read_google_calendar_tokens(uuid) is 'An account''s tokens, with the key handed over in this transaction. For their owner and the service role.';

--- grants-on-function public.read_google_calendar_tokens(uuid)
revoke all on function public.read_google_calendar_tokens(uuid) from public, anon, authenticated, service_role;
grant execute on function public.read_google_calendar_tokens(uuid) to authenticated;
grant execute on function public.read_google_calendar_tokens(uuid) to service_role;

--- function public.read_oauth_client_secret(text)
CREATE OR REPLACE FUNCTION public.read_oauth_client_secret(of_provider text)
 RETURNS text
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select public.decrypted(p.client_secret_encrypted, public.handed_over('token_key'))
      from public.oauth_providers p where p.name = $1
$function$;

--- comment-on-function public.read_oauth_client_secret(text)
comment on function public.read_oauth_client_secret(text) is 'A provider''s client secret, with the key handed over in this transaction. For the service role.';

--- grants-on-function public.read_oauth_client_secret(text)
revoke all on function public.read_oauth_client_secret(text) from public, anon, authenticated, service_role;
grant execute on function public.read_oauth_client_secret(text) to service_role;

--- function public.read_page_view_stats(date, date, integer)
CREATE OR REPLACE FUNCTION public.read_page_view_stats(since date, until date DEFAULT CURRENT_DATE, most_rows integer DEFAULT 1000)
 RETURNS TABLE(page_id uuid, view_date date, view_count bigint, unique_visitors bigint)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if not coalesce(public.is_admin(auth.uid()), false) then
        raise insufficient_privilege using message = 'only admins read page views';
    end if;
    return query
        select s.page_id, s.view_date, s.view_count, s.unique_visitors
          from public.page_view_stats s
         where s.view_date between since and until
         order by s.view_date desc, s.page_id
         limit least(greatest(most_rows, 0), 10000);
end
$function$;

--- comment-on-function public.read_page_view_stats(date, date, integer)
comment on function public.read_page_view_stats(date, date, integer) is 'Views by page and day, newest first, at most 10,000 rows. For admins.';

--- grants-on-function public.read_page_view_stats(date, date, integer)
revoke all on function public.read_page_view_stats(date, date, integer) from public, anon, authenticated, service_role;
grant execute on function public.read_page_view_stats(date, date, integer) to authenticated;

--- function public.read_person(jsonb)
CREATE OR REPLACE FUNCTION public.read_person(person jsonb)
 RETURNS TABLE(customer uuid, accounts uuid[], addresses text[], pieces text[], name text, medusa text[], orders text[], row_ids text[], view_ids text[])
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select t.customer, t.accounts, t.addresses, t.pieces, t.name, t.medusa, t.orders, t.row_ids, t.view_ids
      from jsonb_to_record(person) as t (customer uuid, accounts uuid[], addresses text[], pieces text[], name text,
           medusa text[], orders text[], row_ids text[], view_ids text[])
$function$;

--- comment-on-function public.read_person(jsonb)
comment on function public.read_person(jsonb) is 'Who is erased: what find_person() gathered.';

--- grants-on-function public.read_person(jsonb)
revoke all on function public.read_person(jsonb) from public, anon, authenticated, service_role;

--- function public.record_event()
CREATE OR REPLACE FUNCTION public.record_event()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_mergejoin TO 'off'
 SET work_mem TO '64MB'
AS $function$
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
$function$;

--- comment-on-function public.record_event()
comment on function public.record_event() is 'Statement trigger: records each changed row as an event, queues it, and wakes the engine if it sleeps.';

--- grants-on-function public.record_event()
revoke all on function public.record_event() from public, anon, authenticated, service_role;

--- function public.record_events_of(text, text, text, text, text[], text[])
CREATE OR REPLACE FUNCTION public.record_events_of(table_name text, domain text, entity_column text DEFAULT 'customer_id'::text, recorded text DEFAULT 'all'::text, key_columns text[] DEFAULT '{id}'::text[], hidden_columns text[] DEFAULT '{}'::text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
begin
    if not exists (
        select from pg_catalog.pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relname = $1 and c.relkind in ('r', 'p')
    ) then
        raise exception using errcode = 'undefined_table', message = format('there is no table %I in the schema public', $1),
            hint = 'give the name as the catalog spells it, without schema and quotes';
    end if;
    -- In a shop that was detached, a table that comes with an upgrade is not attached behind its back.
    insert into public.event_tables as t
        (table_name, domain, entity_column, recorded, key_columns, hidden_columns, attached)
    values ($1, $2, $3, $4, $5, $6, coalesce((select bool_or(e.attached) from public.event_tables e), true))
    on conflict (table_name) do update
        set domain = excluded.domain, entity_column = excluded.entity_column, recorded = excluded.recorded,
            key_columns = excluded.key_columns, hidden_columns = excluded.hidden_columns;
end
$function$;

--- comment-on-function public.record_events_of(text, text, text, text, text[], text[])
comment on function public.record_events_of(text, text, text, text, text[], text[]) is 'Has a table record its changes as events; again with other settings to change them.';

--- grants-on-function public.record_events_of(text, text, text, text, text[], text[])
revoke all on function public.record_events_of(text, text, text, text, text[], text[]) from public, anon, authenticated, service_role;

--- function public.record_webhook(text, text, text, jsonb, text[])
CREATE OR REPLACE FUNCTION public.record_webhook(at_path text, by_method text, by_sender_id text, request jsonb, verified text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.record_webhook(text, text, text, jsonb, text[])
comment on function public.record_webhook(text, text, text, jsonb, text[]) is 'Of take_webhook(): the event of a request.';

--- grants-on-function public.record_webhook(text, text, text, jsonb, text[])
revoke all on function public.record_webhook(text, text, text, jsonb, text[]) from public, anon, authenticated, service_role;

--- function public.refresh_page_view_stats(interval)
CREATE OR REPLACE FUNCTION public.refresh_page_view_stats(at_least_every interval)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    began timestamptz := clock_timestamp();
begin
    insert into public.maintenance (task, last_run_at) values ('refresh_page_view_stats', '-infinity') on conflict do nothing;
    perform from public.maintenance m
      where m.task = 'refresh_page_view_stats' and m.last_run_at <= began - at_least_every for update skip locked;
    if not found then
        return false;
    end if;
    refresh materialized view concurrently public.page_view_stats;
    update public.maintenance m
       set last_run_at = began, took_ms = extract(epoch from clock_timestamp() - began) * 1000
     where m.task = 'refresh_page_view_stats';
    return true;
end
$function$;

--- comment-on-function public.refresh_page_view_stats(interval)
comment on function public.refresh_page_view_stats(interval) is 'Refreshes page_view_stats unless that was done within the interval or is being done; whether it did. For the daemon.';

--- grants-on-function public.refresh_page_view_stats(interval)
revoke all on function public.refresh_page_view_stats(interval) from public, anon, authenticated, service_role;
grant execute on function public.refresh_page_view_stats(interval) to thendo_engine;

--- function public.refresh_stats_soon()
CREATE OR REPLACE FUNCTION public.refresh_stats_soon()
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    insert into public.maintenance (task, last_run_at) values ('refresh_page_view_stats', '-infinity')
    on conflict (task) do update set last_run_at = '-infinity'
$function$;

--- comment-on-function public.refresh_stats_soon()
comment on function public.refresh_stats_soon() is 'Has the statistics of page views made anew at the next look. For the daemon.';

--- grants-on-function public.refresh_stats_soon()
revoke all on function public.refresh_stats_soon() from public, anon, authenticated, service_role;
grant execute on function public.refresh_stats_soon() to thendo_engine;

--- function public.release_workflow(uuid, boolean, text)
CREATE OR REPLACE FUNCTION public.release_workflow(of_workflow uuid, discard boolean, by_whom text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    let_go uuid[];
begin
    -- 1952998511 is 'thdo'; 1 the lock between publishing (exclusive) and claiming (shared).
    perform public.lock_publishing();
    delete from public.workflow_holds h where h.workflow_id = of_workflow;
    if not found then
        return null;
    end if;
    with released as (
        update public.workflow_waiting w set held = false where w.workflow_id = of_workflow and w.held
        returning w.id, w.event_at
    )
    select array_agg(r.id order by r.event_at, r.id) into let_go from released r;
    if discard then
        -- What waits for a mail or a request that has not left was stopped, too.
        let_go := let_go || array(select distinct d.execution_id from public.workflow_deliveries d
            where d.workflow_id = of_workflow and d.status = 'pending' and d.execution_id <> all (coalesce(let_go, '{}')));
        perform public.tell_executions(let_go, jsonb_build_object('word', 'cancel', 'by', by_whom));
    else
        insert into public.workflow_queue (due_at, lane, execution_id)
        select clock_timestamp(), w.lane, w.id
          from unnest(let_go) with ordinality as r (id, n) join public.workflow_waiting w on w.id = r.id order by r.n;
    end if;
    perform pg_notify('thendo_shop', '') where pg_notification_queue_usage() < 0.5;
    return coalesce(cardinality(let_go), 0);
end
$function$;

--- comment-on-function public.release_workflow(uuid, boolean, text)
comment on function public.release_workflow(uuid, boolean, text) is 'Lets a held workflow go on, with what it would have done meanwhile or, if that is to be discarded, without; how many executions were held. Null if it was not.';

--- grants-on-function public.release_workflow(uuid, boolean, text)
revoke all on function public.release_workflow(uuid, boolean, text) from public, anon, authenticated, service_role;
grant execute on function public.release_workflow(uuid, boolean, text) to service_role;
grant execute on function public.release_workflow(uuid, boolean, text) to thendo_api;

--- function public.replay_events(timestamp with time zone[], uuid[], uuid, boolean, boolean, text)
CREATE OR REPLACE FUNCTION public.replay_events(ats timestamp with time zone[], ids uuid[], of_workflow uuid, lift boolean, again boolean, by_whom text)
 RETURNS TABLE(event_at timestamp with time zone, event_id uuid, number integer)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.replay_events(timestamp with time zone[], uuid[], uuid, boolean, boolean, text)
comment on function public.replay_events(timestamp with time zone[], uuid[], uuid, boolean, boolean, text) is 'Has events start what they start once more, or one workflow of it; gives those that will, each with the number of its replay. One that was replayed before is left out, unless it is to be replayed again.';

--- grants-on-function public.replay_events(timestamp with time zone[], uuid[], uuid, boolean, boolean, text)
revoke all on function public.replay_events(timestamp with time zone[], uuid[], uuid, boolean, boolean, text) from public, anon, authenticated, service_role;
grant execute on function public.replay_events(timestamp with time zone[], uuid[], uuid, boolean, boolean, text) to service_role;
grant execute on function public.replay_events(timestamp with time zone[], uuid[], uuid, boolean, boolean, text) to thendo_api;

--- function public.rotate_token_key()
CREATE OR REPLACE FUNCTION public.rotate_token_key()
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    new_id  text := public.handed_over('token_key_id');
    rotated bigint;
    more    bigint;
begin
    -- What is stored meanwhile with the former key would be left behind.
    lock table public.google_calendar_tokens, public.oauth_providers in share row exclusive mode;
    update public.google_calendar_tokens t
       set access_token_encrypted = public.anew(t.access_token_encrypted),
           refresh_token_encrypted = public.anew(t.refresh_token_encrypted),
           key_id = new_id
     where t.key_id <> new_id;
    get diagnostics rotated = row_count;
    update public.oauth_providers p
       set client_secret_encrypted = public.anew(p.client_secret_encrypted),
           key_id = new_id
     where p.key_id <> new_id;
    get diagnostics more = row_count;
    return rotated + more;
end
$function$;

--- comment-on-function public.rotate_token_key()
comment on function public.rotate_token_key() is 'Encrypts everything anew, from the former key to the new one, both handed over in this transaction. For the service role.';

--- grants-on-function public.rotate_token_key()
revoke all on function public.rotate_token_key() from public, anon, authenticated, service_role;
grant execute on function public.rotate_token_key() to service_role;

--- function public.row_by_now(text, text)
CREATE OR REPLACE FUNCTION public.row_by_now(of_table text, row_id text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    relation constant regclass := to_regclass(format('public.%I', of_table));
    hidden text[] := (select e.hidden_columns from public.event_tables e where e.table_name = of_table);
    key_type text;
    found_row jsonb;
begin
    if relation is null or hidden is null then
        return null;
    end if;
    key_type := (select format_type(a.atttypid, a.atttypmod) from pg_attribute a
                  where a.attrelid = relation and a.attname = 'id' and not a.attisdropped);
    if key_type is null then
        return null;
    end if;
    execute format('select to_jsonb(t) from %s t where t.id = %L::%s', relation, row_id, key_type) into found_row;
    return found_row - public.hidden_columns_of(relation, hidden);
end
$function$;

--- comment-on-function public.row_by_now(text, text)
comment on function public.row_by_now(text, text) is 'A row that records events, as it is now, without what enters no event; null if it is gone.';

--- grants-on-function public.row_by_now(text, text)
revoke all on function public.row_by_now(text, text) from public, anon, authenticated, service_role;
grant execute on function public.row_by_now(text, text) to thendo_engine;

--- function public.rows_that_stay(uuid)
CREATE OR REPLACE FUNCTION public.rows_that_stay(of_customer uuid)
 RETURNS TABLE(what text, row_count bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select kept.what, kept.row_count from (values
        (1, 'orders', (select count(*) from public.orders o where o.customer_id = of_customer)),
        (2, 'deposits', (select count(*) from public.deposits d join public.orders o on o.id = d.order_id
                          where o.customer_id = of_customer)),
        (3, 'lines of the points ledger', (select count(*) from public.loyalty_ledger l where l.customer_id = of_customer)),
        (4, 'quotes', (select count(*) from public.quotes q where q.customer_id = of_customer)),
        (5, 'subscriptions', (select count(*) from public.subscriptions s where s.customer_id = of_customer))
    ) as kept (place, what, row_count) where kept.row_count > 0 order by kept.place
$function$;

--- comment-on-function public.rows_that_stay(uuid)
comment on function public.rows_that_stay(uuid) is 'What of a customer stays, without a name, when they are erased: how many rows.';

--- grants-on-function public.rows_that_stay(uuid)
revoke all on function public.rows_that_stay(uuid) from public, anon, authenticated, service_role;
grant execute on function public.rows_that_stay(uuid) to thendo_api;

--- function public.set_created()
CREATE OR REPLACE FUNCTION public.set_created()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    new.created_at := now();
    new.updated_at := new.created_at;
    new.created_by := auth.uid();
    return new;
end
$function$;

--- comment-on-function public.set_created()
comment on function public.set_created() is 'Before-insert trigger of every audited table, for clients only: when and by whom is not theirs to say.';

--- grants-on-function public.set_created()
revoke all on function public.set_created() from public, anon, authenticated, service_role;

--- function public.set_updated_at()
CREATE OR REPLACE FUNCTION public.set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    new.updated_at := clock_timestamp();
    if current_user in ('anon', 'authenticated') then
        new.created_at := old.created_at;
        new.created_by := old.created_by;
    end if;
    return new;
end
$function$;

--- comment-on-function public.set_updated_at()
comment on function public.set_updated_at() is 'Before-update trigger of every audited table: keeps updated_at, and created_at and created_by from clients.';

--- grants-on-function public.set_updated_at()
revoke all on function public.set_updated_at() from public, anon, authenticated, service_role;

--- function public.settle_stripe(text)
CREATE OR REPLACE FUNCTION public.settle_stripe(of_object text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    o     public.stripe_objects;
    state jsonb;
    why   text;
begin
    perform from public.stripe_objects t where t.id = of_object for update;
    o := (select t from public.stripe_objects t where t.id = of_object);
    begin
        state := public.stripe_latest(o.events) -> 'state';
        case o.kind
        when 'customer' then
            perform public.assign_stripe_customer(o.id, state ->> 'customer_id', o.email, o.told_at);
            select t.customer_id into o.customer_id from public.stripe_objects t where t.id = o.id;
            if o.customer_id is not null then
                perform public.link_stripe_customer(o.customer_id);
            elsif state -> 'deleted' is distinct from 'true' then
                why := 'no customer of the shop is known for it: neither by metadata.customer_id nor by its address';
            end if;
        when 'subscription' then why := public.settle_stripe_subscription(o, state);
        when 'payment' then why := public.settle_stripe_payment(o, state);
        else why := o.note;
        end case;
    exception when others then
        if sqlstate ~ '^(40|53|55|57|58)' then
            raise;
        end if;
        why := 'it could not be taken over: ' || sqlerrm;
    end;
    update public.stripe_objects t set note = why, tried_at = case when why is not null then clock_timestamp() end
     where t.id = of_object and (why is not null or t.note is not null);
end
$function$;

--- comment-on-function public.settle_stripe(text)
comment on function public.settle_stripe(text) is 'Brings the shop''s rows in step with what Stripe told of one object, or notes why not.';

--- grants-on-function public.settle_stripe(text)
revoke all on function public.settle_stripe(text) from public, anon, authenticated, service_role;

--- function public.stamp_moderation()
CREATE OR REPLACE FUNCTION public.stamp_moderation()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if tg_op = 'INSERT' then
        -- An import may say when and by whom.
        if new.status <> 'pending' then
            new.moderated_at := coalesce(new.moderated_at, clock_timestamp());
            new.moderated_by := coalesce(new.moderated_by, auth.uid());
        end if;
    elsif new.status is distinct from old.status then
        new.moderated_at := case when new.status <> 'pending' then clock_timestamp() end;
        new.moderated_by := case when new.status <> 'pending' then auth.uid() end;
    end if;
    return new;
end
$function$;

--- comment-on-function public.stamp_moderation()
comment on function public.stamp_moderation() is 'Before-write trigger of reviews: who decided, and when.';

--- grants-on-function public.stamp_moderation()
revoke all on function public.stamp_moderation() from public, anon, authenticated, service_role;

--- function public.stamp_order_progress()
CREATE OR REPLACE FUNCTION public.stamp_order_progress()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if new.payment_status in ('paid', 'partially_refunded', 'refunded') then
        new.paid_at := coalesce(new.paid_at, clock_timestamp());
    end if;
    if new.fulfillment_status in ('fulfilled', 'delivered', 'returned') then
        new.fulfilled_at := coalesce(new.fulfilled_at, clock_timestamp());
    end if;
    new.cancelled_at := case when new.status = 'cancelled' then coalesce(new.cancelled_at, clock_timestamp()) end;
    return new;
end
$function$;

--- comment-on-function public.stamp_order_progress()
comment on function public.stamp_order_progress() is 'Before-write trigger of orders: stamps the instants of its states.';

--- grants-on-function public.stamp_order_progress()
revoke all on function public.stamp_order_progress() from public, anon, authenticated, service_role;

--- function public.stamp_publication()
CREATE OR REPLACE FUNCTION public.stamp_publication()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if new.status = 'published' and new.published_at is null then
        new.published_at := clock_timestamp();
    end if;
    return new;
end
$function$;

--- comment-on-function public.stamp_publication()
comment on function public.stamp_publication() is 'Before-write trigger of what can be published: stamps published_at.';

--- grants-on-function public.stamp_publication()
revoke all on function public.stamp_publication() from public, anon, authenticated, service_role;

--- function public.stamp_quote()
CREATE OR REPLACE FUNCTION public.stamp_quote()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if new.status <> 'draft' then
        new.sent_at := coalesce(new.sent_at, clock_timestamp());
    end if;
    new.decided_at := case when new.status in ('accepted', 'declined') then coalesce(new.decided_at, clock_timestamp()) end;
    return new;
end
$function$;

--- comment-on-function public.stamp_quote()
comment on function public.stamp_quote() is 'Before-write trigger of quotes: stamps the instants of its states.';

--- grants-on-function public.stamp_quote()
revoke all on function public.stamp_quote() from public, anon, authenticated, service_role;

--- function public.start_campaign(uuid)
CREATE OR REPLACE FUNCTION public.start_campaign(campaign uuid)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    starting public.waitlist_campaigns;
    template public.email_templates;
    fault text;
begin
    select c.* into starting from public.waitlist_campaigns c
     where c.id = campaign and c.status = 'scheduled' and coalesce(c.scheduled_at, '-infinity') <= clock_timestamp()
       for no key update skip locked;
    if not found then
        return null; -- Another daemon has it.
    end if;
    select t.* into template from public.email_templates t where t.id = starting.template_id;
    fault := case
        when template.id is null then 'its template is gone'
        when not template.is_active then format('the template `%s` is not active', template.name)
        when coalesce(starting.audience ->> 'from', '') not in ('waitlist', 'customers', 'subscribers')
            then 'its audience says from whom it is in none of: waitlist, customers, subscribers'
        when starting.limit_to_stock and starting.product_id is null then 'it is limited to the stock of no product: set `product_id`' end;
    if fault is not null then
        update public.waitlist_campaigns c set status = 'failed', error = fault where c.id = campaign;
        return fault;
    end if;
    insert into public.waitlist_campaign_recipients (campaign_id, waitlist_id, customer_id, email, name, position, status, error)
    select campaign, a.waitlist_id, a.customer_id, a.email, a.name, row_number() over (order by a.joined_at, lower(a.email)),
           case when a.is_address then 'queued' else 'refused' end, case when not a.is_address then 'this is not one e-mail address' end
      from (select distinct on (lower(b.email)) b.waitlist_id, b.customer_id, b.email, b.name, b.joined_at,
                   -- Nothing around it: `A <a@b.c>` would pass by what is known of a@b.c.
                   b.email ~ '^[^][:space:]@<>,;:"()\\[]+@[^][:space:]@<>,;:"()\\[]+$' as is_address
              from public.campaign_audience(starting.audience, starting.product_id, starting.variant_id) b
             order by lower(b.email), b.joined_at) a
    on conflict do nothing;
    update public.waitlist_campaigns c
       set status = 'sending', started_at = coalesce(c.started_at, clock_timestamp()), next_at = clock_timestamp(), is_settled = false,
           stock_at_start = (select sum(greatest(0, s.available)) from public.product_stock s
                where s.product_id = c.product_id and (c.variant_id is null or s.variant_id = c.variant_id)),
           content = public.campaign_content(c.subject, template)
     where c.id = campaign;
    return null;
end
$function$;

--- comment-on-function public.start_campaign(uuid)
comment on function public.start_campaign(uuid) is 'Starts a campaign that is due: its recipients and its content are frozen. For the daemon.';

--- grants-on-function public.start_campaign(uuid)
revoke all on function public.start_campaign(uuid) from public, anon, authenticated, service_role;
grant execute on function public.start_campaign(uuid) to thendo_engine;

--- function public.start_times(uuid[], timestamp with time zone[], timestamp with time zone[], timestamp with time zone[], uuid[], uuid[], timestamp with time zone[], integer[])
CREATE OR REPLACE FUNCTION public.start_times(of_workflows uuid[], was timestamp with time zone[], last_at timestamp with time zone[], next_at timestamp with time zone[], ids uuid[], times_of uuid[], due_at timestamp with time zone[], missed integer[])
 RETURNS TABLE(workflow_id uuid)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
begin
    return query
    with held as (
        select s.workflow_id, i.last_at, i.next_at
          from unnest($1, $2, $3, $4) as i (workflow_id, was, last_at, next_at)
          join public.workflow_schedules s on s.workflow_id = i.workflow_id and s.last_at = i.was
         order by s.workflow_id for update of s skip locked
    ), moved as (
        update public.workflow_schedules s set last_at = h.last_at, next_at = h.next_at
          from held h where s.workflow_id = h.workflow_id
        returning s.workflow_id
    ), told as (
        insert into public.workflow_events (id, at, table_name, operation, entity, row_data)
        select t.id, t.at, 'thendo.schedule', 'insert', t.workflow_id::text,
               jsonb_build_object('id', t.id, 'workflow_id', t.workflow_id, 'at', t.at, 'due_at', t.due_at, 'missed', t.missed)
        from (select o.id, o.workflow_id, o.due_at, o.missed, clock_timestamp() as at
                from (select i.id, m.workflow_id, i.due_at, i.missed
                        from unnest($5, $6, $7, $8) as i (id, workflow_id, due_at, missed)
                        join moved m on m.workflow_id = i.workflow_id order by i.due_at, i.id) o
              offset 0) t
        returning id, at, (hashtextextended(entity, 0) & 63)::smallint as lane
    ), queued as (
        insert into public.workflow_queue (due_at, lane, event_at, event_id)
        select t.at, t.lane, t.at, t.id from told t
    )
    select m.workflow_id from moved m;
    -- The daemon itself looks again at once.
    if current_setting('role') <> 'thendo_engine' then
        perform pg_notify('thendo_shop', '') where pg_notification_queue_usage() < 0.5;
    end if;
end
$function$;

--- comment-on-function public.start_times(uuid[], timestamp with time zone[], timestamp with time zone[], timestamp with time zone[], uuid[], uuid[], timestamp with time zone[], integer[])
comment on function public.start_times(uuid[], timestamp with time zone[], timestamp with time zone[], timestamp with time zone[], uuid[], uuid[], timestamp with time zone[], integer[]) is 'Moves schedules from where the caller found them and writes an event for each time that has come. Gives those that it moved.';

--- grants-on-function public.start_times(uuid[], timestamp with time zone[], timestamp with time zone[], timestamp with time zone[], uuid[], uuid[], timestamp with time zone[], integer[])
revoke all on function public.start_times(uuid[], timestamp with time zone[], timestamp with time zone[], timestamp with time zone[], uuid[], uuid[], timestamp with time zone[], integer[]) from public, anon, authenticated, service_role;
grant execute on function public.start_times(uuid[], timestamp with time zone[], timestamp with time zone[], timestamp with time zone[], uuid[], uuid[], timestamp with time zone[], integer[]) to thendo_engine;

--- function public.start_workflows(uuid[], text[], jsonb[], text[], integer[])
CREATE OR REPLACE FUNCTION public.start_workflows(ids uuid[], names text[], inputs jsonb[], started_by text[], depths integer[])
 RETURNS TABLE(id uuid, workflow_id uuid)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
        perform pg_notify('thendo_shop', '') where pg_notification_queue_usage() < 0.5;
    end if;
end
$function$;

--- comment-on-function public.start_workflows(uuid[], text[], jsonb[], text[], integer[])
comment on function public.start_workflows(uuid[], text[], jsonb[], text[], integer[]) is 'Starts workflows with the trigger manual, each by its name or id, with an input. Gives which were started: without a workflow_id, there is none in force.';

--- grants-on-function public.start_workflows(uuid[], text[], jsonb[], text[], integer[])
revoke all on function public.start_workflows(uuid[], text[], jsonb[], text[], integer[]) from public, anon, authenticated, service_role;
grant execute on function public.start_workflows(uuid[], text[], jsonb[], text[], integer[]) to service_role;
grant execute on function public.start_workflows(uuid[], text[], jsonb[], text[], integer[]) to thendo_engine;
grant execute on function public.start_workflows(uuid[], text[], jsonb[], text[], integer[]) to thendo_api;

--- function public.store_embedding(uuid, real[])
CREATE OR REPLACE FUNCTION public.store_embedding(post uuid, numbers real[])
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    at_home text;
    found_it boolean;
begin
    select n.nspname into at_home from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector';
    if at_home is null or not exists (select from pg_catalog.pg_attribute a
            where a.attrelid = 'public.blog_posts'::regclass and a.attname = 'embedding' and not a.attisdropped) then
        return 'the database has no pgvector: install it, and run `thendo migrate`';
    end if;
    if cardinality(numbers) <> 1536 then
        return format('the embedding has %s numbers, and posts have 1536: choose another model, or its `dimensions`', cardinality(numbers));
    end if;
    execute format('update public.blog_posts p set embedding = $2::%I.vector where p.id = $1 returning true', at_home) into found_it using post, numbers;
    return case when found_it then null else format('there is no post %s', post) end;
end
$function$;

--- comment-on-function public.store_embedding(uuid, real[])
comment on function public.store_embedding(uuid, real[]) is 'Stores what a post is about; null, or why it could not. For the daemon.';

--- grants-on-function public.store_embedding(uuid, real[])
revoke all on function public.store_embedding(uuid, real[]) from public, anon, authenticated, service_role;
grant execute on function public.store_embedding(uuid, real[]) to thendo_engine;

--- function public.store_google_calendar_tokens(timestamp with time zone, text, uuid)
CREATE OR REPLACE FUNCTION public.store_google_calendar_tokens(expires_at timestamp with time zone, scope text DEFAULT NULL::text, for_user uuid DEFAULT auth.uid())
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if current_setting('role') in ('anon', 'authenticated')
       and not coalesce(for_user = auth.uid() or public.is_admin(auth.uid()), false) then
        raise insufficient_privilege using message = 'these would be the tokens of another account';
    end if;
    insert into public.google_calendar_tokens as t
        (user_id, access_token_encrypted, refresh_token_encrypted, key_id, scope, expires_at)
    values (for_user, public.encrypted(public.handed_over('access_token'), public.handed_over('token_key')),
            public.encrypted(nullif(current_setting('thendo.refresh_token', true), ''), public.handed_over('token_key')),
            public.handed_over('token_key_id'), $2, $1)
    -- Google gives a refresh token only the first time. One of an older key could not be read with this one's.
    on conflict (user_id) do update
       set access_token_encrypted = excluded.access_token_encrypted,
           refresh_token_encrypted = case when t.key_id = excluded.key_id
               then coalesce(excluded.refresh_token_encrypted, t.refresh_token_encrypted)
               else excluded.refresh_token_encrypted end,
           key_id = excluded.key_id, scope = coalesce(excluded.scope, t.scope), expires_at = excluded.expires_at;
end
$function$;

--- comment-on-function public.store_google_calendar_tokens(timestamp with time zone, text, uuid)
comment on function public.store_google_calendar_tokens(timestamp with time zone, text, uuid) is 'Keeps the tokens handed over in this transaction, encrypted. For their owner and the service role.';

--- grants-on-function public.store_google_calendar_tokens(timestamp with time zone, text, uuid)
revoke all on function public.store_google_calendar_tokens(timestamp with time zone, text, uuid) from public, anon, authenticated, service_role;
grant execute on function public.store_google_calendar_tokens(timestamp with time zone, text, uuid) to authenticated;
grant execute on function public.store_google_calendar_tokens(timestamp with time zone, text, uuid) to service_role;

--- function public.store_oauth_client_secret(text)
CREATE OR REPLACE FUNCTION public.store_oauth_client_secret(of_provider text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    update public.oauth_providers p
       set client_secret_encrypted = public.encrypted(public.handed_over('client_secret'), public.handed_over('token_key')),
           key_id = public.handed_over('token_key_id')
     where p.name = of_provider;
    if not found then
        raise no_data_found using message = format('no OAuth provider is named %s', of_provider);
    end if;
end
$function$;

--- comment-on-function public.store_oauth_client_secret(text)
comment on function public.store_oauth_client_secret(text) is 'Keeps the client secret handed over in this transaction, encrypted. For admins and the service role.';

--- grants-on-function public.store_oauth_client_secret(text)
revoke all on function public.store_oauth_client_secret(text) from public, anon, authenticated, service_role;
grant execute on function public.store_oauth_client_secret(text) to authenticated;
grant execute on function public.store_oauth_client_secret(text) to service_role;

--- function public.stripe_amount(bigint, text)
CREATE OR REPLACE FUNCTION public.stripe_amount(amount bigint, currency text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select case when upper(currency) in ('ISK', 'UGX') then amount / 100 else amount end
$function$;

--- comment-on-function public.stripe_amount(bigint, text)
comment on function public.stripe_amount(bigint, text) is 'An amount as Stripe tells it, in the currency''s minor unit.';

--- grants-on-function public.stripe_amount(bigint, text)
revoke all on function public.stripe_amount(bigint, text) from public, anon, authenticated, service_role;

--- function public.stripe_latest(jsonb)
CREATE OR REPLACE FUNCTION public.stripe_latest(events jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    with each as (
        select e, e ->> 'id' as id, (e ->> 'rank')::integer as rank from jsonb_array_elements(events) e
    ), top as (
        select c.e, c.id from each c where c.rank = (select max(m.rank) from each m)
    ), follows as (
        select a.id as former, b.id as later from top a, top b
         where a.id <> b.id
           and (select count(*) > 0 and bool_and(a.e -> 'state' -> p.key = p.value) from jsonb_each(b.e -> 'before') p
                 where a.e -> 'state' ? p.key)
    )
    select t.e from top t
     order by exists (select from follows f where f.former = t.id
                        and not exists (select from follows g where g.former = f.later and g.later = t.id)),
              t.id desc
     limit 1
$function$;

--- comment-on-function public.stripe_latest(jsonb)
comment on function public.stripe_latest(jsonb) is 'The latest of several events of Stripe''s of the same second.';

--- grants-on-function public.stripe_latest(jsonb)
revoke all on function public.stripe_latest(jsonb) from public, anon, authenticated, service_role;

--- function public.stripe_state(text, jsonb)
CREATE OR REPLACE FUNCTION public.stripe_state(kind text, o jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select jsonb_strip_nulls(case kind
        when 'customer' then jsonb_build_object('email', o -> 'email', 'deleted', o -> 'deleted')
        when 'subscription' then jsonb_build_object('status', o -> 'status', 'plan', coalesce(o #> '{metadata,plan}',
                i.item #> '{price,nickname}', i.item #> '{price,lookup_key}', i.item #> '{price,id}', i.item #> '{plan,id}'),
            'price', coalesce(i.item #> '{price,id}', i.item #> '{plan,id}'), 'amount', i.amount)
        else jsonb_build_object('status', o -> 'status', 'amount_received', o -> 'amount_received', 'amount', o -> 'amount',
            'session_id', o #> '{metadata,session_id}', 'collection_id', o #> '{metadata,payment_collection_id}')
    end || jsonb_build_object('customer_id', o #> '{metadata,customer_id}', 'created', o -> 'created', 'livemode', o -> 'livemode',
        'currency', o -> 'currency', 'canceled_at', o -> 'canceled_at', 'cancel_at_period_end', o -> 'cancel_at_period_end',
        -- Newer versions of Stripe's API tell periods by item.
        'current_period_start', coalesce(nullif(o -> 'current_period_start', 'null'), i.item -> 'current_period_start'),
        'current_period_end', coalesce(nullif(o -> 'current_period_end', 'null'), i.item -> 'current_period_end')))
    from (select o #> '{items,data,0}' as item,
                 (select sum((coalesce(e #>> '{price,unit_amount}', e #>> '{plan,amount}'))::bigint * coalesce((e ->> 'quantity')::bigint, 1))
                    from jsonb_array_elements(case jsonb_typeof(o #> '{items,data}') when 'array' then o #> '{items,data}' else '[]' end) e) as amount) i
$function$;

--- comment-on-function public.stripe_state(text, jsonb)
comment on function public.stripe_state(text, jsonb) is 'Of an object of Stripe''s what the shop keeps in step with.';

--- grants-on-function public.stripe_state(text, jsonb)
revoke all on function public.stripe_state(text, jsonb) from public, anon, authenticated, service_role;

--- function public.suppression_is_nameless()
CREATE OR REPLACE FUNCTION public.suppression_is_nameless()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    delete from public.marketing_mails m where m.address_hash = new.address_hash;
    if tg_op = 'UPDATE' and old.email is not null then
        new.reason := 'erased';
    end if;
    return new;
end
$function$;

--- comment-on-function public.suppression_is_nameless()
comment on function public.suppression_is_nameless() is 'Before-write trigger of suppressions: a nameless one is of a person that was erased.';

--- grants-on-function public.suppression_is_nameless()
revoke all on function public.suppression_is_nameless() from public, anon, authenticated, service_role;

--- function public.take_medusa_stock(text[])
CREATE OR REPLACE FUNCTION public.take_medusa_stock(variants text[] DEFAULT NULL::text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    known text[];
begin
    variants := coalesce(variants, array(select distinct l.variant_id from public.product_variant_inventory_item l));
    known := array(select s.variant_id from public.product_stock s where s.variant_id = any (variants)
                    order by s.variant_id for update);
    -- Once more if rows are new: another may have made them meanwhile.
    for turn in 1 .. case when cardinality(known) < cardinality(variants) then 2 else 1 end loop
        insert into public.product_stock as s (variant_id, product_id, available)
        select l.variant_id, max(v.product_id), min(floor(coalesce(i.free, 0) / greatest(l.required_quantity, 1)))::bigint
          from public.product_variant_inventory_item l
          left join public.product_variant v on v.id = l.variant_id
          left join lateral (
              select sum(n.stocked_quantity - n.reserved_quantity) as free from public.inventory_level n
               where n.inventory_item_id = l.inventory_item_id and n.deleted_at is null) i on true
         where l.deleted_at is null and l.variant_id = any (variants)
         group by l.variant_id order by l.variant_id
        on conflict (variant_id) do update set available = excluded.available
         where s.available is distinct from excluded.available;
    end loop;
    -- A variant whose last item was taken away is counted no more.
    delete from public.product_stock s where s.variant_id = any (known) and not exists (
        select from public.product_variant_inventory_item l where l.variant_id = s.variant_id and l.deleted_at is null);
end
$function$;

--- comment-on-function public.take_medusa_stock(text[])
comment on function public.take_medusa_stock(text[]) is 'Brings product_stock up to date with Medusa''s inventory: for some variants, or all.';

--- grants-on-function public.take_medusa_stock(text[])
revoke all on function public.take_medusa_stock(text[]) from public, anon, authenticated, service_role;

--- function public.take_stripe_event(jsonb, text[])
CREATE OR REPLACE FUNCTION public.take_stripe_event(request jsonb, verified text[])
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '2s'
AS $function$
declare
    event constant jsonb := request -> 'body';
begin
    if event ->> 'id' is null or not public.note_hook_call('stripe', event ->> 'id') then
        return false;
    end if;
    if exists (select from public.workflow_triggers t where t.table_name = 'thendo.webhook' and t.config ->> 'path' = 'stripe') then
        perform public.record_webhook('stripe', 'POST', event ->> 'id', request, verified);
    end if;
    begin
        perform public.take_stripe_object(event);
    exception when others then
        if sqlstate ~ '^(40|53|55|57|58)' then
            raise;
        end if;
        -- It would come again for days and then be lost.
        insert into public.stripe_objects (id, kind, told_at, events, note, tried_at)
        values (event ->> 'id', 'unread', clock_timestamp(), jsonb_build_array(event), 'it could not be read: ' || sqlerrm, clock_timestamp())
        on conflict do nothing;
    end;
    return true;
end
$function$;

--- comment-on-function public.take_stripe_event(jsonb, text[])
comment on function public.take_stripe_event(jsonb, text[]) is 'Takes in an event of Stripe''s, once: keeps customers, subscriptions and payments in step, and tells workflows that listen at the path stripe. For the daemon''s own HTTP, which has verified it.';

--- grants-on-function public.take_stripe_event(jsonb, text[])
revoke all on function public.take_stripe_event(jsonb, text[]) from public, anon, authenticated, service_role;
grant execute on function public.take_stripe_event(jsonb, text[]) to thendo_engine;

--- function public.take_stripe_object(jsonb)
CREATE OR REPLACE FUNCTION public.take_stripe_object(event jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    o       constant jsonb := event #> '{data,object}';
    moment  constant timestamptz := to_timestamp((event ->> 'created')::bigint);
    of_kind constant text := case o ->> 'object' when 'customer' then 'customer' when 'subscription' then 'subscription'
                                  when 'payment_intent' then 'payment' end;
    slim    constant jsonb := jsonb_build_object('id', event ->> 'id', 'type', event ->> 'type',
        'state', public.stripe_state(of_kind, o || case when event ->> 'type' like '%.deleted' then '{"deleted": true}' else '{}' end::jsonb),
        'before', case jsonb_typeof(event #> '{data,previous_attributes}') when 'object' then event #> '{data,previous_attributes}' else '{}' end,
        'rank', case when event ->> 'type' like '%.created' then 0
                     when event ->> 'type' like '%.deleted' or event ->> 'type' in ('payment_intent.succeeded', 'payment_intent.canceled') then 2
                     else 1 end);
    waiting text;
begin
    if of_kind is null or o ->> 'id' is null or moment is null or event ->> 'type' !~ '^(customer|customer\.subscription|payment_intent)\.[a-z_]+$' then
        return;
    end if;
    insert into public.stripe_objects as t (id, kind, stripe_customer, email, told_at, events)
    values (o ->> 'id', of_kind, case of_kind when 'customer' then o ->> 'id' else o ->> 'customer' end, lower(o ->> 'email'), moment, jsonb_build_array(slim))
    on conflict (id) do update
       set told_at = excluded.told_at, stripe_customer = coalesce(excluded.stripe_customer, t.stripe_customer),
           email = coalesce(excluded.email, t.email),
           events = case when excluded.told_at > t.told_at or jsonb_array_length(t.events) >= 100 then excluded.events
                         else t.events || excluded.events end
     where excluded.told_at >= t.told_at;
    -- Also what is older may tell whose it is.
    if of_kind = 'customer' then
        perform public.assign_stripe_customer(o ->> 'id', o #>> '{metadata,customer_id}', o ->> 'email', moment);
    end if;
    perform public.settle_stripe(o ->> 'id');
    -- A few that wait for something are tried again.
    for waiting in
        select w.id from public.stripe_objects w where w.note is not null and w.tried_at < clock_timestamp() - interval '1 minute'
         order by w.tried_at limit 5 for update skip locked
    loop
        perform public.settle_stripe(waiting);
    end loop;
end
$function$;

--- comment-on-function public.take_stripe_object(jsonb)
comment on function public.take_stripe_object(jsonb) is 'Of take_stripe_event(): what an event tells of its object.';

--- grants-on-function public.take_stripe_object(jsonb)
revoke all on function public.take_stripe_object(jsonb) from public, anon, authenticated, service_role;

--- function public.take_tokens()
CREATE OR REPLACE FUNCTION public.take_tokens()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    -- By assignment: a statement's plan has its values in it, and auto_explain logs plans.
    kept text;
begin
    kept := set_config('thendo.token_key_id', coalesce(new.key_id, ''), true);
    kept := set_config('thendo.token_key', coalesce(new.key, ''), true);
    kept := set_config('thendo.token_former_key', coalesce(new.former_key, ''), true);
    kept := set_config('thendo.access_token', coalesce(new.access_token, ''), true);
    kept := set_config('thendo.refresh_token', coalesce(new.refresh_token, ''), true);
    kept := set_config('thendo.client_secret', coalesce(new.client_secret, ''), true);
    return null;
end
$function$;

--- comment-on-function public.take_tokens()
comment on function public.take_tokens() is 'Instead-of-insert trigger of token_handover: keeps it for this transaction.';

--- grants-on-function public.take_tokens()
revoke all on function public.take_tokens() from public, anon, authenticated, service_role;

--- function public.take_turn(text, interval)
CREATE OR REPLACE FUNCTION public.take_turn(at_task text, at_least_every interval)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    moment constant timestamptz := clock_timestamp();
begin
    insert into public.maintenance (task, last_run_at) values (at_task, '-infinity') on conflict do nothing;
    -- A clock that was set back must not put it off for ever.
    update public.maintenance m set last_run_at = moment
     where m.task = at_task and (m.last_run_at <= moment - at_least_every or m.last_run_at > moment + interval '1 hour');
    return found;
end
$function$;

--- comment-on-function public.take_turn(text, interval)
comment on function public.take_turn(text, interval) is 'Whether the caller is to do the task now: nobody took this turn within the interval. For the daemon.';

--- grants-on-function public.take_turn(text, interval)
revoke all on function public.take_turn(text, interval) from public, anon, authenticated, service_role;
grant execute on function public.take_turn(text, interval) to thendo_engine;

--- function public.take_webhook(text, text, text, jsonb, text[])
CREATE OR REPLACE FUNCTION public.take_webhook(at_path text, by_method text, by_sender_id text, request jsonb, verified text[])
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '2s'
AS $function$
begin
    if by_sender_id is not null and not public.note_hook_call(at_path, by_sender_id) then
        return false;
    end if;
    perform public.record_webhook(at_path, by_method, by_sender_id, request, verified);
    return true;
end
$function$;

--- comment-on-function public.take_webhook(text, text, text, jsonb, text[])
comment on function public.take_webhook(text, text, text, jsonb, text[]) is 'Records a request that came in as an event, once for each id of its sender: false if it was here before. For the daemon''s own HTTP, which has verified it.';

--- grants-on-function public.take_webhook(text, text, text, jsonb, text[])
revoke all on function public.take_webhook(text, text, text, jsonb, text[]) from public, anon, authenticated, service_role;
grant execute on function public.take_webhook(text, text, text, jsonb, text[]) to thendo_engine;

--- function public.tell_changes()
CREATE OR REPLACE FUNCTION public.tell_changes()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    -- Its arguments: what of, and the column of the id.
    told json;
    many bigint;
begin
    execute format('select count(*), json_agg(json_build_object(''id'', c.%1$I) order by c.%1$I) filter (where c.n <= 100)
                      from (select d.%1$I, row_number() over () as n from changed d) c', tg_argv[1]) into many, told;
    if many > 0 then
        perform pg_notify('thendo_changes', json_build_object('topic', tg_argv[0],
            'data', json_build_object('changed', told, 'more', greatest(many - 100, 0)))::text)
            where pg_notification_queue_usage() < 0.5;
    end if;
    return null;
end
$function$;

--- comment-on-function public.tell_changes()
comment on function public.tell_changes() is 'Tells whoever watches which rows changed. Trigger.';

--- grants-on-function public.tell_changes()
revoke all on function public.tell_changes() from public, anon, authenticated, service_role;

--- function public.tell_executions(uuid[], jsonb)
CREATE OR REPLACE FUNCTION public.tell_executions(ids uuid[], word jsonb)
 RETURNS SETOF uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.tell_executions(uuid[], jsonb)
comment on function public.tell_executions(uuid[], jsonb) is 'Hands a word (approve, refuse, cancel, retry) to executions that rest, or have failed; gives those that can take it.';

--- grants-on-function public.tell_executions(uuid[], jsonb)
revoke all on function public.tell_executions(uuid[], jsonb) from public, anon, authenticated, service_role;
grant execute on function public.tell_executions(uuid[], jsonb) to service_role;
grant execute on function public.tell_executions(uuid[], jsonb) to thendo_engine;
grant execute on function public.tell_executions(uuid[], jsonb) to thendo_api;

--- function public.tell_failures(jsonb[], uuid[], smallint[])
CREATE OR REPLACE FUNCTION public.tell_failures(failures jsonb[], causes uuid[], depths smallint[])
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.tell_failures(jsonb[], uuid[], smallint[])
comment on function public.tell_failures(jsonb[], uuid[], smallint[]) is 'Records that executions failed, each by its execution and the depth of the event, for workflows that begin with that. For the daemon.';

--- grants-on-function public.tell_failures(jsonb[], uuid[], smallint[])
revoke all on function public.tell_failures(jsonb[], uuid[], smallint[]) from public, anon, authenticated, service_role;
grant execute on function public.tell_failures(jsonb[], uuid[], smallint[]) to thendo_engine;

--- function public.undo_change(jsonb)
CREATE OR REPLACE FUNCTION public.undo_change(change jsonb, OUT conflict text, OUT note text, OUT is_now jsonb)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.undo_change(jsonb)
comment on function public.undo_change(jsonb) is 'Puts a row back to what it was before {table, key, before, after}, or says why it can''t.';

--- grants-on-function public.undo_change(jsonb)
revoke all on function public.undo_change(jsonb) from public, anon, authenticated, service_role;

--- function public.undo_changes(uuid, timestamp with time zone, jsonb)
CREATE OR REPLACE FUNCTION public.undo_changes(of_root uuid, of_event_at timestamp with time zone, wanted jsonb)
 RETURNS TABLE(n bigint, conflict text, note text, is_now jsonb, points bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.undo_changes(uuid, timestamp with time zone, jsonb)
comment on function public.undo_changes(uuid, timestamp with time zone, jsonb) is 'Reverses what an execution and its other attempts recorded, in this order: list of {table, key, before, after}. For each: why it can''t be, if it can''t. The caller commits, or rolls back. For the command line, as the engine.';

--- grants-on-function public.undo_changes(uuid, timestamp with time zone, jsonb)
revoke all on function public.undo_changes(uuid, timestamp with time zone, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.undo_changes(uuid, timestamp with time zone, jsonb) to thendo_engine;

--- function public.undo_ledger_line(uuid)
CREATE OR REPLACE FUNCTION public.undo_ledger_line(line uuid, OUT conflict text, OUT note text, OUT points bigint)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.undo_ledger_line(uuid)
comment on function public.undo_ledger_line(uuid) is 'Reverses what is left of a line of the ledger by a counter-entry, or says why it can''t.';

--- grants-on-function public.undo_ledger_line(uuid)
revoke all on function public.undo_ledger_line(uuid) from public, anon, authenticated, service_role;

--- function public.update_my_profile(text, text, text, jsonb)
CREATE OR REPLACE FUNCTION public.update_my_profile(name text DEFAULT NULL::text, phone text DEFAULT NULL::text, locale text DEFAULT NULL::text, preferences jsonb DEFAULT NULL::jsonb)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    update public.customers c
       set name = coalesce($1, c.name), phone = coalesce($2, c.phone), locale = coalesce($3, c.locale),
           preferences = coalesce($4, c.preferences)
     where c.user_id = (select auth.uid())
$function$;

--- comment-on-function public.update_my_profile(text, text, text, jsonb)
comment on function public.update_my_profile(text, text, text, jsonb) is 'What customers say of themselves; what is not given stays. Address, tier and links are the shop''s to change.';

--- grants-on-function public.update_my_profile(text, text, text, jsonb)
revoke all on function public.update_my_profile(text, text, text, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.update_my_profile(text, text, text, jsonb) to authenticated;

--- function public.use_referral_code(text, uuid)
CREATE OR REPLACE FUNCTION public.use_referral_code(code text, customer_id uuid)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    found_code public.referral_codes;
begin
    -- The code's row first: it is what all uses of one code wait for.
    select r.* into found_code from public.referral_codes r
     where r.code = use_referral_code.code and r.is_active
       and (r.expires_at is null or r.expires_at > now()) and (r.most_uses is null or r.uses < r.most_uses)
       and r.customer_id <> use_referral_code.customer_id
       -- Two who bring each other brought nobody.
       and not exists (select from public.customers c where c.id = r.customer_id and c.referred_by = use_referral_code.customer_id)
       for update;
    if not found then
        return null;
    end if;
    update public.customers c set referred_by = found_code.customer_id
     where c.id = use_referral_code.customer_id and c.referred_by is null;
    if not found then
        return null;
    end if;
    update public.referral_codes r set uses = r.uses + 1 where r.id = found_code.id;
    return found_code.customer_id;
end
$function$;

--- comment-on-function public.use_referral_code(text, uuid)
comment on function public.use_referral_code(text, uuid) is 'Notes that a customer came with a code; the customer who passed it on, null if it does not count.';

--- grants-on-function public.use_referral_code(text, uuid)
revoke all on function public.use_referral_code(text, uuid) from public, anon, authenticated, service_role;
grant execute on function public.use_referral_code(text, uuid) to service_role;

--- function public.use_secrets(text[])
CREATE OR REPLACE FUNCTION public.use_secrets(names text[])
 RETURNS TABLE(name text, ciphertext bytea, nonce bytea, key_id text)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    -- When it was last used is told to the minute, and nobody waits for somebody else to write it down.
    with worth_telling as (
        select s.id from public.workflow_secrets s
         where s.name = any ($1) and coalesce(s.last_used_at < statement_timestamp() - interval '1 minute', true)
         order by s.id for no key update skip locked
    ), told as (
        update public.workflow_secrets s set last_used_at = statement_timestamp()
          from worth_telling w where s.id = w.id
    )
    select s.name, s.ciphertext, s.nonce, s.key_id from public.workflow_secrets s where s.name = any ($1)
$function$;

--- comment-on-function public.use_secrets(text[])
comment on function public.use_secrets(text[]) is 'Secrets by their names, encrypted; those that are not stored are left out. For the daemon, right before it sends something.';

--- grants-on-function public.use_secrets(text[])
revoke all on function public.use_secrets(text[]) from public, anon, authenticated, service_role;
grant execute on function public.use_secrets(text[]) to thendo_engine;

--- function public.verified_email()
CREATE OR REPLACE FUNCTION public.verified_email()
 RETURNS text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select lower(u.email) from auth.users u
     where u.id = (select auth.uid()) and u.email_confirmed_at is not null
       and lower(u.email) = lower((select auth.jwt() ->> 'email'))
$function$;

--- comment-on-function public.verified_email()
comment on function public.verified_email() is 'The address of the request''s token, lower case, if its account has verified it; else null.';

--- grants-on-function public.verified_email()
revoke all on function public.verified_email() from public, anon, authenticated, service_role;
grant execute on function public.verified_email() to authenticated;
grant execute on function public.verified_email() to service_role;

--- function public.who_refers_to(regclass, jsonb)
CREATE OR REPLACE FUNCTION public.who_refers_to(target regclass, known jsonb)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.who_refers_to(regclass, jsonb)
comment on function public.who_refers_to(regclass, jsonb) is 'A table with rows that refer to this row; null if there is none.';

--- grants-on-function public.who_refers_to(regclass, jsonb)
revoke all on function public.who_refers_to(regclass, jsonb) from public, anon, authenticated, service_role;

--- function public.without_long_values(jsonb)
CREATE OR REPLACE FUNCTION public.without_long_values(whole jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select coalesce(jsonb_object_agg(key, value) filter (where octet_length(value::text) <= 1024), '{}')
    from jsonb_each(whole)
$function$;

--- comment-on-function public.without_long_values(jsonb)
comment on function public.without_long_values(jsonb) is 'The object without members over 1 KiB.';

--- grants-on-function public.without_long_values(jsonb)
revoke all on function public.without_long_values(jsonb) from public, anon, authenticated, service_role;

--- function public.without_person(jsonb, uuid[], text[])
CREATE OR REPLACE FUNCTION public.without_person(whole jsonb, accounts uuid[], addresses text[])
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select case when whole is null then null else (
        select jsonb_object_agg(m.key, case when m.value #>> '{}' = any (accounts::text[]) then 'null'
                                            when public.mentions(m.value, addresses) then '"(erased)"' else m.value end)
          from jsonb_each(whole) m) end
$function$;

--- comment-on-function public.without_person(jsonb, uuid[], text[])
comment on function public.without_person(jsonb, uuid[], text[]) is 'The object without members that name one of the accounts or addresses.';

--- grants-on-function public.without_person(jsonb, uuid[], text[])
revoke all on function public.without_person(jsonb, uuid[], text[]) from public, anon, authenticated, service_role;

--- function public.workflow_deleted()
CREATE OR REPLACE FUNCTION public.workflow_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    -- Before the epoch: that lock is the first for everyone.
    perform public.release_workflow(h.workflow_id, true, 'its deletion') from public.workflow_holds h
      where h.workflow_id <> '00000000-0000-0000-0000-000000000000'
        and not exists (select from public.workflows w where w.id = h.workflow_id);
    update public.workflow_plan_epoch set epoch = epoch + 1;
    return null;
end
$function$;

--- comment-on-function public.workflow_deleted()
comment on function public.workflow_deleted() is 'After-delete trigger of workflows: daemons forget what is gone.';

--- grants-on-function public.workflow_deleted()
revoke all on function public.workflow_deleted() from public, anon, authenticated, service_role;

--- function public.workflow_edited()
CREATE OR REPLACE FUNCTION public.workflow_edited()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if tg_op = 'INSERT' then
        new.health := 'unchecked';
        new.diagnostics := '[]';
        new.checked_at := null;
        new.live_version := null;
        new.revision := 1;
        new.edited_by := auth.uid();
    elsif coalesce(current_setting('thendo.checking', true), '') <> 'on' then
        new.health := old.health;
        new.diagnostics := old.diagnostics;
        new.checked_at := old.checked_at;
        new.live_version := old.live_version;
        new.revision := old.revision;
        new.edited_by := old.edited_by;
        if new.definition is distinct from old.definition or new.status is distinct from old.status then
            new.health := 'unchecked';
            new.revision := old.revision + 1;
            new.edited_by := auth.uid();
        end if;
    end if;
    if new.health = 'unchecked' then
        perform pg_notify('thendo_workflows', '') where pg_notification_queue_usage() < 0.5;
    end if;
    return new;
end
$function$;

--- comment-on-function public.workflow_edited()
comment on function public.workflow_edited() is 'Before-write trigger of workflows: what was edited is checked again.';

--- grants-on-function public.workflow_edited()
revoke all on function public.workflow_edited() from public, anon, authenticated, service_role;

--- function public.write_row(uuid, jsonb)
CREATE OR REPLACE FUNCTION public.write_row(id uuid, input jsonb, OUT refused text, OUT row_key text, OUT was jsonb, OUT became jsonb)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

--- comment-on-function public.write_row(uuid, jsonb)
comment on function public.write_row(uuid, jsonb) is 'Changes or adds a row of a table that workflows may write: {"table", "row", "set": {…}}; without `row` it adds one. For the daemon.';

--- grants-on-function public.write_row(uuid, jsonb)
revoke all on function public.write_row(uuid, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.write_row(uuid, jsonb) to thendo_engine;


-- ==== Tables, each with what belongs to it

--- table public.api_audit
create table public.api_audit (
    id      uuid not null default gen_random_uuid(),
    at      timestamp with time zone not null default clock_timestamp(),
    who     text not null,
    account uuid,
    act     text not null,
    target  text not null default ''::text,
    detail  jsonb not null default '{}'::jsonb,
    constraint api_audit_pkey PRIMARY KEY (id)
);

--- comment public.api_audit
comment on table public.api_audit is 'Who did what, by the API or the command line. Lines are added, never changed.';
comment on column public.api_audit.account is 'No foreign key: accounts go, lines stay.';

--- index public.api_audit api_audit_act
CREATE INDEX api_audit_act ON public.api_audit USING btree (act, at DESC, id DESC);

--- index public.api_audit api_audit_at
CREATE INDEX api_audit_at ON public.api_audit USING btree (at DESC, id DESC);

--- index public.api_audit api_audit_target
CREATE INDEX api_audit_target ON public.api_audit USING btree (target, at DESC, id DESC);

--- row-security public.api_audit
alter table public.api_audit enable row level security;

--- grants public.api_audit
revoke all on public.api_audit from public, anon, authenticated, service_role;
grant select on public.api_audit to thendo_api;
grant insert (who, account, act, target, detail) on public.api_audit to thendo_api;

--- table public.api_keys
create table public.api_keys (
    id           uuid not null default gen_random_uuid(),
    name         text not null,
    hash         bytea not null,
    prefix       text not null,
    scopes       text[] not null,
    created_at   timestamp with time zone not null default now(),
    created_by   text not null default ''::text,
    expires_at   timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at   timestamp with time zone,
    constraint api_keys_pkey PRIMARY KEY (id),
    constraint api_keys_hash_key UNIQUE (hash),
    constraint api_keys_hash_check CHECK ((octet_length(hash) = 32)),
    constraint api_keys_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100))),
    constraint api_keys_scopes_check CHECK (((cardinality(scopes) >= 1) AND (cardinality(scopes) <= 10)))
);

--- comment public.api_keys
comment on table public.api_keys is 'Keys of programs that use the API.';
comment on column public.api_keys.last_used_at is 'To the minute.';

--- index public.api_keys api_keys_name
CREATE UNIQUE INDEX api_keys_name ON public.api_keys USING btree (name) WHERE (revoked_at IS NULL);

--- row-security public.api_keys
alter table public.api_keys enable row level security;

--- grants public.api_keys
revoke all on public.api_keys from public, anon, authenticated, service_role;
grant select on public.api_keys to thendo_api;
grant insert (name, hash, prefix, scopes, created_by, expires_at) on public.api_keys to thendo_api;
grant update (last_used_at, revoked_at) on public.api_keys to thendo_api;

--- table public.api_links
create table public.api_links (
    hash       bytea not null,
    created_at timestamp with time zone not null default now(),
    created_by text not null default ''::text,
    expires_at timestamp with time zone not null,
    used_at    timestamp with time zone,
    constraint api_links_pkey PRIMARY KEY (hash),
    constraint api_links_hash_check CHECK ((octet_length(hash) = 32))
);

--- comment public.api_links
comment on table public.api_links is 'Links that begin a session: each once, and for minutes.';

--- row-security public.api_links
alter table public.api_links enable row level security;

--- grants public.api_links
revoke all on public.api_links from public, anon, authenticated, service_role;
grant select on public.api_links to thendo_api;
grant insert (hash, created_by, expires_at) on public.api_links to thendo_api;
grant update (used_at) on public.api_links to thendo_api;

--- table public.api_sessions
create table public.api_sessions (
    hash       bytea not null,
    who        text not null,
    account    uuid,
    began_at   timestamp with time zone not null default now(),
    seen_at    timestamp with time zone not null default now(),
    expires_at timestamp with time zone not null,
    ended_at   timestamp with time zone,
    id         uuid not null default gen_random_uuid(),
    constraint api_sessions_pkey PRIMARY KEY (hash),
    constraint api_sessions_hash_check CHECK ((octet_length(hash) = 32))
);

--- comment public.api_sessions
comment on table public.api_sessions is 'Sessions of people in browsers.';
comment on column public.api_sessions.account is 'Whose it is: it counts as long as the account is an admin''s. Null: whoever had the link. No foreign key: accounts go.';
comment on column public.api_sessions.seen_at is 'To the minute.';
comment on column public.api_sessions.id is 'What it is called; it opens nothing.';

--- index public.api_sessions api_sessions_id
CREATE UNIQUE INDEX api_sessions_id ON public.api_sessions USING btree (id);

--- row-security public.api_sessions
alter table public.api_sessions enable row level security;

--- grants public.api_sessions
revoke all on public.api_sessions from public, anon, authenticated, service_role;
grant select on public.api_sessions to thendo_api;
grant insert (hash, who, account, expires_at) on public.api_sessions to thendo_api;
grant update (seen_at, ended_at) on public.api_sessions to thendo_api;

--- table public.blog_posts
create table public.blog_posts (
    id           uuid not null default gen_random_uuid(),
    slug         text not null,
    title        text not null,
    excerpt      text,
    body         text not null default ''::text,
    author       text,
    tags         text[] not null default '{}'::text[],
    status       text not null default 'draft'::text,
    published_at timestamp with time zone,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    constraint blog_posts_pkey PRIMARY KEY (id),
    constraint blog_posts_slug_key UNIQUE (slug),
    constraint blog_posts_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text, 'archived'::text])))
);

--- comment public.blog_posts
comment on table public.blog_posts is 'An article of the blog.';
comment on column public.blog_posts.published_at is 'Public from this instant on, once its status is published.';

--- index public.blog_posts idx_blog_posts_created_by
CREATE INDEX idx_blog_posts_created_by ON public.blog_posts USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.blog_posts idx_blog_posts_published_at
CREATE INDEX idx_blog_posts_published_at ON public.blog_posts USING btree (published_at DESC);

--- index public.blog_posts idx_blog_posts_tags
CREATE INDEX idx_blog_posts_tags ON public.blog_posts USING gin (tags);

--- trigger public.blog_posts record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.blog_posts REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id', 'all', 'id', '{id}', '{}', '{id,slug,title,excerpt,body,author,tags,status,published_at,created_at,updated_at,created_by}');

--- trigger public.blog_posts record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.blog_posts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id', 'all', 'id', '{id}', '{}', '{id,slug,title,excerpt,body,author,tags,status,published_at,created_at,updated_at,created_by}');

--- trigger public.blog_posts record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.blog_posts REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id', 'all', 'id', '{id}', '{}', '{id,slug,title,excerpt,body,author,tags,status,published_at,created_at,updated_at,created_by}');

--- trigger public.blog_posts set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.blog_posts FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.blog_posts set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.blog_posts FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- trigger public.blog_posts stamp_publication
CREATE TRIGGER stamp_publication BEFORE INSERT OR UPDATE OF status, published_at ON public.blog_posts FOR EACH ROW WHEN ((new.status = 'published'::text)) EXECUTE FUNCTION public.stamp_publication();

--- row-security public.blog_posts
alter table public.blog_posts enable row level security;

--- grants public.blog_posts
revoke all on public.blog_posts from public, anon, authenticated, service_role;
grant select on public.blog_posts to anon;
grant select, insert, update, delete on public.blog_posts to authenticated;
grant select, insert, update, delete on public.blog_posts to service_role;
grant select, update on public.blog_posts to thendo_engine;

--- table public.campaign_clicks
create table public.campaign_clicks (
    id           bigint not null generated always as identity,
    campaign_id  uuid not null,
    recipient_id uuid not null,
    url          text not null,
    clicked_at   timestamp with time zone not null default now(),
    user_agent   text,
    is_proxy     boolean not null default false,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    constraint campaign_clicks_pkey PRIMARY KEY (id)
);

--- comment public.campaign_clicks
comment on table public.campaign_clicks is 'A recipient followed a link.';
comment on column public.campaign_clicks.url is 'One that the campaign itself contains.';
comment on column public.campaign_clicks.is_proxy is 'By a known proxy or scanner, not by a person.';

--- index public.campaign_clicks idx_campaign_clicks_campaign_id
CREATE INDEX idx_campaign_clicks_campaign_id ON public.campaign_clicks USING btree (campaign_id, clicked_at);

--- index public.campaign_clicks idx_campaign_clicks_created_by
CREATE INDEX idx_campaign_clicks_created_by ON public.campaign_clicks USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.campaign_clicks idx_campaign_clicks_recipient_id
CREATE INDEX idx_campaign_clicks_recipient_id ON public.campaign_clicks USING btree (recipient_id);

--- trigger public.campaign_clicks record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.campaign_clicks REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'recipient_id', 'subscribed', 'id', '{id}', '{}', '{id,campaign_id,recipient_id,url,clicked_at,user_agent,is_proxy,created_at,updated_at,created_by}');

--- trigger public.campaign_clicks record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.campaign_clicks REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'recipient_id', 'subscribed', 'id', '{id}', '{}', '{id,campaign_id,recipient_id,url,clicked_at,user_agent,is_proxy,created_at,updated_at,created_by}');

--- trigger public.campaign_clicks record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.campaign_clicks REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'recipient_id', 'subscribed', 'id', '{id}', '{}', '{id,campaign_id,recipient_id,url,clicked_at,user_agent,is_proxy,created_at,updated_at,created_by}');

--- trigger public.campaign_clicks set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.campaign_clicks FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.campaign_clicks set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.campaign_clicks FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.campaign_clicks
alter table public.campaign_clicks enable row level security;

--- grants public.campaign_clicks
revoke all on public.campaign_clicks from public, anon, authenticated, service_role;
grant select on public.campaign_clicks to authenticated;
grant select, insert, update, delete on public.campaign_clicks to service_role;
grant insert on public.campaign_clicks to thendo_engine;
grant select (id, campaign_id, recipient_id, url, clicked_at, is_proxy) on public.campaign_clicks to thendo_api;

--- table public.campaign_opens
create table public.campaign_opens (
    id           bigint not null generated always as identity,
    campaign_id  uuid not null,
    recipient_id uuid not null,
    opened_at    timestamp with time zone not null default now(),
    user_agent   text,
    is_proxy     boolean not null default false,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    constraint campaign_opens_pkey PRIMARY KEY (id)
);

--- comment public.campaign_opens
comment on table public.campaign_opens is 'A recipient''s mail was opened.';
comment on column public.campaign_opens.is_proxy is 'By a known proxy or scanner, not by a person.';

--- index public.campaign_opens idx_campaign_opens_campaign_id
CREATE INDEX idx_campaign_opens_campaign_id ON public.campaign_opens USING btree (campaign_id, opened_at);

--- index public.campaign_opens idx_campaign_opens_created_by
CREATE INDEX idx_campaign_opens_created_by ON public.campaign_opens USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.campaign_opens idx_campaign_opens_recipient_id
CREATE INDEX idx_campaign_opens_recipient_id ON public.campaign_opens USING btree (recipient_id);

--- trigger public.campaign_opens record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.campaign_opens REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'recipient_id', 'subscribed', 'id', '{id}', '{}', '{id,campaign_id,recipient_id,opened_at,user_agent,is_proxy,created_at,updated_at,created_by}');

--- trigger public.campaign_opens record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.campaign_opens REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'recipient_id', 'subscribed', 'id', '{id}', '{}', '{id,campaign_id,recipient_id,opened_at,user_agent,is_proxy,created_at,updated_at,created_by}');

--- trigger public.campaign_opens record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.campaign_opens REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'recipient_id', 'subscribed', 'id', '{id}', '{}', '{id,campaign_id,recipient_id,opened_at,user_agent,is_proxy,created_at,updated_at,created_by}');

--- trigger public.campaign_opens set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.campaign_opens FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.campaign_opens set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.campaign_opens FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.campaign_opens
alter table public.campaign_opens enable row level security;

--- grants public.campaign_opens
revoke all on public.campaign_opens from public, anon, authenticated, service_role;
grant select on public.campaign_opens to authenticated;
grant select, insert, update, delete on public.campaign_opens to service_role;
grant insert on public.campaign_opens to thendo_engine;
grant select (id, campaign_id, recipient_id, opened_at, is_proxy) on public.campaign_opens to thendo_api;

--- table public.cart
create table public.cart (
    id               text not null default ('cart_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text)),
    region_id        text,
    customer_id      text,
    sales_channel_id text,
    email            text,
    currency_code    text not null,
    metadata         jsonb,
    completed_at     timestamp with time zone,
    created_at       timestamp with time zone not null default now(),
    updated_at       timestamp with time zone not null default now(),
    deleted_at       timestamp with time zone,
    created_by       text,
    constraint cart_pkey PRIMARY KEY (id)
);

--- comment public.cart
comment on table public.cart is 'A shopping cart, as Medusa has it.';
comment on column public.cart.currency_code is 'ISO 4217, lower case.';
comment on column public.cart.completed_at is 'When it became an order; null while it is open.';

--- index public.cart idx_cart_created_by
CREATE INDEX idx_cart_created_by ON public.cart USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.cart idx_cart_customer_id
CREATE INDEX idx_cart_customer_id ON public.cart USING btree (customer_id);

--- index public.cart idx_cart_open
CREATE INDEX idx_cart_open ON public.cart USING btree (updated_at) WHERE ((completed_at IS NULL) AND (deleted_at IS NULL));

--- trigger public.cart record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.cart REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,region_id,customer_id,sales_channel_id,email,currency_code,metadata,completed_at,created_at,updated_at,deleted_at,created_by}');

--- trigger public.cart record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.cart REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,region_id,customer_id,sales_channel_id,email,currency_code,metadata,completed_at,created_at,updated_at,deleted_at,created_by}');

--- trigger public.cart record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.cart REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,region_id,customer_id,sales_channel_id,email,currency_code,metadata,completed_at,created_at,updated_at,deleted_at,created_by}');

--- trigger public.cart set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.cart FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.cart set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.cart FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.cart
alter table public.cart enable row level security;

--- grants public.cart
revoke all on public.cart from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.cart to service_role;

--- table public.changelog_entries
create table public.changelog_entries (
    id           uuid not null default gen_random_uuid(),
    slug         text not null,
    version      text,
    title        text not null,
    body         text not null default ''::text,
    category     text not null default 'changed'::text,
    status       text not null default 'draft'::text,
    published_at timestamp with time zone,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    constraint changelog_entries_pkey PRIMARY KEY (id),
    constraint changelog_entries_slug_key UNIQUE (slug),
    constraint changelog_entries_category_check CHECK ((category = ANY (ARRAY['added'::text, 'changed'::text, 'fixed'::text, 'removed'::text, 'security'::text]))),
    constraint changelog_entries_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text, 'archived'::text])))
);

--- comment public.changelog_entries
comment on table public.changelog_entries is 'An entry of the product''s changelog.';
comment on column public.changelog_entries.version is 'The release that it came with, as text.';
comment on column public.changelog_entries.published_at is 'Public from this instant on, once its status is published.';

--- index public.changelog_entries idx_changelog_entries_created_by
CREATE INDEX idx_changelog_entries_created_by ON public.changelog_entries USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.changelog_entries idx_changelog_entries_published_at
CREATE INDEX idx_changelog_entries_published_at ON public.changelog_entries USING btree (published_at DESC);

--- trigger public.changelog_entries record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.changelog_entries REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id', 'all', 'id', '{id}', '{}', '{id,slug,version,title,body,category,status,published_at,created_at,updated_at,created_by}');

--- trigger public.changelog_entries record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.changelog_entries REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id', 'all', 'id', '{id}', '{}', '{id,slug,version,title,body,category,status,published_at,created_at,updated_at,created_by}');

--- trigger public.changelog_entries record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.changelog_entries REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id', 'all', 'id', '{id}', '{}', '{id,slug,version,title,body,category,status,published_at,created_at,updated_at,created_by}');

--- trigger public.changelog_entries set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.changelog_entries FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.changelog_entries set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.changelog_entries FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- trigger public.changelog_entries stamp_publication
CREATE TRIGGER stamp_publication BEFORE INSERT OR UPDATE OF status, published_at ON public.changelog_entries FOR EACH ROW WHEN ((new.status = 'published'::text)) EXECUTE FUNCTION public.stamp_publication();

--- row-security public.changelog_entries
alter table public.changelog_entries enable row level security;

--- grants public.changelog_entries
revoke all on public.changelog_entries from public, anon, authenticated, service_role;
grant select on public.changelog_entries to anon;
grant select, insert, update, delete on public.changelog_entries to authenticated;
grant select, insert, update, delete on public.changelog_entries to service_role;
grant select, insert, update on public.changelog_entries to thendo_engine;

--- table public.consents
create table public.consents (
    id          uuid not null default gen_random_uuid(),
    email       text not null,
    customer_id uuid,
    purpose     text not null,
    decision    text not null,
    source      text not null,
    created_at  timestamp with time zone not null default clock_timestamp(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid default auth.uid(),
    constraint consents_pkey PRIMARY KEY (id),
    constraint consents_decision_check CHECK ((decision = ANY (ARRAY['granted'::text, 'withdrawn'::text]))),
    constraint consents_email_check CHECK (((length(email) >= 3) AND (length(email) <= 320))),
    constraint consents_purpose_check CHECK ((purpose = ANY (ARRAY['marketing'::text, 'analytics'::text, 'profiling'::text])))
);

--- comment public.consents
comment on table public.consents is 'One decision of an address about one purpose.';
comment on column public.consents.source is 'Where it was given: checkout, account page, import of ….';

--- index public.consents idx_consents_created_by
CREATE INDEX idx_consents_created_by ON public.consents USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.consents idx_consents_customer_id
CREATE INDEX idx_consents_customer_id ON public.consents USING btree (customer_id);

--- index public.consents idx_consents_email
CREATE INDEX idx_consents_email ON public.consents USING btree (lower(email), purpose, created_at DESC);

--- trigger public.consents record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.consents REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'customer_id', 'all', 'id', '{id}', '{}', '{id,email,customer_id,purpose,decision,source,created_at,updated_at,created_by}');

--- trigger public.consents record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.consents REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'customer_id', 'all', 'id', '{id}', '{}', '{id,email,customer_id,purpose,decision,source,created_at,updated_at,created_by}');

--- trigger public.consents record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.consents REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'customer_id', 'all', 'id', '{id}', '{}', '{id,email,customer_id,purpose,decision,source,created_at,updated_at,created_by}');

--- trigger public.consents set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.consents FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.consents set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.consents FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.consents
alter table public.consents enable row level security;

--- grants public.consents
revoke all on public.consents from public, anon, authenticated, service_role;
grant select on public.consents to authenticated;
grant select, insert on public.consents to service_role;
grant select, insert on public.consents to thendo_engine;

--- table public.customer
create table public.customer (
    id           text not null default ('cus_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text)),
    email        text,
    first_name   text,
    last_name    text,
    company_name text,
    phone        text,
    has_account  boolean not null default false,
    metadata     jsonb,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    deleted_at   timestamp with time zone,
    created_by   text,
    constraint customer_pkey PRIMARY KEY (id)
);

--- comment public.customer
comment on table public.customer is 'A customer as Medusa has it. The shop''s own is in customers.';
comment on column public.customer.has_account is 'Guests have none; a guest and an account may share an address.';

--- index public.customer idx_customer_created_by
CREATE INDEX idx_customer_created_by ON public.customer USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.customer idx_customer_email
CREATE UNIQUE INDEX idx_customer_email ON public.customer USING btree (email, has_account) WHERE (deleted_at IS NULL);

--- trigger public.customer record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.customer REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'id', 'all', 'id', '{id}', '{}', '{id,email,first_name,last_name,company_name,phone,has_account,metadata,created_at,updated_at,deleted_at,created_by}');

--- trigger public.customer record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.customer REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'id', 'all', 'id', '{id}', '{}', '{id,email,first_name,last_name,company_name,phone,has_account,metadata,created_at,updated_at,deleted_at,created_by}');

--- trigger public.customer record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.customer REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'id', 'all', 'id', '{id}', '{}', '{id,email,first_name,last_name,company_name,phone,has_account,metadata,created_at,updated_at,deleted_at,created_by}');

--- trigger public.customer set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.customer FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.customer set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.customer FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.customer
alter table public.customer enable row level security;

--- grants public.customer
revoke all on public.customer from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.customer to service_role;

--- table public.customer_tags
create table public.customer_tags (
    customer_id uuid not null,
    tag         text not null,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid default auth.uid(),
    constraint customer_tags_pkey PRIMARY KEY (customer_id, tag),
    constraint customer_tags_tag_check CHECK (((length(tag) >= 1) AND (length(tag) <= 100)))
);

--- comment public.customer_tags
comment on table public.customer_tags is 'A word that the shop attached to a customer.';

--- index public.customer_tags idx_customer_tags_created_by
CREATE INDEX idx_customer_tags_created_by ON public.customer_tags USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.customer_tags idx_customer_tags_tag
CREATE INDEX idx_customer_tags_tag ON public.customer_tags USING btree (tag);

--- trigger public.customer_tags record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.customer_tags REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'customer_id', 'all', '', '{customer_id,tag}', '{}', '{customer_id,tag,created_at,updated_at,created_by}');

--- trigger public.customer_tags record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.customer_tags REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'customer_id', 'all', '', '{customer_id,tag}', '{}', '{customer_id,tag,created_at,updated_at,created_by}');

--- trigger public.customer_tags record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.customer_tags REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'customer_id', 'all', '', '{customer_id,tag}', '{}', '{customer_id,tag,created_at,updated_at,created_by}');

--- trigger public.customer_tags set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.customer_tags FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.customer_tags set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.customer_tags FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.customer_tags
alter table public.customer_tags enable row level security;

--- grants public.customer_tags
revoke all on public.customer_tags from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.customer_tags to authenticated;
grant select, insert, update, delete on public.customer_tags to service_role;
grant select, insert, delete on public.customer_tags to thendo_engine;

--- table public.customers
create table public.customers (
    id                 uuid not null default gen_random_uuid(),
    user_id            uuid,
    medusa_customer_id text,
    email              text not null,
    name               text,
    phone              text,
    locale             text not null default 'en'::text,
    preferences        jsonb not null default '{}'::jsonb,
    created_at         timestamp with time zone not null default now(),
    updated_at         timestamp with time zone not null default now(),
    created_by         uuid default auth.uid(),
    referred_by        uuid,
    tier_id            uuid,
    constraint customers_pkey PRIMARY KEY (id),
    constraint customers_email_key UNIQUE (email),
    constraint customers_medusa_customer_id_key UNIQUE (medusa_customer_id),
    constraint customers_user_id_key UNIQUE (user_id),
    constraint customers_check CHECK ((referred_by <> id)),
    constraint customers_email_check CHECK (((length(email) >= 3) AND (length(email) <= 320))),
    constraint customers_preferences_check CHECK ((jsonb_typeof(preferences) = 'object'::text))
);

--- comment public.customers
comment on table public.customers is 'A customer: who they are and what they prefer.';
comment on column public.customers.user_id is 'The account, where the customer has one.';
comment on column public.customers.medusa_customer_id is 'The same customer in Medusa: cus_….';
comment on column public.customers.locale is 'Language and region: en, de-AT.';
comment on column public.customers.preferences is 'Free settings of the shop, an object.';
comment on column public.customers.referred_by is 'The customer whose code this one came with.';
comment on column public.customers.tier_id is 'The customer''s tier; null: none yet.';

--- index public.customers idx_customers_created_by
CREATE INDEX idx_customers_created_by ON public.customers USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.customers idx_customers_lower_email
CREATE UNIQUE INDEX idx_customers_lower_email ON public.customers USING btree (lower(email));

--- index public.customers idx_customers_referred_by
CREATE INDEX idx_customers_referred_by ON public.customers USING btree (referred_by) WHERE (referred_by IS NOT NULL);

--- index public.customers idx_customers_tier_id
CREATE INDEX idx_customers_tier_id ON public.customers USING btree (tier_id) WHERE (tier_id IS NOT NULL);

--- trigger public.customers record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.customers REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'id', 'all', 'id', '{id}', '{}', '{id,user_id,medusa_customer_id,email,name,phone,locale,preferences,created_at,updated_at,created_by,referred_by,tier_id}');

--- trigger public.customers record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.customers REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'id', 'all', 'id', '{id}', '{}', '{id,user_id,medusa_customer_id,email,name,phone,locale,preferences,created_at,updated_at,created_by,referred_by,tier_id}');

--- trigger public.customers record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.customers REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'id', 'all', 'id', '{id}', '{}', '{id,user_id,medusa_customer_id,email,name,phone,locale,preferences,created_at,updated_at,created_by,referred_by,tier_id}');

--- trigger public.customers set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.customers FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.customers set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.customers
alter table public.customers enable row level security;

--- grants public.customers
revoke all on public.customers from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.customers to authenticated;
grant select, insert, update, delete on public.customers to service_role;
grant select, update on public.customers to thendo_engine;

--- table public.deposits
create table public.deposits (
    id           uuid not null default gen_random_uuid(),
    order_id     uuid not null,
    amount       bigint not null,
    currency     text not null default 'EUR'::text,
    due_date     timestamp with time zone not null,
    status       text not null default 'pending'::text,
    paid_at      timestamp with time zone,
    execution_id uuid,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    constraint deposits_pkey PRIMARY KEY (id),
    constraint deposits_amount_check CHECK ((amount > 0)),
    constraint deposits_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    constraint deposits_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'paid'::text, 'waived'::text, 'refunded'::text])))
);

--- comment public.deposits
comment on table public.deposits is 'A deposit asked for on an order.';
comment on column public.deposits.amount is 'In the currency''s minor unit: 12500 is 125.00.';
comment on column public.deposits.due_date is 'Until when it is to be paid.';
comment on column public.deposits.paid_at is 'When status first became paid.';
comment on column public.deposits.execution_id is 'The workflow execution that asked for it, if one did.';

--- index public.deposits idx_deposits_created_by
CREATE INDEX idx_deposits_created_by ON public.deposits USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.deposits idx_deposits_due_date
CREATE INDEX idx_deposits_due_date ON public.deposits USING btree (due_date) WHERE (status = 'pending'::text);

--- index public.deposits idx_deposits_order_id
CREATE INDEX idx_deposits_order_id ON public.deposits USING btree (order_id);

--- trigger public.deposits check_deposit
CREATE TRIGGER check_deposit BEFORE INSERT OR UPDATE OF status, currency, order_id ON public.deposits FOR EACH ROW EXECUTE FUNCTION public.check_deposit();

--- trigger public.deposits record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.deposits REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'order_id', 'all', 'id', '{id}', '{}', '{id,order_id,amount,currency,due_date,status,paid_at,execution_id,created_at,updated_at,created_by}');

--- trigger public.deposits record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.deposits REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'order_id', 'all', 'id', '{id}', '{}', '{id,order_id,amount,currency,due_date,status,paid_at,execution_id,created_at,updated_at,created_by}');

--- trigger public.deposits record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.deposits REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'order_id', 'all', 'id', '{id}', '{}', '{id,order_id,amount,currency,due_date,status,paid_at,execution_id,created_at,updated_at,created_by}');

--- trigger public.deposits set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.deposits FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.deposits set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.deposits FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.deposits
alter table public.deposits enable row level security;

--- grants public.deposits
revoke all on public.deposits from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.deposits to authenticated;
grant select, insert, update, delete on public.deposits to service_role;
grant select, insert, update on public.deposits to thendo_engine;

--- table public.email_templates
create table public.email_templates (
    id         uuid not null default gen_random_uuid(),
    name       text not null,
    subject    text not null,
    html       text,
    text       text,
    consent    text not null default 'marketing'::text,
    is_active  boolean not null default true,
    created_at timestamp with time zone not null default now(),
    updated_at timestamp with time zone not null default now(),
    created_by uuid default auth.uid(),
    tracks     boolean not null default true,
    constraint email_templates_pkey PRIMARY KEY (id),
    constraint email_templates_name_key UNIQUE (name),
    constraint email_templates_consent_check CHECK ((consent = ANY (ARRAY['transactional'::text, 'marketing'::text]))),
    constraint email_templates_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    constraint says_something CHECK ((num_nonnulls(html, text) > 0))
);

--- comment public.email_templates
comment on table public.email_templates is 'A mail with places to fill in, in the expression language.';
comment on column public.email_templates.consent is 'transactional: part of what was bought. marketing: only to those who agreed, with a way out.';
comment on column public.email_templates.tracks is 'Whether campaigns that send it note who opens their mails and follows their links.';

--- index public.email_templates idx_email_templates_created_by
CREATE INDEX idx_email_templates_created_by ON public.email_templates USING btree (created_by) WHERE (created_by IS NOT NULL);

--- trigger public.email_templates mail_edited
CREATE CONSTRAINT TRIGGER mail_edited AFTER INSERT OR DELETE OR UPDATE ON public.email_templates DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.mail_edited();

--- trigger public.email_templates record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.email_templates REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'id', 'all', 'id', '{id}', '{}', '{id,name,subject,html,text,consent,is_active,created_at,updated_at,created_by,tracks}');

--- trigger public.email_templates record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.email_templates REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'id', 'all', 'id', '{id}', '{}', '{id,name,subject,html,text,consent,is_active,created_at,updated_at,created_by,tracks}');

--- trigger public.email_templates record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.email_templates REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'id', 'all', 'id', '{id}', '{}', '{id,name,subject,html,text,consent,is_active,created_at,updated_at,created_by,tracks}');

--- trigger public.email_templates set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.email_templates FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.email_templates set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.email_templates FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.email_templates
alter table public.email_templates enable row level security;

--- grants public.email_templates
revoke all on public.email_templates from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.email_templates to authenticated;
grant select, insert, update, delete on public.email_templates to service_role;
grant select on public.email_templates to thendo_engine;
grant select, delete on public.email_templates to thendo_api;
grant insert (name, subject, html, text, consent, is_active, tracks) on public.email_templates to thendo_api;
grant update (name, subject, html, text, consent, is_active, tracks) on public.email_templates to thendo_api;

--- table public.enrollments
create table public.enrollments (
    id           uuid not null default gen_random_uuid(),
    customer_id  uuid not null,
    product_id   text not null,
    title        text not null,
    status       text not null default 'active'::text,
    progress     smallint not null default 0,
    order_id     uuid,
    enrolled_at  timestamp with time zone not null default now(),
    completed_at timestamp with time zone,
    expires_at   timestamp with time zone,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    constraint enrollments_pkey PRIMARY KEY (id),
    constraint enrollments_progress_check CHECK (((progress >= 0) AND (progress <= 100))),
    constraint enrollments_status_check CHECK ((status = ANY (ARRAY['active'::text, 'paused'::text, 'completed'::text, 'cancelled'::text, 'expired'::text])))
);

--- comment public.enrollments
comment on table public.enrollments is 'A customer''s place in a course or service.';
comment on column public.enrollments.product_id is 'Medusa''s id of what was bought: prod_….';
comment on column public.enrollments.progress is 'In percent.';

--- index public.enrollments idx_enrollments_created_by
CREATE INDEX idx_enrollments_created_by ON public.enrollments USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.enrollments idx_enrollments_customer_id
CREATE INDEX idx_enrollments_customer_id ON public.enrollments USING btree (customer_id, enrolled_at DESC);

--- index public.enrollments idx_enrollments_once
CREATE UNIQUE INDEX idx_enrollments_once ON public.enrollments USING btree (customer_id, product_id) WHERE (status = ANY (ARRAY['active'::text, 'paused'::text]));

--- index public.enrollments idx_enrollments_order_id
CREATE INDEX idx_enrollments_order_id ON public.enrollments USING btree (order_id);

--- trigger public.enrollments record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.enrollments REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,product_id,title,status,progress,order_id,enrolled_at,completed_at,expires_at,created_at,updated_at,created_by}');

--- trigger public.enrollments record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.enrollments REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,product_id,title,status,progress,order_id,enrolled_at,completed_at,expires_at,created_at,updated_at,created_by}');

--- trigger public.enrollments record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.enrollments REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,product_id,title,status,progress,order_id,enrolled_at,completed_at,expires_at,created_at,updated_at,created_by}');

--- trigger public.enrollments set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.enrollments FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.enrollments set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.enrollments FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.enrollments
alter table public.enrollments enable row level security;

--- grants public.enrollments
revoke all on public.enrollments from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.enrollments to authenticated;
grant select, insert, update, delete on public.enrollments to service_role;
grant select, insert on public.enrollments to thendo_engine;

--- table public.event_tables
create table public.event_tables (
    table_name     text not null,
    domain         text not null,
    entity_column  text not null,
    key_columns    text[] not null default '{id}'::text[],
    recorded       text not null default 'all'::text,
    hidden_columns text[] not null default '{}'::text[],
    attached       boolean not null default true,
    created_at     timestamp with time zone not null default now(),
    updated_at     timestamp with time zone not null default now(),
    created_by     uuid default auth.uid(),
    constraint event_tables_pkey PRIMARY KEY (table_name),
    constraint event_tables_domain_check CHECK ((domain = ANY (ARRAY['orders'::text, 'billing'::text, 'customers'::text, 'products'::text, 'waitlist'::text, 'content'::text, 'marketing'::text, 'loyalty'::text, 'shop'::text]))),
    constraint event_tables_key_columns_check CHECK ((cardinality(key_columns) > 0)),
    constraint event_tables_recorded_check CHECK ((recorded = ANY (ARRAY['all'::text, 'subscribed'::text, 'none'::text])))
);

--- rows public.event_tables
insert into public.event_tables (table_name, domain, entity_column, key_columns, recorded, hidden_columns, attached, created_by)
values
    ('blog_posts', 'content', 'id', '{id}', 'all', '{}', true, NULL),
    ('campaign_clicks', 'marketing', 'recipient_id', '{id}', 'subscribed', '{}', true, NULL),
    ('campaign_opens', 'marketing', 'recipient_id', '{id}', 'subscribed', '{}', true, NULL),
    ('cart', 'orders', 'customer_id', '{id}', 'all', '{}', true, NULL),
    ('changelog_entries', 'content', 'id', '{id}', 'all', '{}', true, NULL),
    ('consents', 'customers', 'customer_id', '{id}', 'all', '{}', true, NULL),
    ('customer', 'customers', 'id', '{id}', 'all', '{}', true, NULL),
    ('customer_tags', 'customers', 'customer_id', '{customer_id,tag}', 'all', '{}', true, NULL),
    ('customers', 'customers', 'id', '{id}', 'all', '{}', true, NULL),
    ('deposits', 'orders', 'order_id', '{id}', 'all', '{}', true, NULL),
    ('email_templates', 'marketing', 'id', '{id}', 'all', '{}', true, NULL),
    ('enrollments', 'orders', 'customer_id', '{id}', 'all', '{}', true, NULL),
    ('google_calendar_tokens', 'customers', 'user_id', '{id}', 'all', '{}', true, NULL),
    ('loyalty_ledger', 'loyalty', 'customer_id', '{id}', 'subscribed', '{}', true, NULL),
    ('loyalty_points', 'loyalty', 'customer_id', '{customer_id}', 'all', '{}', true, NULL),
    ('loyalty_tiers', 'loyalty', 'id', '{id}', 'all', '{}', true, NULL),
    ('oauth_providers', 'shop', 'id', '{id}', 'all', '{}', true, NULL),
    ('order', 'orders', 'customer_id', '{id}', 'all', '{}', true, NULL),
    ('order_fulfillment', 'orders', 'order_id', '{order_id,fulfillment_id}', 'all', '{}', true, NULL),
    ('order_item', 'orders', 'order_id', '{id}', 'all', '{}', true, NULL),
    ('orders', 'orders', 'customer_id', '{id}', 'all', '{}', true, NULL),
    ('page_content', 'content', 'page_id', '{id}', 'all', '{}', true, NULL),
    ('page_content_history', 'content', 'page_id', '{id}', 'none', '{}', true, NULL),
    ('page_views', 'content', 'page_id', '{id}', 'subscribed', '{}', true, NULL),
    ('pages', 'content', 'id', '{id}', 'all', '{}', true, NULL),
    ('payment', 'billing', 'id', '{id}', 'all', '{data}', true, NULL),
    ('product', 'products', 'id', '{id}', 'all', '{}', true, NULL),
    ('product_categories', 'products', 'id', '{id}', 'all', '{}', true, NULL),
    ('product_category_mappings', 'products', 'product_id', '{product_id,category_id}', 'all', '{}', true, NULL),
    ('product_stock', 'products', 'variant_id', '{variant_id}', 'all', '{}', true, NULL),
    ('product_variant', 'products', 'product_id', '{id}', 'all', '{}', true, NULL),
    ('product_waitlist', 'waitlist', 'customer_id', '{id}', 'all', '{}', true, NULL),
    ('project_comments', 'customers', 'order_id', '{id}', 'all', '{}', true, NULL),
    ('quotes', 'orders', 'customer_id', '{id}', 'all', '{}', true, NULL),
    ('referral_codes', 'loyalty', 'customer_id', '{id}', 'all', '{}', true, NULL),
    ('reviews', 'products', 'customer_id', '{id}', 'all', '{}', true, NULL),
    ('saved_addresses', 'customers', 'user_id', '{id}', 'all', '{}', true, NULL),
    ('stripe_customers', 'billing', 'customer_id', '{id}', 'all', '{}', true, NULL),
    ('subscribers', 'marketing', 'customer_id', '{id}', 'all', '{}', true, NULL),
    ('subscriptions', 'billing', 'customer_id', '{id}', 'all', '{}', true, NULL),
    ('suppressions', 'marketing', 'id', '{id}', 'all', '{}', true, NULL),
    ('user_roles', 'customers', 'user_id', '{id}', 'all', '{}', true, NULL),
    ('waitlist_campaign_recipients', 'marketing', 'customer_id', '{id}', 'subscribed', '{}', true, NULL),
    ('waitlist_campaigns', 'marketing', 'id', '{id}', 'all', '{}', true, NULL)
on conflict do nothing;

--- comment public.event_tables
comment on table public.event_tables is 'Tables whose changes are events. Writing a row attaches or removes the table''s triggers.';
comment on column public.event_tables.table_name is 'A table of the schema public, as the catalog spells it.';
comment on column public.event_tables.domain is 'The channel that wakes the engine is thendo_DOMAIN; the daemon listens to those named here.';
comment on column public.event_tables.entity_column is 'Names whose events are handled in order, by default the customer; where it is null, the row''s key does.';
comment on column public.event_tables.key_columns is 'Unique together: pairs a row with what it was before an update.';
comment on column public.event_tables.recorded is 'all: every change. subscribed: while a published workflow listens to the table. none: nothing.';
comment on column public.event_tables.hidden_columns is 'Never enter an event, beside those that hidden_columns_of() finds by name and type.';
comment on column public.event_tables.attached is 'False after detach_events(): there are no triggers until attach_events().';

--- index public.event_tables idx_event_tables_created_by
CREATE INDEX idx_event_tables_created_by ON public.event_tables USING btree (created_by) WHERE (created_by IS NOT NULL);

--- trigger public.event_tables event_table_written
CREATE TRIGGER event_table_written AFTER INSERT OR DELETE OR UPDATE ON public.event_tables FOR EACH ROW EXECUTE FUNCTION public.event_table_written();

--- trigger public.event_tables set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.event_tables FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.event_tables set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.event_tables FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.event_tables
alter table public.event_tables enable row level security;

--- grants public.event_tables
revoke all on public.event_tables from public, anon, authenticated, service_role;
grant select on public.event_tables to authenticated;
grant select, update on public.event_tables to service_role;

--- table public.google_calendar_tokens
create table public.google_calendar_tokens (
    id                      uuid not null default gen_random_uuid(),
    user_id                 uuid not null default auth.uid(),
    access_token_encrypted  bytea not null,
    refresh_token_encrypted bytea,
    key_id                  text not null,
    scope                   text,
    calendar_id             text not null default 'primary'::text,
    expires_at              timestamp with time zone not null,
    created_at              timestamp with time zone not null default now(),
    updated_at              timestamp with time zone not null default now(),
    created_by              uuid default auth.uid(),
    constraint google_calendar_tokens_pkey PRIMARY KEY (id),
    constraint google_calendar_tokens_user_id_key UNIQUE (user_id)
);

--- comment public.google_calendar_tokens
comment on table public.google_calendar_tokens is 'The key to an account''s Google calendar.';
comment on column public.google_calendar_tokens.access_token_encrypted is 'By pgp_sym_encrypt, AES-256.';
comment on column public.google_calendar_tokens.refresh_token_encrypted is 'By pgp_sym_encrypt, AES-256.';
comment on column public.google_calendar_tokens.key_id is 'The name of the key that encrypted them; never the key.';
comment on column public.google_calendar_tokens.expires_at is 'Of the access token.';

--- index public.google_calendar_tokens idx_google_calendar_tokens_created_by
CREATE INDEX idx_google_calendar_tokens_created_by ON public.google_calendar_tokens USING btree (created_by) WHERE (created_by IS NOT NULL);

--- trigger public.google_calendar_tokens record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.google_calendar_tokens REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'user_id', 'all', 'id', '{id}', '{access_token_encrypted,refresh_token_encrypted}', '{id,user_id,access_token_encrypted,refresh_token_encrypted,key_id,scope,calendar_id,expires_at,created_at,updated_at,created_by}');

--- trigger public.google_calendar_tokens record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.google_calendar_tokens REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'user_id', 'all', 'id', '{id}', '{access_token_encrypted,refresh_token_encrypted}', '{id,user_id,access_token_encrypted,refresh_token_encrypted,key_id,scope,calendar_id,expires_at,created_at,updated_at,created_by}');

--- trigger public.google_calendar_tokens record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.google_calendar_tokens REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'user_id', 'all', 'id', '{id}', '{access_token_encrypted,refresh_token_encrypted}', '{id,user_id,access_token_encrypted,refresh_token_encrypted,key_id,scope,calendar_id,expires_at,created_at,updated_at,created_by}');

--- trigger public.google_calendar_tokens set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.google_calendar_tokens FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.google_calendar_tokens set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.google_calendar_tokens FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.google_calendar_tokens
alter table public.google_calendar_tokens enable row level security;

--- grants public.google_calendar_tokens
revoke all on public.google_calendar_tokens from public, anon, authenticated, service_role;
grant select, delete on public.google_calendar_tokens to authenticated;
grant select, insert, update, delete on public.google_calendar_tokens to service_role;

--- table public.loyalty_ledger
create table public.loyalty_ledger (
    id           uuid not null default gen_random_uuid(),
    customer_id  uuid not null,
    order_id     uuid,
    points       bigint not null,
    reason       text not null,
    execution_id uuid,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    kind         text not null default 'earned'::text,
    reverses     uuid,
    expires_at   timestamp with time zone,
    constraint loyalty_ledger_pkey PRIMARY KEY (id),
    constraint a_reversal_says_of_what CHECK ((((kind <> 'reversed'::text) OR (reverses IS NOT NULL)) AND ((reverses IS NULL) OR (kind = ANY (ARRAY['reversed'::text, 'expired'::text]))))),
    constraint loyalty_ledger_kind_check CHECK ((kind = ANY (ARRAY['earned'::text, 'redeemed'::text, 'reversed'::text, 'expired'::text]))),
    constraint loyalty_ledger_points_check CHECK ((points <> 0)),
    constraint what_was_earned_expires CHECK (((expires_at IS NULL) OR (kind = 'earned'::text)))
);

--- comment public.loyalty_ledger
comment on table public.loyalty_ledger is 'Points earned and spent, line by line. Never changed, only reversed.';
comment on column public.loyalty_ledger.points is 'Positive: earned. Negative: spent or reversed.';
comment on column public.loyalty_ledger.execution_id is 'The workflow execution that did it, if one did.';
comment on column public.loyalty_ledger.reverses is 'The line that it reverses, or that has expired; or a part of it.';
comment on column public.loyalty_ledger.expires_at is 'When what is not spent by then is lost; null: never.';

--- index public.loyalty_ledger idx_loyalty_ledger_created_by
CREATE INDEX idx_loyalty_ledger_created_by ON public.loyalty_ledger USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.loyalty_ledger idx_loyalty_ledger_customer_id
CREATE INDEX idx_loyalty_ledger_customer_id ON public.loyalty_ledger USING btree (customer_id, created_at DESC);

--- index public.loyalty_ledger idx_loyalty_ledger_order_id
CREATE INDEX idx_loyalty_ledger_order_id ON public.loyalty_ledger USING btree (order_id);

--- index public.loyalty_ledger idx_loyalty_ledger_reverses
CREATE INDEX idx_loyalty_ledger_reverses ON public.loyalty_ledger USING btree (reverses) WHERE (reverses IS NOT NULL);

--- trigger public.loyalty_ledger keep_balances
CREATE TRIGGER keep_balances AFTER INSERT ON public.loyalty_ledger REFERENCING NEW TABLE AS new_lines FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'thendo_engine'::name)) EXECUTE FUNCTION public.keep_balances();

--- trigger public.loyalty_ledger kind_of_ledger_line
CREATE TRIGGER kind_of_ledger_line BEFORE INSERT ON public.loyalty_ledger FOR EACH ROW WHEN (((new.points < 0) AND (new.kind = 'earned'::text))) EXECUTE FUNCTION public.kind_of_ledger_line();

--- trigger public.loyalty_ledger record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.loyalty_ledger REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('loyalty', 'customer_id', 'subscribed', 'id', '{id}', '{}', '{id,customer_id,order_id,points,reason,execution_id,created_at,updated_at,created_by,kind,reverses,expires_at}');

--- trigger public.loyalty_ledger record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.loyalty_ledger REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('loyalty', 'customer_id', 'subscribed', 'id', '{id}', '{}', '{id,customer_id,order_id,points,reason,execution_id,created_at,updated_at,created_by,kind,reverses,expires_at}');

--- trigger public.loyalty_ledger record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.loyalty_ledger REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('loyalty', 'customer_id', 'subscribed', 'id', '{id}', '{}', '{id,customer_id,order_id,points,reason,execution_id,created_at,updated_at,created_by,kind,reverses,expires_at}');

--- trigger public.loyalty_ledger set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.loyalty_ledger FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.loyalty_ledger set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.loyalty_ledger FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.loyalty_ledger
alter table public.loyalty_ledger enable row level security;

--- grants public.loyalty_ledger
revoke all on public.loyalty_ledger from public, anon, authenticated, service_role;
grant select on public.loyalty_ledger to authenticated;
grant select, insert on public.loyalty_ledger to service_role;
grant select, insert on public.loyalty_ledger to thendo_engine;

--- table public.loyalty_points
create table public.loyalty_points (
    customer_id uuid not null,
    balance     bigint not null default 0,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid default auth.uid(),
    next_expiry timestamp with time zone,
    constraint loyalty_points_pkey PRIMARY KEY (customer_id),
    constraint loyalty_points_balance_check CHECK ((balance >= 0))
);

--- comment public.loyalty_points
comment on table public.loyalty_points is 'Points balance, one row per customer; always the sum of the ledger.';
comment on column public.loyalty_points.next_expiry is 'When points of this customer may next expire; null: never.';

--- index public.loyalty_points idx_loyalty_points_created_by
CREATE INDEX idx_loyalty_points_created_by ON public.loyalty_points USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.loyalty_points idx_loyalty_points_next_expiry
CREATE INDEX idx_loyalty_points_next_expiry ON public.loyalty_points USING btree (next_expiry) WHERE (next_expiry IS NOT NULL);

--- trigger public.loyalty_points record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.loyalty_points REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('loyalty', 'customer_id', 'all', 'customer_id', '{customer_id}', '{}', '{customer_id,balance,created_at,updated_at,created_by,next_expiry}');

--- trigger public.loyalty_points record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.loyalty_points REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('loyalty', 'customer_id', 'all', 'customer_id', '{customer_id}', '{}', '{customer_id,balance,created_at,updated_at,created_by,next_expiry}');

--- trigger public.loyalty_points record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.loyalty_points REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('loyalty', 'customer_id', 'all', 'customer_id', '{customer_id}', '{}', '{customer_id,balance,created_at,updated_at,created_by,next_expiry}');

--- trigger public.loyalty_points set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.loyalty_points FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.loyalty_points set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.loyalty_points FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.loyalty_points
alter table public.loyalty_points enable row level security;

--- grants public.loyalty_points
revoke all on public.loyalty_points from public, anon, authenticated, service_role;
grant select on public.loyalty_points to authenticated;
grant select on public.loyalty_points to service_role;
grant select, insert, update on public.loyalty_points to thendo_engine;

--- table public.loyalty_tiers
create table public.loyalty_tiers (
    id           uuid not null default gen_random_uuid(),
    name         text not null,
    rank         integer not null,
    least_points bigint not null default 0,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    constraint loyalty_tiers_pkey PRIMARY KEY (id),
    constraint loyalty_tiers_name_key UNIQUE (name),
    constraint loyalty_tiers_rank_key UNIQUE (rank),
    constraint loyalty_tiers_least_points_check CHECK ((least_points >= 0))
);

--- comment public.loyalty_tiers
comment on table public.loyalty_tiers is 'A tier of the loyalty programme: bronze, silver, gold.';
comment on column public.loyalty_tiers.rank is 'Order of the tiers, the lowest first.';
comment on column public.loyalty_tiers.least_points is 'Balance from which a customer belongs to it.';

--- index public.loyalty_tiers idx_loyalty_tiers_created_by
CREATE INDEX idx_loyalty_tiers_created_by ON public.loyalty_tiers USING btree (created_by) WHERE (created_by IS NOT NULL);

--- trigger public.loyalty_tiers record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.loyalty_tiers REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('loyalty', 'id', 'all', 'id', '{id}', '{}', '{id,name,rank,least_points,created_at,updated_at,created_by}');

--- trigger public.loyalty_tiers record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.loyalty_tiers REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('loyalty', 'id', 'all', 'id', '{id}', '{}', '{id,name,rank,least_points,created_at,updated_at,created_by}');

--- trigger public.loyalty_tiers record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.loyalty_tiers REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('loyalty', 'id', 'all', 'id', '{id}', '{}', '{id,name,rank,least_points,created_at,updated_at,created_by}');

--- trigger public.loyalty_tiers set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.loyalty_tiers FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.loyalty_tiers set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.loyalty_tiers FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.loyalty_tiers
alter table public.loyalty_tiers enable row level security;

--- grants public.loyalty_tiers
revoke all on public.loyalty_tiers from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.loyalty_tiers to authenticated;
grant select, insert, update, delete on public.loyalty_tiers to service_role;
grant select on public.loyalty_tiers to thendo_engine;

--- table public.maintenance
create table public.maintenance (
    task        text not null,
    last_run_at timestamp with time zone not null default now(),
    took_ms     integer not null default 0,
    constraint maintenance_pkey PRIMARY KEY (task)
);

--- comment public.maintenance
comment on table public.maintenance is 'When a task was last done.';
comment on column public.maintenance.took_ms is 'How long it took, in milliseconds.';

--- row-security public.maintenance
alter table public.maintenance enable row level security;

--- grants public.maintenance
revoke all on public.maintenance from public, anon, authenticated, service_role;

--- table public.marketing_mails
create table public.marketing_mails (
    address_hash bytea not null,
    sent_at      timestamp with time zone[] not null,
    constraint marketing_mails_pkey PRIMARY KEY (address_hash),
    constraint marketing_mails_address_hash_check CHECK ((length(address_hash) = 32))
);

--- comment public.marketing_mails
comment on table public.marketing_mails is 'The last marketing mails to an address, as far as the cap (mail.marketing_cap) counts them.';
comment on column public.marketing_mails.address_hash is 'As in suppressions.';
comment on column public.marketing_mails.sent_at is 'When each was begun to be sent.';

--- row-security public.marketing_mails
alter table public.marketing_mails enable row level security;

--- grants public.marketing_mails
revoke all on public.marketing_mails from public, anon, authenticated, service_role;
grant select, insert, update on public.marketing_mails to thendo_engine;

--- table public.medusa_mirror
create table public.medusa_mirror (
    single     boolean not null default true,
    orders     text not null default 'mirrored'::text,
    stock      text not null default 'mirrored'::text,
    begun      boolean not null default false,
    updated_at timestamp with time zone not null default now(),
    constraint medusa_mirror_pkey PRIMARY KEY (single),
    constraint medusa_mirror_orders_check CHECK ((orders = ANY (ARRAY['mirrored'::text, 'linked'::text, 'left'::text]))),
    constraint medusa_mirror_single_check CHECK (single),
    constraint medusa_mirror_stock_check CHECK ((stock = ANY (ARRAY['mirrored'::text, 'left'::text])))
);

--- rows public.medusa_mirror
insert into public.medusa_mirror (single, orders, stock, begun)
values
    (true, 'mirrored', 'mirrored', true)
on conflict do nothing;

--- comment public.medusa_mirror
comment on table public.medusa_mirror is 'What is taken over from Medusa.';
comment on column public.medusa_mirror.orders is 'mirrored: each of Medusa''s orders gets its row in orders. linked: the shop writes these rows itself, with medusa_order_id; they are only kept up to date. left: neither.';
comment on column public.medusa_mirror.begun is 'Whether orders were ever mirrored. If not, those that are linked to Medusa''s the shop linked by itself.';

--- trigger public.medusa_mirror set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.medusa_mirror FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.medusa_mirror
alter table public.medusa_mirror enable row level security;

--- grants public.medusa_mirror
revoke all on public.medusa_mirror from public, anon, authenticated, service_role;
grant select, update on public.medusa_mirror to service_role;

--- table public.oauth_providers
create table public.oauth_providers (
    id                      uuid not null default gen_random_uuid(),
    name                    text not null,
    client_id               text not null,
    client_secret_encrypted bytea,
    key_id                  text,
    authorize_url           text not null,
    token_url               text not null,
    scopes                  text[] not null default '{}'::text[],
    is_enabled              boolean not null default false,
    created_at              timestamp with time zone not null default now(),
    updated_at              timestamp with time zone not null default now(),
    created_by              uuid default auth.uid(),
    constraint oauth_providers_pkey PRIMARY KEY (id),
    constraint oauth_providers_name_key UNIQUE (name),
    constraint oauth_providers_authorize_url_check CHECK ((authorize_url ~ '^https://'::text)),
    constraint oauth_providers_check CHECK (((client_secret_encrypted IS NULL) = (key_id IS NULL))),
    constraint oauth_providers_token_url_check CHECK ((token_url ~ '^https://'::text))
);

--- comment public.oauth_providers
comment on table public.oauth_providers is 'A service that people connect their account with.';
comment on column public.oauth_providers.client_secret_encrypted is 'By pgp_sym_encrypt, AES-256: see store_oauth_client_secret().';
comment on column public.oauth_providers.key_id is 'The name of the key that encrypted it; never the key.';

--- index public.oauth_providers idx_oauth_providers_created_by
CREATE INDEX idx_oauth_providers_created_by ON public.oauth_providers USING btree (created_by) WHERE (created_by IS NOT NULL);

--- trigger public.oauth_providers record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.oauth_providers REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('shop', 'id', 'all', 'id', '{id}', '{client_secret_encrypted,token_url}', '{id,name,client_id,client_secret_encrypted,key_id,authorize_url,token_url,scopes,is_enabled,created_at,updated_at,created_by}');

--- trigger public.oauth_providers record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.oauth_providers REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('shop', 'id', 'all', 'id', '{id}', '{client_secret_encrypted,token_url}', '{id,name,client_id,client_secret_encrypted,key_id,authorize_url,token_url,scopes,is_enabled,created_at,updated_at,created_by}');

--- trigger public.oauth_providers record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.oauth_providers REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('shop', 'id', 'all', 'id', '{id}', '{client_secret_encrypted,token_url}', '{id,name,client_id,client_secret_encrypted,key_id,authorize_url,token_url,scopes,is_enabled,created_at,updated_at,created_by}');

--- trigger public.oauth_providers set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.oauth_providers FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.oauth_providers set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.oauth_providers FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.oauth_providers
alter table public.oauth_providers enable row level security;

--- grants public.oauth_providers
revoke all on public.oauth_providers from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.oauth_providers to authenticated;
grant select, insert, update, delete on public.oauth_providers to service_role;

--- table public."order"
create table public."order" (
    id               text not null default ('order_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text)),
    display_id       bigint not null generated by default as identity,
    region_id        text,
    customer_id      text,
    version          integer not null default 1,
    sales_channel_id text,
    status           text not null default 'pending'::text,
    is_draft_order   boolean not null default false,
    email            text,
    currency_code    text not null,
    metadata         jsonb,
    canceled_at      timestamp with time zone,
    created_at       timestamp with time zone not null default now(),
    updated_at       timestamp with time zone not null default now(),
    deleted_at       timestamp with time zone,
    created_by       text,
    constraint order_pkey PRIMARY KEY (id),
    constraint order_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'completed'::text, 'draft'::text, 'archived'::text, 'canceled'::text, 'requires_action'::text])))
);

--- comment public."order"
comment on table public."order" is 'An order as Medusa has it. The shop''s own is in orders.';
comment on column public."order".display_id is 'The number that people are shown.';
comment on column public."order".version is 'Rises with every change of the order; order_item and order_summary belong to one.';

--- index public."order" idx_order_created_by
CREATE INDEX idx_order_created_by ON public."order" USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public."order" idx_order_customer_id
CREATE INDEX idx_order_customer_id ON public."order" USING btree (customer_id);

--- trigger public."order" mirror_medusa_order
CREATE CONSTRAINT TRIGGER mirror_medusa_order AFTER INSERT OR UPDATE ON public."order" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.mirror_medusa_order();

--- trigger public."order" record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public."order" REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,display_id,region_id,customer_id,version,sales_channel_id,status,is_draft_order,email,currency_code,metadata,canceled_at,created_at,updated_at,deleted_at,created_by}');

--- trigger public."order" record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public."order" REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,display_id,region_id,customer_id,version,sales_channel_id,status,is_draft_order,email,currency_code,metadata,canceled_at,created_at,updated_at,deleted_at,created_by}');

--- trigger public."order" record_update
CREATE TRIGGER record_update AFTER UPDATE ON public."order" REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,display_id,region_id,customer_id,version,sales_channel_id,status,is_draft_order,email,currency_code,metadata,canceled_at,created_at,updated_at,deleted_at,created_by}');

--- trigger public."order" set_created
CREATE TRIGGER set_created BEFORE INSERT ON public."order" FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public."order" set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public."order" FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public."order"
alter table public."order" enable row level security;

--- grants public."order"
revoke all on public."order" from public, anon, authenticated, service_role;
grant select, insert, update, delete on public."order" to service_role;

--- table public.order_fulfillment
create table public.order_fulfillment (
    id             text not null default ('ordful_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text)),
    order_id       text not null,
    fulfillment_id text not null,
    created_at     timestamp with time zone not null default now(),
    updated_at     timestamp with time zone not null default now(),
    deleted_at     timestamp with time zone,
    created_by     text,
    constraint order_fulfillment_pkey PRIMARY KEY (order_id, fulfillment_id),
    constraint order_fulfillment_id_key UNIQUE (id)
);

--- comment public.order_fulfillment
comment on table public.order_fulfillment is 'That an order is fulfilled by a shipment, as Medusa has it.';
comment on column public.order_fulfillment.fulfillment_id is 'Medusa''s id of the shipment: ful_….';

--- index public.order_fulfillment idx_order_fulfillment_created_by
CREATE INDEX idx_order_fulfillment_created_by ON public.order_fulfillment USING btree (created_by) WHERE (created_by IS NOT NULL);

--- trigger public.order_fulfillment record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.order_fulfillment REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'order_id', 'all', '', '{order_id,fulfillment_id}', '{}', '{id,order_id,fulfillment_id,created_at,updated_at,deleted_at,created_by}');

--- trigger public.order_fulfillment record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.order_fulfillment REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'order_id', 'all', '', '{order_id,fulfillment_id}', '{}', '{id,order_id,fulfillment_id,created_at,updated_at,deleted_at,created_by}');

--- trigger public.order_fulfillment record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.order_fulfillment REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'order_id', 'all', '', '{order_id,fulfillment_id}', '{}', '{id,order_id,fulfillment_id,created_at,updated_at,deleted_at,created_by}');

--- trigger public.order_fulfillment set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.order_fulfillment FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.order_fulfillment set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.order_fulfillment FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.order_fulfillment
alter table public.order_fulfillment enable row level security;

--- grants public.order_fulfillment
revoke all on public.order_fulfillment from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.order_fulfillment to service_role;

--- table public.order_item
create table public.order_item (
    id                 text not null default ('orditem_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text)),
    order_id           text not null,
    version            integer not null default 1,
    item_id            text not null,
    quantity           numeric not null,
    fulfilled_quantity numeric not null default 0,
    shipped_quantity   numeric not null default 0,
    delivered_quantity numeric not null default 0,
    returned_quantity  numeric not null default 0,
    unit_price         numeric,
    metadata           jsonb,
    created_at         timestamp with time zone not null default now(),
    updated_at         timestamp with time zone not null default now(),
    deleted_at         timestamp with time zone,
    created_by         text,
    constraint order_item_pkey PRIMARY KEY (id),
    constraint order_item_quantity_check CHECK ((quantity >= (0)::numeric))
);

--- comment public.order_item
comment on table public.order_item is 'A line of an order with its quantities, as Medusa has it.';
comment on column public.order_item.item_id is 'The line item: what was ordered and under which title.';
comment on column public.order_item.unit_price is 'In the currency''s major unit: 25 is 25.00.';

--- index public.order_item idx_order_item_created_by
CREATE INDEX idx_order_item_created_by ON public.order_item USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.order_item idx_order_item_order_id
CREATE INDEX idx_order_item_order_id ON public.order_item USING btree (order_id, version);

--- trigger public.order_item mirror_medusa_fulfilment_insert
CREATE CONSTRAINT TRIGGER mirror_medusa_fulfilment_insert AFTER INSERT ON public.order_item DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((new.fulfilled_quantity > (0)::numeric) OR (new.delivered_quantity > (0)::numeric))) EXECUTE FUNCTION public.mirror_medusa_fulfilment();

--- trigger public.order_item mirror_medusa_fulfilment_update
CREATE CONSTRAINT TRIGGER mirror_medusa_fulfilment_update AFTER UPDATE ON public.order_item DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((new.fulfilled_quantity IS DISTINCT FROM old.fulfilled_quantity) OR (new.delivered_quantity IS DISTINCT FROM old.delivered_quantity))) EXECUTE FUNCTION public.mirror_medusa_fulfilment();

--- trigger public.order_item mirror_medusa_order
CREATE CONSTRAINT TRIGGER mirror_medusa_order AFTER INSERT OR UPDATE ON public.order_item DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.mirror_medusa_order();

--- trigger public.order_item record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.order_item REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'order_id', 'all', 'id', '{id}', '{}', '{id,order_id,version,item_id,quantity,fulfilled_quantity,shipped_quantity,delivered_quantity,returned_quantity,unit_price,metadata,created_at,updated_at,deleted_at,created_by}');

--- trigger public.order_item record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.order_item REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'order_id', 'all', 'id', '{id}', '{}', '{id,order_id,version,item_id,quantity,fulfilled_quantity,shipped_quantity,delivered_quantity,returned_quantity,unit_price,metadata,created_at,updated_at,deleted_at,created_by}');

--- trigger public.order_item record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.order_item REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'order_id', 'all', 'id', '{id}', '{}', '{id,order_id,version,item_id,quantity,fulfilled_quantity,shipped_quantity,delivered_quantity,returned_quantity,unit_price,metadata,created_at,updated_at,deleted_at,created_by}');

--- trigger public.order_item set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.order_item FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.order_item set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.order_item FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.order_item
alter table public.order_item enable row level security;

--- grants public.order_item
revoke all on public.order_item from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.order_item to service_role;

--- table public.orders
create table public.orders (
    id                 uuid not null default gen_random_uuid(),
    customer_id        uuid not null,
    status             text not null default 'pending'::text,
    total              bigint not null,
    currency           text not null default 'EUR'::text,
    medusa_order_id    text,
    note               text,
    created_at         timestamp with time zone not null default now(),
    updated_at         timestamp with time zone not null default now(),
    created_by         uuid default auth.uid(),
    payment_status     text not null default 'unpaid'::text,
    fulfillment_status text not null default 'unfulfilled'::text,
    refunded_total     bigint not null default 0,
    paid_at            timestamp with time zone,
    fulfilled_at       timestamp with time zone,
    cancelled_at       timestamp with time zone,
    constraint orders_pkey PRIMARY KEY (id),
    constraint orders_medusa_order_id_key UNIQUE (medusa_order_id),
    constraint orders_check CHECK (((refunded_total >= 0) AND (refunded_total <= total))),
    constraint orders_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    constraint orders_fulfillment_status_check CHECK ((fulfillment_status = ANY (ARRAY['unfulfilled'::text, 'partially_fulfilled'::text, 'fulfilled'::text, 'delivered'::text, 'returned'::text]))),
    constraint orders_payment_status_check CHECK ((payment_status = ANY (ARRAY['unpaid'::text, 'authorized'::text, 'paid'::text, 'partially_refunded'::text, 'refunded'::text, 'failed'::text]))),
    constraint orders_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'processing'::text, 'completed'::text, 'cancelled'::text, 'refunded'::text]))),
    constraint orders_total_check CHECK ((total >= 0))
);

--- comment public.orders
comment on table public.orders is 'An order placed in the shop.';
comment on column public.orders.total is 'In the currency''s minor unit: 25000 is 250.00.';
comment on column public.orders.currency is 'ISO 4217, upper case.';
comment on column public.orders.medusa_order_id is 'The same order in Medusa, where Medusa has it.';
comment on column public.orders.refunded_total is 'Given back so far, in the currency''s minor unit; never more than the total.';
comment on column public.orders.paid_at is 'When payment_status first became paid.';
comment on column public.orders.fulfilled_at is 'When fulfillment_status first became fulfilled.';
comment on column public.orders.cancelled_at is 'When status became cancelled; null again when that was taken back.';

--- index public.orders idx_orders_created_by
CREATE INDEX idx_orders_created_by ON public.orders USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.orders idx_orders_customer_id
CREATE INDEX idx_orders_customer_id ON public.orders USING btree (customer_id);

--- index public.orders idx_orders_status_created_at
CREATE INDEX idx_orders_status_created_at ON public.orders USING btree (status, created_at DESC);

--- trigger public.orders record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.orders REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,status,total,currency,medusa_order_id,note,created_at,updated_at,created_by,payment_status,fulfillment_status,refunded_total,paid_at,fulfilled_at,cancelled_at}');

--- trigger public.orders record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.orders REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,status,total,currency,medusa_order_id,note,created_at,updated_at,created_by,payment_status,fulfillment_status,refunded_total,paid_at,fulfilled_at,cancelled_at}');

--- trigger public.orders record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.orders REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,status,total,currency,medusa_order_id,note,created_at,updated_at,created_by,payment_status,fulfillment_status,refunded_total,paid_at,fulfilled_at,cancelled_at}');

--- trigger public.orders set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.orders FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.orders set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.orders FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- trigger public.orders stamp_new_order
CREATE TRIGGER stamp_new_order BEFORE INSERT ON public.orders FOR EACH ROW WHEN (((new.payment_status <> 'unpaid'::text) OR (new.fulfillment_status <> 'unfulfilled'::text) OR (new.status = 'cancelled'::text))) EXECUTE FUNCTION public.stamp_order_progress();

--- trigger public.orders stamp_order_progress
CREATE TRIGGER stamp_order_progress BEFORE UPDATE OF status, payment_status, fulfillment_status ON public.orders FOR EACH ROW EXECUTE FUNCTION public.stamp_order_progress();

--- row-security public.orders
alter table public.orders enable row level security;

--- grants public.orders
revoke all on public.orders from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.orders to authenticated;
grant select, insert, update, delete on public.orders to service_role;
grant select, update on public.orders to thendo_engine;

--- table public.page_content
create table public.page_content (
    id         uuid not null default gen_random_uuid(),
    page_id    uuid not null,
    section    text not null,
    content    jsonb not null default '{"blocks": []}'::jsonb,
    status     text not null default 'draft'::text,
    created_at timestamp with time zone not null default now(),
    updated_at timestamp with time zone not null default now(),
    created_by uuid default auth.uid(),
    constraint page_content_pkey PRIMARY KEY (id),
    constraint page_content_page_id_section_key UNIQUE (page_id, section),
    constraint page_content_content_check CHECK ((jsonb_typeof(content) = 'object'::text)),
    constraint page_content_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text])))
);

--- comment public.page_content
comment on table public.page_content is 'Content of one section of a page.';
comment on column public.page_content.content is '{"blocks": [{"type", "props"}]}';

--- index public.page_content idx_page_content_content
CREATE INDEX idx_page_content_content ON public.page_content USING gin (content jsonb_path_ops);

--- index public.page_content idx_page_content_created_by
CREATE INDEX idx_page_content_created_by ON public.page_content USING btree (created_by) WHERE (created_by IS NOT NULL);

--- trigger public.page_content keep_deleted
CREATE TRIGGER keep_deleted AFTER DELETE ON public.page_content REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.keep_page_content();

--- trigger public.page_content keep_inserted
CREATE TRIGGER keep_inserted AFTER INSERT ON public.page_content REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.keep_page_content();

--- trigger public.page_content keep_updated
CREATE TRIGGER keep_updated AFTER UPDATE ON public.page_content REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.keep_page_content();

--- trigger public.page_content record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.page_content REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'page_id', 'all', 'id', '{id}', '{}', '{id,page_id,section,content,status,created_at,updated_at,created_by}');

--- trigger public.page_content record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.page_content REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'page_id', 'all', 'id', '{id}', '{}', '{id,page_id,section,content,status,created_at,updated_at,created_by}');

--- trigger public.page_content record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.page_content REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'page_id', 'all', 'id', '{id}', '{}', '{id,page_id,section,content,status,created_at,updated_at,created_by}');

--- trigger public.page_content set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.page_content FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.page_content set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.page_content FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.page_content
alter table public.page_content enable row level security;

--- grants public.page_content
revoke all on public.page_content from public, anon, authenticated, service_role;
grant select on public.page_content to anon;
grant select, insert, update, delete on public.page_content to authenticated;
grant select, insert, update, delete on public.page_content to service_role;

--- table public.page_content_history
create table public.page_content_history (
    id              uuid not null default gen_random_uuid(),
    page_id         uuid not null,
    page_content_id uuid not null,
    version         integer not null,
    operation       text not null,
    section         text not null,
    content         jsonb not null,
    status          text not null,
    created_at      timestamp with time zone not null default clock_timestamp(),
    updated_at      timestamp with time zone not null default now(),
    created_by      uuid default auth.uid(),
    constraint page_content_history_pkey PRIMARY KEY (id),
    constraint page_content_history_page_content_id_version_key UNIQUE (page_content_id, version),
    constraint page_content_history_operation_check CHECK ((operation = ANY (ARRAY['insert'::text, 'update'::text, 'delete'::text]))),
    constraint page_content_history_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text]))),
    constraint page_content_history_version_check CHECK ((version > 0))
);

--- comment public.page_content_history
comment on table public.page_content_history is 'Former and present states of sections: who changed what, and when.';
comment on column public.page_content_history.page_content_id is 'The section; it may be gone, so this is no foreign key.';
comment on column public.page_content_history.content is 'After the change; before it, for a delete.';
comment on column public.page_content_history.created_by is 'Who made the change.';

--- index public.page_content_history idx_page_content_history_created_by
CREATE INDEX idx_page_content_history_created_by ON public.page_content_history USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.page_content_history idx_page_content_history_page_id
CREATE INDEX idx_page_content_history_page_id ON public.page_content_history USING btree (page_id, created_at DESC);

--- trigger public.page_content_history set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.page_content_history FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.page_content_history set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.page_content_history FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.page_content_history
alter table public.page_content_history enable row level security;

--- grants public.page_content_history
revoke all on public.page_content_history from public, anon, authenticated, service_role;
grant select on public.page_content_history to authenticated;
grant select on public.page_content_history to service_role;

--- table public.page_views
create table public.page_views (
    id         bigint not null generated always as identity,
    page_id    uuid not null,
    user_id    uuid,
    visitor    text,
    referrer   text,
    user_agent text,
    viewed_at  timestamp with time zone not null default now(),
    created_at timestamp with time zone not null default now(),
    updated_at timestamp with time zone not null default now(),
    created_by uuid default auth.uid(),
    constraint page_views_pkey PRIMARY KEY (id)
);

--- comment public.page_views
comment on table public.page_views is 'One view of a page. Written by the backend.';
comment on column public.page_views.visitor is 'Tells visitors without an account apart: a random id of the browser, no address.';

--- index public.page_views idx_page_views_created_by
CREATE INDEX idx_page_views_created_by ON public.page_views USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.page_views idx_page_views_page_id
CREATE INDEX idx_page_views_page_id ON public.page_views USING btree (page_id, viewed_at);

--- index public.page_views idx_page_views_user_id
CREATE INDEX idx_page_views_user_id ON public.page_views USING btree (user_id) WHERE (user_id IS NOT NULL);

--- index public.page_views idx_page_views_viewed_at
CREATE INDEX idx_page_views_viewed_at ON public.page_views USING brin (viewed_at);

--- trigger public.page_views record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.page_views REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'page_id', 'subscribed', 'id', '{id}', '{}', '{id,page_id,user_id,visitor,referrer,user_agent,viewed_at,created_at,updated_at,created_by}');

--- trigger public.page_views record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.page_views REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'page_id', 'subscribed', 'id', '{id}', '{}', '{id,page_id,user_id,visitor,referrer,user_agent,viewed_at,created_at,updated_at,created_by}');

--- trigger public.page_views record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.page_views REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'page_id', 'subscribed', 'id', '{id}', '{}', '{id,page_id,user_id,visitor,referrer,user_agent,viewed_at,created_at,updated_at,created_by}');

--- trigger public.page_views set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.page_views FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.page_views set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.page_views FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.page_views
alter table public.page_views enable row level security;

--- grants public.page_views
revoke all on public.page_views from public, anon, authenticated, service_role;
grant select on public.page_views to authenticated;
grant select, insert, update, delete on public.page_views to service_role;

--- table public.pages
create table public.pages (
    id           uuid not null default gen_random_uuid(),
    slug         text not null,
    title        text not null,
    description  text,
    status       text not null default 'draft'::text,
    published_at timestamp with time zone,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    constraint pages_pkey PRIMARY KEY (id),
    constraint pages_slug_key UNIQUE (slug),
    constraint pages_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text, 'archived'::text])))
);

--- comment public.pages
comment on table public.pages is 'A page of the site.';
comment on column public.pages.slug is 'Its place in the URL.';
comment on column public.pages.description is 'For search engines and previews.';

--- index public.pages idx_pages_created_by
CREATE INDEX idx_pages_created_by ON public.pages USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.pages idx_pages_status
CREATE INDEX idx_pages_status ON public.pages USING btree (status);

--- trigger public.pages record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.pages REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id', 'all', 'id', '{id}', '{}', '{id,slug,title,description,status,published_at,created_at,updated_at,created_by}');

--- trigger public.pages record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.pages REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id', 'all', 'id', '{id}', '{}', '{id,slug,title,description,status,published_at,created_at,updated_at,created_by}');

--- trigger public.pages record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.pages REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id', 'all', 'id', '{id}', '{}', '{id,slug,title,description,status,published_at,created_at,updated_at,created_by}');

--- trigger public.pages set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.pages FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.pages set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.pages FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- trigger public.pages stamp_publication
CREATE TRIGGER stamp_publication BEFORE INSERT OR UPDATE OF status, published_at ON public.pages FOR EACH ROW WHEN ((new.status = 'published'::text)) EXECUTE FUNCTION public.stamp_publication();

--- row-security public.pages
alter table public.pages enable row level security;

--- grants public.pages
revoke all on public.pages from public, anon, authenticated, service_role;
grant select on public.pages to anon;
grant select, insert, update, delete on public.pages to authenticated;
grant select, insert, update, delete on public.pages to service_role;
grant select, update on public.pages to thendo_engine;

--- table public.payment
create table public.payment (
    id                    text not null default ('pay_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text)),
    amount                numeric not null,
    currency_code         text not null,
    provider_id           text not null,
    data                  jsonb,
    metadata              jsonb,
    captured_at           timestamp with time zone,
    canceled_at           timestamp with time zone,
    payment_collection_id text not null,
    payment_session_id    text not null,
    created_at            timestamp with time zone not null default now(),
    updated_at            timestamp with time zone not null default now(),
    deleted_at            timestamp with time zone,
    created_by            text,
    constraint payment_pkey PRIMARY KEY (id),
    constraint payment_amount_check CHECK ((amount >= (0)::numeric))
);

--- comment public.payment
comment on table public.payment is 'A payment, as Medusa has it.';
comment on column public.payment.amount is 'In the currency''s major unit: 25 is 25.00.';
comment on column public.payment.data is 'What the provider needs; may hold its secrets, so it enters no event.';
comment on column public.payment.captured_at is 'When the money was taken; null while it is only authorised.';

--- index public.payment idx_payment_created_by
CREATE INDEX idx_payment_created_by ON public.payment USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.payment idx_payment_payment_collection_id
CREATE INDEX idx_payment_payment_collection_id ON public.payment USING btree (payment_collection_id);

--- index public.payment idx_payment_payment_session_id
CREATE INDEX idx_payment_payment_session_id ON public.payment USING btree (payment_session_id);

--- trigger public.payment record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.payment REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('billing', 'id', 'all', 'id', '{id}', '{data}', '{id,amount,currency_code,provider_id,data,metadata,captured_at,canceled_at,payment_collection_id,payment_session_id,created_at,updated_at,deleted_at,created_by}');

--- trigger public.payment record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.payment REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('billing', 'id', 'all', 'id', '{id}', '{data}', '{id,amount,currency_code,provider_id,data,metadata,captured_at,canceled_at,payment_collection_id,payment_session_id,created_at,updated_at,deleted_at,created_by}');

--- trigger public.payment record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.payment REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('billing', 'id', 'all', 'id', '{id}', '{data}', '{id,amount,currency_code,provider_id,data,metadata,captured_at,canceled_at,payment_collection_id,payment_session_id,created_at,updated_at,deleted_at,created_by}');

--- trigger public.payment set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.payment FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.payment set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.payment FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.payment
alter table public.payment enable row level security;

--- grants public.payment
revoke all on public.payment from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.payment to service_role;

--- table public.product
create table public.product (
    id          text not null default ('prod_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text)),
    title       text not null,
    handle      text not null,
    subtitle    text,
    description text,
    status      text not null default 'draft'::text,
    thumbnail   text,
    metadata    jsonb,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    deleted_at  timestamp with time zone,
    created_by  text,
    constraint product_pkey PRIMARY KEY (id),
    constraint product_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'proposed'::text, 'published'::text, 'rejected'::text])))
);

--- comment public.product
comment on table public.product is 'The product catalogue, as Medusa has it.';
comment on column public.product.handle is 'Its place in the URL.';
comment on column public.product.deleted_at is 'When it was deleted; the row stays.';
comment on column public.product.created_by is 'Medusa''s id of whoever made it.';

--- index public.product idx_product_created_by
CREATE INDEX idx_product_created_by ON public.product USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.product idx_product_handle
CREATE UNIQUE INDEX idx_product_handle ON public.product USING btree (handle) WHERE (deleted_at IS NULL);

--- trigger public.product record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.product REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'id', 'all', 'id', '{id}', '{}', '{id,title,handle,subtitle,description,status,thumbnail,metadata,created_at,updated_at,deleted_at,created_by}');

--- trigger public.product record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.product REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'id', 'all', 'id', '{id}', '{}', '{id,title,handle,subtitle,description,status,thumbnail,metadata,created_at,updated_at,deleted_at,created_by}');

--- trigger public.product record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.product REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'id', 'all', 'id', '{id}', '{}', '{id,title,handle,subtitle,description,status,thumbnail,metadata,created_at,updated_at,deleted_at,created_by}');

--- trigger public.product set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.product FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.product set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.product FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.product
alter table public.product enable row level security;

--- grants public.product
revoke all on public.product from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.product to service_role;

--- table public.product_categories
create table public.product_categories (
    id          uuid not null default gen_random_uuid(),
    parent_id   uuid,
    name        text not null,
    slug        text not null,
    description text,
    "position"  integer not null default 0,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid default auth.uid(),
    constraint product_categories_pkey PRIMARY KEY (id),
    constraint product_categories_slug_key UNIQUE (slug),
    constraint product_categories_check CHECK ((parent_id <> id))
);

--- comment public.product_categories
comment on table public.product_categories is 'A category of the shop.';
comment on column public.product_categories.slug is 'Its place in the URL.';
comment on column public.product_categories."position" is 'Order beside its sisters, smallest first.';

--- index public.product_categories idx_product_categories_created_by
CREATE INDEX idx_product_categories_created_by ON public.product_categories USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.product_categories idx_product_categories_parent_id
CREATE INDEX idx_product_categories_parent_id ON public.product_categories USING btree (parent_id, "position");

--- trigger public.product_categories keep_category_tree
CREATE TRIGGER keep_category_tree BEFORE INSERT OR UPDATE OF parent_id ON public.product_categories FOR EACH ROW EXECUTE FUNCTION public.keep_category_tree();

--- trigger public.product_categories record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.product_categories REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'id', 'all', 'id', '{id}', '{}', '{id,parent_id,name,slug,description,position,created_at,updated_at,created_by}');

--- trigger public.product_categories record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.product_categories REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'id', 'all', 'id', '{id}', '{}', '{id,parent_id,name,slug,description,position,created_at,updated_at,created_by}');

--- trigger public.product_categories record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.product_categories REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'id', 'all', 'id', '{id}', '{}', '{id,parent_id,name,slug,description,position,created_at,updated_at,created_by}');

--- trigger public.product_categories set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.product_categories FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.product_categories set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.product_categories FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.product_categories
alter table public.product_categories enable row level security;

--- grants public.product_categories
revoke all on public.product_categories from public, anon, authenticated, service_role;
grant select on public.product_categories to anon;
grant select, insert, update, delete on public.product_categories to authenticated;
grant select, insert, update, delete on public.product_categories to service_role;

--- table public.product_category_mappings
create table public.product_category_mappings (
    product_id  text not null,
    category_id uuid not null,
    "position"  integer not null default 0,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid default auth.uid(),
    constraint product_category_mappings_pkey PRIMARY KEY (product_id, category_id)
);

--- comment public.product_category_mappings
comment on table public.product_category_mappings is 'Which product is in which category.';
comment on column public.product_category_mappings.product_id is 'Medusa''s id of the product: prod_…. No foreign key: the table is Medusa''s, which deletes and restores as it likes.';

--- index public.product_category_mappings idx_product_category_mappings_category_id
CREATE INDEX idx_product_category_mappings_category_id ON public.product_category_mappings USING btree (category_id, "position");

--- index public.product_category_mappings idx_product_category_mappings_created_by
CREATE INDEX idx_product_category_mappings_created_by ON public.product_category_mappings USING btree (created_by) WHERE (created_by IS NOT NULL);

--- trigger public.product_category_mappings record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.product_category_mappings REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'product_id', 'all', '', '{product_id,category_id}', '{}', '{product_id,category_id,position,created_at,updated_at,created_by}');

--- trigger public.product_category_mappings record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.product_category_mappings REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'product_id', 'all', '', '{product_id,category_id}', '{}', '{product_id,category_id,position,created_at,updated_at,created_by}');

--- trigger public.product_category_mappings record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.product_category_mappings REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'product_id', 'all', '', '{product_id,category_id}', '{}', '{product_id,category_id,position,created_at,updated_at,created_by}');

--- trigger public.product_category_mappings set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.product_category_mappings FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.product_category_mappings set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.product_category_mappings FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.product_category_mappings
alter table public.product_category_mappings enable row level security;

--- grants public.product_category_mappings
revoke all on public.product_category_mappings from public, anon, authenticated, service_role;
grant select on public.product_category_mappings to anon;
grant select, insert, update, delete on public.product_category_mappings to authenticated;
grant select, insert, update, delete on public.product_category_mappings to service_role;

--- table public.product_stock
create table public.product_stock (
    variant_id text not null,
    product_id text,
    available  bigint not null,
    created_at timestamp with time zone not null default now(),
    updated_at timestamp with time zone not null default now(),
    created_by uuid default auth.uid(),
    constraint product_stock_pkey PRIMARY KEY (variant_id)
);

--- comment public.product_stock
comment on table public.product_stock is 'Pieces of a product''s variant that can be sold.';
comment on column public.product_stock.variant_id is 'Medusa''s id of the variant: variant_….';
comment on column public.product_stock.available is 'In stock and not reserved; below zero where more was sold than there was.';

--- index public.product_stock idx_product_stock_created_by
CREATE INDEX idx_product_stock_created_by ON public.product_stock USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.product_stock idx_product_stock_product_id
CREATE INDEX idx_product_stock_product_id ON public.product_stock USING btree (product_id);

--- trigger public.product_stock record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.product_stock REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'variant_id', 'all', 'variant_id', '{variant_id}', '{}', '{variant_id,product_id,available,created_at,updated_at,created_by}');

--- trigger public.product_stock record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.product_stock REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'variant_id', 'all', 'variant_id', '{variant_id}', '{}', '{variant_id,product_id,available,created_at,updated_at,created_by}');

--- trigger public.product_stock record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.product_stock REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'variant_id', 'all', 'variant_id', '{variant_id}', '{}', '{variant_id,product_id,available,created_at,updated_at,created_by}');

--- trigger public.product_stock set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.product_stock FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.product_stock set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.product_stock FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.product_stock
alter table public.product_stock enable row level security;

--- grants public.product_stock
revoke all on public.product_stock from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.product_stock to authenticated;
grant select, insert, update, delete on public.product_stock to service_role;
grant select on public.product_stock to thendo_engine;

--- table public.product_variant
create table public.product_variant (
    id               text not null default ('variant_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text)),
    title            text not null,
    sku              text,
    barcode          text,
    allow_backorder  boolean not null default false,
    manage_inventory boolean not null default true,
    variant_rank     integer default 0,
    metadata         jsonb,
    product_id       text,
    created_at       timestamp with time zone not null default now(),
    updated_at       timestamp with time zone not null default now(),
    deleted_at       timestamp with time zone,
    created_by       text,
    constraint product_variant_pkey PRIMARY KEY (id)
);

--- comment public.product_variant
comment on table public.product_variant is 'A variant of a product, with its own SKU, as Medusa has it.';
comment on column public.product_variant.manage_inventory is 'Whether its stock is counted.';

--- index public.product_variant idx_product_variant_created_by
CREATE INDEX idx_product_variant_created_by ON public.product_variant USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.product_variant idx_product_variant_product_id
CREATE INDEX idx_product_variant_product_id ON public.product_variant USING btree (product_id);

--- index public.product_variant idx_product_variant_sku
CREATE UNIQUE INDEX idx_product_variant_sku ON public.product_variant USING btree (sku) WHERE (deleted_at IS NULL);

--- trigger public.product_variant record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.product_variant REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'product_id', 'all', 'id', '{id}', '{}', '{id,title,sku,barcode,allow_backorder,manage_inventory,variant_rank,metadata,product_id,created_at,updated_at,deleted_at,created_by}');

--- trigger public.product_variant record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.product_variant REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'product_id', 'all', 'id', '{id}', '{}', '{id,title,sku,barcode,allow_backorder,manage_inventory,variant_rank,metadata,product_id,created_at,updated_at,deleted_at,created_by}');

--- trigger public.product_variant record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.product_variant REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'product_id', 'all', 'id', '{id}', '{}', '{id,title,sku,barcode,allow_backorder,manage_inventory,variant_rank,metadata,product_id,created_at,updated_at,deleted_at,created_by}');

--- trigger public.product_variant set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.product_variant FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.product_variant set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.product_variant FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.product_variant
alter table public.product_variant enable row level security;

--- grants public.product_variant
revoke all on public.product_variant from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.product_variant to service_role;

--- table public.product_waitlist
create table public.product_waitlist (
    id          uuid not null default gen_random_uuid(),
    product_id  text not null,
    variant_id  text,
    customer_id uuid,
    email       text not null,
    name        text,
    status      text not null default 'waiting'::text,
    notified_at timestamp with time zone,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid default auth.uid(),
    constraint product_waitlist_pkey PRIMARY KEY (id),
    constraint product_waitlist_email_check CHECK (((length(email) >= 3) AND (length(email) <= 320))),
    constraint product_waitlist_name_check CHECK ((length(name) <= 300)),
    constraint product_waitlist_status_check CHECK ((status = ANY (ARRAY['waiting'::text, 'notified'::text, 'converted'::text, 'cancelled'::text])))
);

--- comment public.product_waitlist
comment on table public.product_waitlist is 'A sign-up to hear when a product is back in stock. It belongs to its address.';
comment on column public.product_waitlist.product_id is 'Medusa''s id of the product: text, prod_….';
comment on column public.product_waitlist.status is 'waiting, notified: told that it is back, converted: bought it, cancelled: by its owner.';

--- index public.product_waitlist idx_product_waitlist_created_by
CREATE INDEX idx_product_waitlist_created_by ON public.product_waitlist USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.product_waitlist idx_product_waitlist_customer_id
CREATE INDEX idx_product_waitlist_customer_id ON public.product_waitlist USING btree (customer_id);

--- index public.product_waitlist idx_product_waitlist_email
CREATE INDEX idx_product_waitlist_email ON public.product_waitlist USING btree (lower(email));

--- index public.product_waitlist idx_product_waitlist_once
CREATE UNIQUE INDEX idx_product_waitlist_once ON public.product_waitlist USING btree (product_id, COALESCE(variant_id, ''::text), lower(email)) WHERE (status = 'waiting'::text);

--- trigger public.product_waitlist record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.product_waitlist REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('waitlist', 'customer_id', 'all', 'id', '{id}', '{}', '{id,product_id,variant_id,customer_id,email,name,status,notified_at,created_at,updated_at,created_by}');

--- trigger public.product_waitlist record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.product_waitlist REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('waitlist', 'customer_id', 'all', 'id', '{id}', '{}', '{id,product_id,variant_id,customer_id,email,name,status,notified_at,created_at,updated_at,created_by}');

--- trigger public.product_waitlist record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.product_waitlist REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('waitlist', 'customer_id', 'all', 'id', '{id}', '{}', '{id,product_id,variant_id,customer_id,email,name,status,notified_at,created_at,updated_at,created_by}');

--- trigger public.product_waitlist set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.product_waitlist FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.product_waitlist set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.product_waitlist FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- trigger public.product_waitlist waitlist_order
CREATE TRIGGER waitlist_order BEFORE UPDATE OF status, product_id, variant_id ON public.product_waitlist FOR EACH ROW EXECUTE FUNCTION public.keep_waitlist_order();

--- row-security public.product_waitlist
alter table public.product_waitlist enable row level security;

--- grants public.product_waitlist
revoke all on public.product_waitlist from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.product_waitlist to authenticated;
grant select, insert, update, delete on public.product_waitlist to service_role;
grant select, update on public.product_waitlist to thendo_engine;

--- table public.project_comments
create table public.project_comments (
    id         uuid not null default gen_random_uuid(),
    order_id   uuid not null,
    user_id    uuid default auth.uid(),
    body       text not null,
    created_at timestamp with time zone not null default now(),
    updated_at timestamp with time zone not null default now(),
    created_by uuid default auth.uid(),
    constraint project_comments_pkey PRIMARY KEY (id),
    constraint project_comments_body_check CHECK (((length(body) >= 1) AND (length(body) <= 20000)))
);

--- comment public.project_comments
comment on table public.project_comments is 'A note on a project, seen by its writer and admins.';
comment on column public.project_comments.order_id is 'The project.';
comment on column public.project_comments.user_id is 'Who wrote it; null once that account is gone: the note stays.';

--- index public.project_comments idx_project_comments_created_by
CREATE INDEX idx_project_comments_created_by ON public.project_comments USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.project_comments idx_project_comments_order_id
CREATE INDEX idx_project_comments_order_id ON public.project_comments USING btree (order_id, created_at);

--- index public.project_comments idx_project_comments_user_id
CREATE INDEX idx_project_comments_user_id ON public.project_comments USING btree (user_id);

--- trigger public.project_comments record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.project_comments REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'order_id', 'all', 'id', '{id}', '{}', '{id,order_id,user_id,body,created_at,updated_at,created_by}');

--- trigger public.project_comments record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.project_comments REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'order_id', 'all', 'id', '{id}', '{}', '{id,order_id,user_id,body,created_at,updated_at,created_by}');

--- trigger public.project_comments record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.project_comments REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'order_id', 'all', 'id', '{id}', '{}', '{id,order_id,user_id,body,created_at,updated_at,created_by}');

--- trigger public.project_comments set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.project_comments FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.project_comments set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.project_comments FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.project_comments
alter table public.project_comments enable row level security;

--- grants public.project_comments
revoke all on public.project_comments from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.project_comments to authenticated;
grant select, insert, update, delete on public.project_comments to service_role;
grant insert on public.project_comments to thendo_engine;

--- table public.quotes
create table public.quotes (
    id          uuid not null default gen_random_uuid(),
    customer_id uuid not null,
    title       text not null,
    description text,
    amount      bigint not null,
    currency    text not null default 'EUR'::text,
    status      text not null default 'draft'::text,
    valid_until timestamp with time zone,
    sent_at     timestamp with time zone,
    decided_at  timestamp with time zone,
    order_id    uuid,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid default auth.uid(),
    constraint quotes_pkey PRIMARY KEY (id),
    constraint quotes_amount_check CHECK ((amount >= 0)),
    constraint quotes_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    constraint quotes_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'sent'::text, 'accepted'::text, 'declined'::text, 'expired'::text])))
);

--- comment public.quotes
comment on table public.quotes is 'A quote for a project.';
comment on column public.quotes.amount is 'In the currency''s minor unit: 25000 is 250.00.';
comment on column public.quotes.decided_at is 'When the customer accepted or declined.';
comment on column public.quotes.order_id is 'The order that came of it.';

--- index public.quotes idx_quotes_created_by
CREATE INDEX idx_quotes_created_by ON public.quotes USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.quotes idx_quotes_customer_id
CREATE INDEX idx_quotes_customer_id ON public.quotes USING btree (customer_id);

--- index public.quotes idx_quotes_open
CREATE INDEX idx_quotes_open ON public.quotes USING btree (valid_until) WHERE (status = 'sent'::text);

--- index public.quotes idx_quotes_order_id
CREATE INDEX idx_quotes_order_id ON public.quotes USING btree (order_id);

--- trigger public.quotes record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.quotes REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,title,description,amount,currency,status,valid_until,sent_at,decided_at,order_id,created_at,updated_at,created_by}');

--- trigger public.quotes record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.quotes REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,title,description,amount,currency,status,valid_until,sent_at,decided_at,order_id,created_at,updated_at,created_by}');

--- trigger public.quotes record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.quotes REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,title,description,amount,currency,status,valid_until,sent_at,decided_at,order_id,created_at,updated_at,created_by}');

--- trigger public.quotes set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.quotes FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.quotes set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.quotes FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- trigger public.quotes stamp_quote
CREATE TRIGGER stamp_quote BEFORE INSERT OR UPDATE OF status ON public.quotes FOR EACH ROW EXECUTE FUNCTION public.stamp_quote();

--- row-security public.quotes
alter table public.quotes enable row level security;

--- grants public.quotes
revoke all on public.quotes from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.quotes to authenticated;
grant select, insert, update, delete on public.quotes to service_role;

--- table public.referral_codes
create table public.referral_codes (
    id          uuid not null default gen_random_uuid(),
    customer_id uuid not null,
    code        text not null,
    uses        integer not null default 0,
    most_uses   integer,
    expires_at  timestamp with time zone,
    is_active   boolean not null default true,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid default auth.uid(),
    constraint referral_codes_pkey PRIMARY KEY (id),
    constraint referral_codes_code_key UNIQUE (code),
    constraint referral_codes_check CHECK ((uses <= most_uses)),
    constraint referral_codes_code_check CHECK ((code ~ '^[A-Za-z0-9_-]{4,64}$'::text)),
    constraint referral_codes_most_uses_check CHECK ((most_uses > 0)),
    constraint referral_codes_uses_check CHECK ((uses >= 0))
);

--- comment public.referral_codes
comment on table public.referral_codes is 'A code in a link that a customer passes on.';
comment on column public.referral_codes.most_uses is 'Null: as often as one likes.';

--- index public.referral_codes idx_referral_codes_created_by
CREATE INDEX idx_referral_codes_created_by ON public.referral_codes USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.referral_codes idx_referral_codes_customer_id
CREATE INDEX idx_referral_codes_customer_id ON public.referral_codes USING btree (customer_id);

--- trigger public.referral_codes record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.referral_codes REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('loyalty', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,code,uses,most_uses,expires_at,is_active,created_at,updated_at,created_by}');

--- trigger public.referral_codes record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.referral_codes REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('loyalty', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,code,uses,most_uses,expires_at,is_active,created_at,updated_at,created_by}');

--- trigger public.referral_codes record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.referral_codes REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('loyalty', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,code,uses,most_uses,expires_at,is_active,created_at,updated_at,created_by}');

--- trigger public.referral_codes set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.referral_codes FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.referral_codes set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.referral_codes FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.referral_codes
alter table public.referral_codes enable row level security;

--- grants public.referral_codes
revoke all on public.referral_codes from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.referral_codes to authenticated;
grant select, insert, update, delete on public.referral_codes to service_role;
grant select, insert on public.referral_codes to thendo_engine;

--- table public.reviews
create table public.reviews (
    id                   uuid not null default gen_random_uuid(),
    product_id           text not null,
    customer_id          uuid not null,
    order_id             uuid,
    rating               smallint not null,
    title                text,
    body                 text not null default ''::text,
    author_name          text,
    status               text not null default 'pending'::text,
    is_verified_purchase boolean not null default false,
    moderated_at         timestamp with time zone,
    moderated_by         uuid,
    created_at           timestamp with time zone not null default now(),
    updated_at           timestamp with time zone not null default now(),
    created_by           uuid default auth.uid(),
    constraint reviews_pkey PRIMARY KEY (id),
    constraint reviews_product_id_customer_id_key UNIQUE (product_id, customer_id),
    constraint reviews_author_name_check CHECK ((length(author_name) <= 300)),
    constraint reviews_body_check CHECK ((length(body) <= 20000)),
    constraint reviews_rating_check CHECK (((rating >= 1) AND (rating <= 5))),
    constraint reviews_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'approved'::text, 'rejected'::text]))),
    constraint reviews_title_check CHECK ((length(title) <= 300))
);

--- comment public.reviews
comment on table public.reviews is 'A customer''s review of a product.';
comment on column public.reviews.product_id is 'Medusa''s id of the product: prod_….';
comment on column public.reviews.rating is 'Stars, 1 to 5.';
comment on column public.reviews.author_name is 'The name shown beside it.';
comment on column public.reviews.moderated_at is 'When it was last approved or rejected; by whom is in moderated_by.';

--- index public.reviews idx_reviews_approved
CREATE INDEX idx_reviews_approved ON public.reviews USING btree (product_id, created_at DESC) WHERE (status = 'approved'::text);

--- index public.reviews idx_reviews_created_by
CREATE INDEX idx_reviews_created_by ON public.reviews USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.reviews idx_reviews_customer_id
CREATE INDEX idx_reviews_customer_id ON public.reviews USING btree (customer_id);

--- index public.reviews idx_reviews_moderated_by
CREATE INDEX idx_reviews_moderated_by ON public.reviews USING btree (moderated_by) WHERE (moderated_by IS NOT NULL);

--- index public.reviews idx_reviews_order_id
CREATE INDEX idx_reviews_order_id ON public.reviews USING btree (order_id);

--- index public.reviews idx_reviews_pending
CREATE INDEX idx_reviews_pending ON public.reviews USING btree (created_at) WHERE (status = 'pending'::text);

--- trigger public.reviews record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.reviews REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'customer_id', 'all', 'id', '{id}', '{}', '{id,product_id,customer_id,order_id,rating,title,body,author_name,status,is_verified_purchase,moderated_at,moderated_by,created_at,updated_at,created_by}');

--- trigger public.reviews record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.reviews REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'customer_id', 'all', 'id', '{id}', '{}', '{id,product_id,customer_id,order_id,rating,title,body,author_name,status,is_verified_purchase,moderated_at,moderated_by,created_at,updated_at,created_by}');

--- trigger public.reviews record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.reviews REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('products', 'customer_id', 'all', 'id', '{id}', '{}', '{id,product_id,customer_id,order_id,rating,title,body,author_name,status,is_verified_purchase,moderated_at,moderated_by,created_at,updated_at,created_by}');

--- trigger public.reviews set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.reviews FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.reviews set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.reviews FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- trigger public.reviews stamp_moderation
CREATE TRIGGER stamp_moderation BEFORE INSERT OR UPDATE OF status ON public.reviews FOR EACH ROW EXECUTE FUNCTION public.stamp_moderation();

--- row-security public.reviews
alter table public.reviews enable row level security;

--- grants public.reviews
revoke all on public.reviews from public, anon, authenticated, service_role;
grant select on public.reviews to anon;
grant select, insert, update, delete on public.reviews to authenticated;
grant select, insert, update, delete on public.reviews to service_role;

--- table public.saved_addresses
create table public.saved_addresses (
    id           uuid not null default gen_random_uuid(),
    user_id      uuid not null default auth.uid(),
    label        text,
    name         text not null,
    company      text,
    line1        text not null,
    line2        text,
    postal_code  text,
    city         text not null,
    region       text,
    country_code text not null,
    phone        text,
    is_default   boolean not null default false,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    constraint saved_addresses_pkey PRIMARY KEY (id),
    constraint idx_saved_addresses_one_default EXCLUDE USING btree (user_id WITH =) WHERE (is_default) DEFERRABLE,
    constraint of_bounded_length CHECK ((length(concat(label, name, company, line1, line2, postal_code, city, region, phone)) <= 2000)),
    constraint saved_addresses_country_code_check CHECK ((country_code ~ '^[A-Z]{2}$'::text))
);

--- comment public.saved_addresses
comment on table public.saved_addresses is 'An address that an account keeps for its orders.';
comment on column public.saved_addresses.label is 'What its owner calls it: home, office.';
comment on column public.saved_addresses.country_code is 'ISO 3166-1, two capital letters.';

--- index public.saved_addresses idx_saved_addresses_created_by
CREATE INDEX idx_saved_addresses_created_by ON public.saved_addresses USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.saved_addresses idx_saved_addresses_user_id
CREATE INDEX idx_saved_addresses_user_id ON public.saved_addresses USING btree (user_id);

--- trigger public.saved_addresses record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.saved_addresses REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'user_id', 'all', 'id', '{id}', '{}', '{id,user_id,label,name,company,line1,line2,postal_code,city,region,country_code,phone,is_default,created_at,updated_at,created_by}');

--- trigger public.saved_addresses record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.saved_addresses REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'user_id', 'all', 'id', '{id}', '{}', '{id,user_id,label,name,company,line1,line2,postal_code,city,region,country_code,phone,is_default,created_at,updated_at,created_by}');

--- trigger public.saved_addresses record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.saved_addresses REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'user_id', 'all', 'id', '{id}', '{}', '{id,user_id,label,name,company,line1,line2,postal_code,city,region,country_code,phone,is_default,created_at,updated_at,created_by}');

--- trigger public.saved_addresses set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.saved_addresses FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.saved_addresses set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.saved_addresses FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.saved_addresses
alter table public.saved_addresses enable row level security;

--- grants public.saved_addresses
revoke all on public.saved_addresses from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.saved_addresses to authenticated;
grant select, insert, update, delete on public.saved_addresses to service_role;

--- table public.stripe_customers
create table public.stripe_customers (
    id                 uuid not null default gen_random_uuid(),
    customer_id        uuid not null,
    stripe_customer_id text not null,
    livemode           boolean not null default true,
    created_at         timestamp with time zone not null default now(),
    updated_at         timestamp with time zone not null default now(),
    created_by         uuid default auth.uid(),
    constraint stripe_customers_pkey PRIMARY KEY (id),
    constraint stripe_customers_customer_id_key UNIQUE (customer_id),
    constraint stripe_customers_stripe_customer_id_key UNIQUE (stripe_customer_id),
    constraint stripe_customers_stripe_customer_id_check CHECK ((stripe_customer_id ~ '^cus_'::text))
);

--- comment public.stripe_customers
comment on table public.stripe_customers is 'A customer''s reference at Stripe.';
comment on column public.stripe_customers.livemode is 'False for Stripe''s test mode.';

--- index public.stripe_customers idx_stripe_customers_created_by
CREATE INDEX idx_stripe_customers_created_by ON public.stripe_customers USING btree (created_by) WHERE (created_by IS NOT NULL);

--- trigger public.stripe_customers record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.stripe_customers REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('billing', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,stripe_customer_id,livemode,created_at,updated_at,created_by}');

--- trigger public.stripe_customers record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.stripe_customers REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('billing', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,stripe_customer_id,livemode,created_at,updated_at,created_by}');

--- trigger public.stripe_customers record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.stripe_customers REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('billing', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,stripe_customer_id,livemode,created_at,updated_at,created_by}');

--- trigger public.stripe_customers set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.stripe_customers FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.stripe_customers set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.stripe_customers FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.stripe_customers
alter table public.stripe_customers enable row level security;

--- grants public.stripe_customers
revoke all on public.stripe_customers from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.stripe_customers to authenticated;
grant select, insert, update, delete on public.stripe_customers to service_role;

--- table public.stripe_objects
create table public.stripe_objects (
    id               text not null,
    kind             text not null,
    stripe_customer  text,
    customer_id      uuid,
    customer_told_at timestamp with time zone,
    email            text,
    told_at          timestamp with time zone not null,
    events           jsonb not null,
    note             text,
    tried_at         timestamp with time zone,
    created_at       timestamp with time zone not null default now(),
    updated_at       timestamp with time zone not null default now(),
    created_by       uuid default auth.uid(),
    constraint stripe_objects_pkey PRIMARY KEY (id),
    constraint stripe_objects_events_check CHECK ((jsonb_typeof(events) = 'array'::text)),
    constraint stripe_objects_kind_check CHECK ((kind = ANY (ARRAY['customer'::text, 'subscription'::text, 'payment'::text, 'unread'::text])))
);

--- comment public.stripe_objects
comment on table public.stripe_objects is 'The latest that Stripe told of its customers, subscriptions and payments.';
comment on column public.stripe_objects.id is 'Stripe''s: cus_…, sub_…, pi_….';
comment on column public.stripe_objects.kind is 'What it is; unread: an event that could not be read, whole.';
comment on column public.stripe_objects.stripe_customer is 'Whose it is at Stripe.';
comment on column public.stripe_objects.customer_id is 'The shop''s customer, once it is known.';
comment on column public.stripe_objects.customer_told_at is 'Stripe''s time of the event that told whose it is; infinity: the shop said so.';
comment on column public.stripe_objects.email is 'Of a customer at Stripe: by it the shop''s is found.';
comment on column public.stripe_objects.told_at is 'Stripe''s time of the latest event.';
comment on column public.stripe_objects.events is 'The events of that second, without what nobody needs.';
comment on column public.stripe_objects.note is 'Why the shop''s rows are not in step with it; null if they are.';
comment on column public.stripe_objects.tried_at is 'When that was last tried.';

--- index public.stripe_objects idx_stripe_objects_created_by
CREATE INDEX idx_stripe_objects_created_by ON public.stripe_objects USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.stripe_objects idx_stripe_objects_customer_id
CREATE INDEX idx_stripe_objects_customer_id ON public.stripe_objects USING btree (customer_id);

--- index public.stripe_objects idx_stripe_objects_stripe_customer
CREATE INDEX idx_stripe_objects_stripe_customer ON public.stripe_objects USING btree (stripe_customer);

--- index public.stripe_objects idx_stripe_objects_tried_at
CREATE INDEX idx_stripe_objects_tried_at ON public.stripe_objects USING btree (tried_at) WHERE (note IS NOT NULL);

--- trigger public.stripe_objects set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.stripe_objects FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.stripe_objects set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.stripe_objects FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.stripe_objects
alter table public.stripe_objects enable row level security;

--- grants public.stripe_objects
revoke all on public.stripe_objects from public, anon, authenticated, service_role;
grant select on public.stripe_objects to authenticated;
grant select on public.stripe_objects to service_role;

--- table public.subscribers
create table public.subscribers (
    id           uuid not null default gen_random_uuid(),
    email        text not null,
    name         text,
    customer_id  uuid,
    status       text not null default 'pending'::text,
    confirmed_at timestamp with time zone,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    constraint subscribers_pkey PRIMARY KEY (id),
    constraint subscribers_email_check CHECK (((length(email) >= 3) AND (length(email) <= 320))),
    constraint subscribers_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'subscribed'::text, 'unsubscribed'::text])))
);

--- comment public.subscribers
comment on table public.subscribers is 'A subscription to the blog by mail.';
comment on column public.subscribers.status is 'pending: signed up, the address not yet confirmed.';

--- index public.subscribers idx_subscribers_created_by
CREATE INDEX idx_subscribers_created_by ON public.subscribers USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.subscribers idx_subscribers_customer_id
CREATE INDEX idx_subscribers_customer_id ON public.subscribers USING btree (customer_id);

--- index public.subscribers idx_subscribers_email
CREATE UNIQUE INDEX idx_subscribers_email ON public.subscribers USING btree (lower(email));

--- trigger public.subscribers record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.subscribers REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'customer_id', 'all', 'id', '{id}', '{}', '{id,email,name,customer_id,status,confirmed_at,created_at,updated_at,created_by}');

--- trigger public.subscribers record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.subscribers REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'customer_id', 'all', 'id', '{id}', '{}', '{id,email,name,customer_id,status,confirmed_at,created_at,updated_at,created_by}');

--- trigger public.subscribers record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.subscribers REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'customer_id', 'all', 'id', '{id}', '{}', '{id,email,name,customer_id,status,confirmed_at,created_at,updated_at,created_by}');

--- trigger public.subscribers set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.subscribers FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.subscribers set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.subscribers FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.subscribers
alter table public.subscribers enable row level security;

--- grants public.subscribers
revoke all on public.subscribers from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.subscribers to authenticated;
grant select, insert, update, delete on public.subscribers to service_role;
grant select, update on public.subscribers to thendo_engine;

--- table public.subscriptions
create table public.subscriptions (
    id                     uuid not null default gen_random_uuid(),
    customer_id            uuid not null,
    stripe_subscription_id text,
    stripe_price_id        text,
    plan                   text not null,
    status                 text not null default 'active'::text,
    amount                 bigint,
    currency               text not null default 'EUR'::text,
    current_period_start   timestamp with time zone,
    current_period_end     timestamp with time zone,
    cancel_at_period_end   boolean not null default false,
    canceled_at            timestamp with time zone,
    stripe_event_at        timestamp with time zone,
    created_at             timestamp with time zone not null default now(),
    updated_at             timestamp with time zone not null default now(),
    created_by             uuid default auth.uid(),
    constraint subscriptions_pkey PRIMARY KEY (id),
    constraint subscriptions_stripe_subscription_id_key UNIQUE (stripe_subscription_id),
    constraint subscriptions_amount_check CHECK ((amount >= 0)),
    constraint subscriptions_check CHECK ((current_period_end >= current_period_start)),
    constraint subscriptions_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    constraint subscriptions_status_check CHECK ((status = ANY (ARRAY['incomplete'::text, 'incomplete_expired'::text, 'trialing'::text, 'active'::text, 'past_due'::text, 'canceled'::text, 'unpaid'::text, 'paused'::text])))
);

--- comment public.subscriptions
comment on table public.subscriptions is 'A subscription of a customer, in step with Stripe.';
comment on column public.subscriptions.status is 'Stripe''s own words.';
comment on column public.subscriptions.amount is 'Per period, in the currency''s minor unit.';
comment on column public.subscriptions.stripe_event_at is 'Stripe''s time of the last event taken in: older ones change nothing.';

--- index public.subscriptions idx_subscriptions_created_by
CREATE INDEX idx_subscriptions_created_by ON public.subscriptions USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.subscriptions idx_subscriptions_current_period_end
CREATE INDEX idx_subscriptions_current_period_end ON public.subscriptions USING btree (current_period_end) WHERE (status = ANY (ARRAY['trialing'::text, 'active'::text, 'past_due'::text]));

--- index public.subscriptions idx_subscriptions_customer_id
CREATE INDEX idx_subscriptions_customer_id ON public.subscriptions USING btree (customer_id);

--- trigger public.subscriptions record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.subscriptions REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('billing', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,stripe_subscription_id,stripe_price_id,plan,status,amount,currency,current_period_start,current_period_end,cancel_at_period_end,canceled_at,stripe_event_at,created_at,updated_at,created_by}');

--- trigger public.subscriptions record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.subscriptions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('billing', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,stripe_subscription_id,stripe_price_id,plan,status,amount,currency,current_period_start,current_period_end,cancel_at_period_end,canceled_at,stripe_event_at,created_at,updated_at,created_by}');

--- trigger public.subscriptions record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.subscriptions REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('billing', 'customer_id', 'all', 'id', '{id}', '{}', '{id,customer_id,stripe_subscription_id,stripe_price_id,plan,status,amount,currency,current_period_start,current_period_end,cancel_at_period_end,canceled_at,stripe_event_at,created_at,updated_at,created_by}');

--- trigger public.subscriptions set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.subscriptions FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.subscriptions set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.subscriptions FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.subscriptions
alter table public.subscriptions enable row level security;

--- grants public.subscriptions
revoke all on public.subscriptions from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.subscriptions to authenticated;
grant select, insert, update, delete on public.subscriptions to service_role;

--- table public.suppressions
create table public.suppressions (
    id           uuid not null default gen_random_uuid(),
    address_hash bytea not null,
    email        text,
    reason       text not null,
    detail       text,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    constraint suppressions_pkey PRIMARY KEY (id),
    constraint suppressions_address_hash_key UNIQUE (address_hash),
    constraint suppressions_address_hash_check CHECK ((length(address_hash) = 32)),
    constraint suppressions_reason_check CHECK ((reason = ANY (ARRAY['unsubscribed'::text, 'bounced'::text, 'complained'::text, 'by_hand'::text, 'erased'::text])))
);

--- comment public.suppressions
comment on table public.suppressions is 'An address that is not to be mailed.';
comment on column public.suppressions.address_hash is 'sha256(convert_to(lower(email), ''UTF8'')).';
comment on column public.suppressions.email is 'For people to read; null once the person was erased.';
comment on column public.suppressions.detail is 'What the mail server or the person said.';

--- index public.suppressions idx_suppressions_created_by
CREATE INDEX idx_suppressions_created_by ON public.suppressions USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.suppressions idx_suppressions_email
CREATE INDEX idx_suppressions_email ON public.suppressions USING btree (lower(email)) WHERE (email IS NOT NULL);

--- trigger public.suppressions hash_suppressed
CREATE TRIGGER hash_suppressed BEFORE INSERT OR UPDATE OF email, address_hash ON public.suppressions FOR EACH ROW WHEN ((new.email IS NOT NULL)) EXECUTE FUNCTION public.hash_suppressed();

--- trigger public.suppressions record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.suppressions REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'id', 'all', 'id', '{id}', '{address_hash}', '{id,address_hash,email,reason,detail,created_at,updated_at,created_by}');

--- trigger public.suppressions record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.suppressions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'id', 'all', 'id', '{id}', '{address_hash}', '{id,address_hash,email,reason,detail,created_at,updated_at,created_by}');

--- trigger public.suppressions record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.suppressions REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'id', 'all', 'id', '{id}', '{address_hash}', '{id,address_hash,email,reason,detail,created_at,updated_at,created_by}');

--- trigger public.suppressions set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.suppressions FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.suppressions set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.suppressions FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- trigger public.suppressions suppression_is_nameless
CREATE TRIGGER suppression_is_nameless BEFORE INSERT OR UPDATE ON public.suppressions FOR EACH ROW WHEN ((new.email IS NULL)) EXECUTE FUNCTION public.suppression_is_nameless();

--- row-security public.suppressions
alter table public.suppressions enable row level security;

--- grants public.suppressions
revoke all on public.suppressions from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.suppressions to authenticated;
grant select, insert, update, delete on public.suppressions to service_role;
grant select, insert, update, delete on public.suppressions to thendo_engine;

--- table public.user_roles
create table public.user_roles (
    id         uuid not null default gen_random_uuid(),
    user_id    uuid not null,
    role       text not null,
    created_at timestamp with time zone not null default now(),
    updated_at timestamp with time zone not null default now(),
    created_by uuid default auth.uid(),
    constraint user_roles_pkey PRIMARY KEY (id),
    constraint user_roles_user_id_role_key UNIQUE (user_id, role),
    constraint user_roles_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'customer'::text])))
);

--- comment public.user_roles
comment on table public.user_roles is 'Roles of accounts. Written by the service role only.';

--- index public.user_roles idx_user_roles_created_by
CREATE INDEX idx_user_roles_created_by ON public.user_roles USING btree (created_by) WHERE (created_by IS NOT NULL);

--- trigger public.user_roles record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.user_roles REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'user_id', 'all', 'id', '{id}', '{}', '{id,user_id,role,created_at,updated_at,created_by}');

--- trigger public.user_roles record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.user_roles REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'user_id', 'all', 'id', '{id}', '{}', '{id,user_id,role,created_at,updated_at,created_by}');

--- trigger public.user_roles record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.user_roles REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('customers', 'user_id', 'all', 'id', '{id}', '{}', '{id,user_id,role,created_at,updated_at,created_by}');

--- trigger public.user_roles set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.user_roles FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.user_roles set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.user_roles FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.user_roles
alter table public.user_roles enable row level security;

--- grants public.user_roles
revoke all on public.user_roles from public, anon, authenticated, service_role;
grant select on public.user_roles to authenticated;
grant select, insert, update, delete on public.user_roles to service_role;

--- table public.waitlist_campaign_recipients
create table public.waitlist_campaign_recipients (
    id          uuid not null default gen_random_uuid(),
    campaign_id uuid not null,
    waitlist_id uuid,
    customer_id uuid,
    email       text not null,
    name        text,
    status      text not null default 'queued'::text,
    sent_at     timestamp with time zone,
    error       text,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid default auth.uid(),
    "position"  bigint not null default 0,
    constraint waitlist_campaign_recipients_pkey PRIMARY KEY (id),
    constraint waitlist_campaign_recipients_email_check CHECK (((length(email) >= 3) AND (length(email) <= 320))),
    constraint waitlist_campaign_recipients_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'sending'::text, 'sent'::text, 'bounced'::text, 'refused'::text, 'unknown'::text, 'suppressed'::text, 'cancelled'::text])))
);

--- comment public.waitlist_campaign_recipients
comment on table public.waitlist_campaign_recipients is 'One mail of a campaign.';
comment on column public.waitlist_campaign_recipients.status is 'unknown: nobody can say whether it arrived; never repeated unasked. suppressed: the address wants no mail.';
comment on column public.waitlist_campaign_recipients.error is 'What the mail server said.';
comment on column public.waitlist_campaign_recipients."position" is 'First come, first served.';

--- index public.waitlist_campaign_recipients idx_waitlist_campaign_recipients_created_by
CREATE INDEX idx_waitlist_campaign_recipients_created_by ON public.waitlist_campaign_recipients USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.waitlist_campaign_recipients idx_waitlist_campaign_recipients_customer_id
CREATE INDEX idx_waitlist_campaign_recipients_customer_id ON public.waitlist_campaign_recipients USING btree (customer_id);

--- index public.waitlist_campaign_recipients idx_waitlist_campaign_recipients_once
CREATE UNIQUE INDEX idx_waitlist_campaign_recipients_once ON public.waitlist_campaign_recipients USING btree (campaign_id, lower(email));

--- index public.waitlist_campaign_recipients idx_waitlist_campaign_recipients_queued
CREATE INDEX idx_waitlist_campaign_recipients_queued ON public.waitlist_campaign_recipients USING btree (campaign_id, "position") WHERE (status = 'queued'::text);

--- index public.waitlist_campaign_recipients idx_waitlist_campaign_recipients_sending
CREATE INDEX idx_waitlist_campaign_recipients_sending ON public.waitlist_campaign_recipients USING btree (campaign_id) WHERE (status = 'sending'::text);

--- index public.waitlist_campaign_recipients idx_waitlist_campaign_recipients_waitlist_id
CREATE INDEX idx_waitlist_campaign_recipients_waitlist_id ON public.waitlist_campaign_recipients USING btree (waitlist_id);

--- trigger public.waitlist_campaign_recipients record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.waitlist_campaign_recipients REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'customer_id', 'subscribed', 'id', '{id}', '{}', '{id,campaign_id,waitlist_id,customer_id,email,name,status,sent_at,error,created_at,updated_at,created_by,position}');

--- trigger public.waitlist_campaign_recipients record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.waitlist_campaign_recipients REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'customer_id', 'subscribed', 'id', '{id}', '{}', '{id,campaign_id,waitlist_id,customer_id,email,name,status,sent_at,error,created_at,updated_at,created_by,position}');

--- trigger public.waitlist_campaign_recipients record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.waitlist_campaign_recipients REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'customer_id', 'subscribed', 'id', '{id}', '{}', '{id,campaign_id,waitlist_id,customer_id,email,name,status,sent_at,error,created_at,updated_at,created_by,position}');

--- trigger public.waitlist_campaign_recipients set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.waitlist_campaign_recipients FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.waitlist_campaign_recipients set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.waitlist_campaign_recipients FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.waitlist_campaign_recipients
alter table public.waitlist_campaign_recipients enable row level security;

--- grants public.waitlist_campaign_recipients
revoke all on public.waitlist_campaign_recipients from public, anon, authenticated, service_role;
grant select on public.waitlist_campaign_recipients to authenticated;
grant select, insert, update, delete on public.waitlist_campaign_recipients to service_role;
grant select, insert, update on public.waitlist_campaign_recipients to thendo_engine;
grant select (id, campaign_id, status) on public.waitlist_campaign_recipients to thendo_api;

--- table public.waitlist_campaigns
create table public.waitlist_campaigns (
    id              uuid not null default gen_random_uuid(),
    name            text not null,
    template_id     uuid,
    subject         text,
    product_id      text,
    variant_id      text,
    audience        jsonb not null default '{"from": "waitlist"}'::jsonb,
    status          text not null default 'draft'::text,
    rate_per_minute integer not null default 600,
    limit_to_stock  boolean not null default false,
    scheduled_at    timestamp with time zone,
    started_at      timestamp with time zone,
    finished_at     timestamp with time zone,
    execution_id    uuid,
    created_at      timestamp with time zone not null default now(),
    updated_at      timestamp with time zone not null default now(),
    created_by      uuid default auth.uid(),
    content         jsonb,
    quiet_hours     jsonb,
    next_at         timestamp with time zone,
    is_settled      boolean not null default true,
    stock_at_start  bigint,
    error           text,
    constraint waitlist_campaigns_pkey PRIMARY KEY (id),
    constraint ready_to_go CHECK (((status = ANY (ARRAY['draft'::text, 'cancelled'::text])) OR (template_id IS NOT NULL))),
    constraint waitlist_campaigns_audience_check CHECK ((jsonb_typeof(audience) = 'object'::text)),
    constraint waitlist_campaigns_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    constraint waitlist_campaigns_quiet_hours_check CHECK (((quiet_hours IS NULL) OR ((quiet_hours ? 'from'::text) AND (quiet_hours ? 'until'::text)))),
    constraint waitlist_campaigns_rate_per_minute_check CHECK (((rate_per_minute >= 1) AND (rate_per_minute <= 600000))),
    constraint waitlist_campaigns_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'scheduled'::text, 'sending'::text, 'paused'::text, 'sent'::text, 'cancelled'::text, 'failed'::text])))
);

--- comment public.waitlist_campaigns
comment on table public.waitlist_campaigns is 'A mailing to those on the waitlist, to customers or to subscribers.';
comment on column public.waitlist_campaigns.subject is 'Instead of the template''s.';
comment on column public.waitlist_campaigns.audience is 'Whom it goes to: {"from": "waitlist", …}. Frozen as recipients when it starts.';
comment on column public.waitlist_campaigns.rate_per_minute is 'At most so many mails a minute.';
comment on column public.waitlist_campaigns.limit_to_stock is 'First come, first served: no more mails than there are pieces.';
comment on column public.waitlist_campaigns.execution_id is 'The workflow execution that started it, if one did.';
comment on column public.waitlist_campaigns.content is 'The template as it was when the campaign started: {"subject", "html", "text", "consent", "template", "tracks"}.';
comment on column public.waitlist_campaigns.quiet_hours is 'When nothing is sent: {"from": "21:00", "until": "08:00", "time_zone": "Europe/Vienna"}.';
comment on column public.waitlist_campaigns.next_at is 'By its rate, the next mail may go then.';
comment on column public.waitlist_campaigns.is_settled is 'False while some of its mails are with the deliverers.';
comment on column public.waitlist_campaigns.stock_at_start is 'Pieces when it started: what is missing since was bought, as far as one can see.';
comment on column public.waitlist_campaigns.error is 'Why it failed, or ended early.';

--- index public.waitlist_campaigns idx_waitlist_campaigns_created_by
CREATE INDEX idx_waitlist_campaigns_created_by ON public.waitlist_campaigns USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.waitlist_campaigns idx_waitlist_campaigns_product_id
CREATE INDEX idx_waitlist_campaigns_product_id ON public.waitlist_campaigns USING btree (product_id);

--- index public.waitlist_campaigns idx_waitlist_campaigns_running
CREATE INDEX idx_waitlist_campaigns_running ON public.waitlist_campaigns USING btree (scheduled_at) WHERE (status = ANY (ARRAY['scheduled'::text, 'sending'::text]));

--- index public.waitlist_campaigns idx_waitlist_campaigns_template_id
CREATE INDEX idx_waitlist_campaigns_template_id ON public.waitlist_campaigns USING btree (template_id);

--- index public.waitlist_campaigns idx_waitlist_campaigns_unsettled
CREATE INDEX idx_waitlist_campaigns_unsettled ON public.waitlist_campaigns USING btree (id) WHERE (NOT is_settled);

--- trigger public.waitlist_campaigns campaign_deleted
CREATE TRIGGER campaign_deleted AFTER DELETE ON public.waitlist_campaigns FOR EACH ROW EXECUTE FUNCTION public.campaign_deleted();

--- trigger public.waitlist_campaigns check_campaign
CREATE TRIGGER check_campaign BEFORE UPDATE OF status ON public.waitlist_campaigns FOR EACH ROW WHEN ((new.status <> old.status)) EXECUTE FUNCTION public.check_campaign();

--- trigger public.waitlist_campaigns record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.waitlist_campaigns REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'id', 'all', 'id', '{id}', '{}', '{id,name,template_id,subject,product_id,variant_id,audience,status,rate_per_minute,limit_to_stock,scheduled_at,started_at,finished_at,execution_id,created_at,updated_at,created_by,content,quiet_hours,next_at,is_settled,stock_at_start,error}');

--- trigger public.waitlist_campaigns record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.waitlist_campaigns REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'id', 'all', 'id', '{id}', '{}', '{id,name,template_id,subject,product_id,variant_id,audience,status,rate_per_minute,limit_to_stock,scheduled_at,started_at,finished_at,execution_id,created_at,updated_at,created_by,content,quiet_hours,next_at,is_settled,stock_at_start,error}');

--- trigger public.waitlist_campaigns record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.waitlist_campaigns REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('marketing', 'id', 'all', 'id', '{id}', '{}', '{id,name,template_id,subject,product_id,variant_id,audience,status,rate_per_minute,limit_to_stock,scheduled_at,started_at,finished_at,execution_id,created_at,updated_at,created_by,content,quiet_hours,next_at,is_settled,stock_at_start,error}');

--- trigger public.waitlist_campaigns set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.waitlist_campaigns FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.waitlist_campaigns set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.waitlist_campaigns FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- trigger public.waitlist_campaigns tell_delete
CREATE TRIGGER tell_delete AFTER DELETE ON public.waitlist_campaigns REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('campaigns', 'id');

--- trigger public.waitlist_campaigns tell_insert
CREATE TRIGGER tell_insert AFTER INSERT ON public.waitlist_campaigns REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('campaigns', 'id');

--- trigger public.waitlist_campaigns tell_update
CREATE TRIGGER tell_update AFTER UPDATE ON public.waitlist_campaigns REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('campaigns', 'id');

--- row-security public.waitlist_campaigns
alter table public.waitlist_campaigns enable row level security;

--- grants public.waitlist_campaigns
revoke all on public.waitlist_campaigns from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.waitlist_campaigns to authenticated;
grant select, insert, update, delete on public.waitlist_campaigns to service_role;
grant select, insert, update on public.waitlist_campaigns to thendo_engine;
grant insert (name, template_id, subject, product_id, variant_id, audience, rate_per_minute, limit_to_stock, quiet_hours) on public.waitlist_campaigns to thendo_api;
grant select (id, name, template_id, subject, product_id, variant_id, audience, status, rate_per_minute, limit_to_stock, scheduled_at, started_at, finished_at, created_at, content, quiet_hours, error) on public.waitlist_campaigns to thendo_api;
grant update (name, template_id, subject, product_id, variant_id, audience, status, rate_per_minute, limit_to_stock, scheduled_at, quiet_hours) on public.waitlist_campaigns to thendo_api;

--- table public.workflow_actions
create table public.workflow_actions (
    id          uuid not null default gen_random_uuid(),
    workflow_id uuid not null,
    version     integer not null,
    node_id     text not null,
    kind        text not null,
    label       text,
    config      jsonb not null default '{}'::jsonb,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid default auth.uid(),
    constraint workflow_actions_pkey PRIMARY KEY (id),
    constraint workflow_actions_workflow_id_node_id_key UNIQUE (workflow_id, node_id)
);

--- comment public.workflow_actions
comment on table public.workflow_actions is 'Actions of the workflows in force.';
comment on column public.workflow_actions.node_id is 'The node''s id in the definition.';
comment on column public.workflow_actions.config is 'The node''s settings, as drawn.';

--- index public.workflow_actions idx_workflow_actions_config
CREATE INDEX idx_workflow_actions_config ON public.workflow_actions USING gin (config jsonb_path_ops);

--- index public.workflow_actions idx_workflow_actions_created_by
CREATE INDEX idx_workflow_actions_created_by ON public.workflow_actions USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.workflow_actions idx_workflow_actions_kind
CREATE INDEX idx_workflow_actions_kind ON public.workflow_actions USING btree (kind);

--- trigger public.workflow_actions set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.workflow_actions FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.workflow_actions set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.workflow_actions FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.workflow_actions
alter table public.workflow_actions enable row level security;

--- grants public.workflow_actions
revoke all on public.workflow_actions from public, anon, authenticated, service_role;
grant select on public.workflow_actions to authenticated;
grant select on public.workflow_actions to service_role;

--- table public.workflow_alerts
create table public.workflow_alerts (
    id          uuid not null default gen_random_uuid(),
    kind        text not null,
    workflow_id uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
    message     text not null,
    happened_at timestamp with time zone not null default clock_timestamp(),
    attempts    smallint not null default 0,
    due_at      timestamp with time zone not null default clock_timestamp(),
    told        text[] not null default '{}'::text[],
    told_at     timestamp with time zone,
    constraint workflow_alerts_pkey PRIMARY KEY (id),
    constraint workflow_alerts_kind_check CHECK ((kind = ANY (ARRAY['bulk_guard'::text, 'loop_guard'::text, 'set_aside'::text, 'dead_letters'::text, 'delivery_unknown'::text, 'lag'::text, 'default_partition'::text, 'daemon_died'::text, 'replay_failed'::text]))),
    constraint workflow_alerts_message_check CHECK ((length(message) <= 2000))
);

--- comment public.workflow_alerts
comment on table public.workflow_alerts is 'An alarm, and whether it was told to those of alerts.to.';
comment on column public.workflow_alerts.workflow_id is 'Which; all zeros if it is about none, or several.';
comment on column public.workflow_alerts.due_at is 'When it is to be told, or told again.';
comment on column public.workflow_alerts.told is 'Who has been told: hashes of their addresses.';
comment on column public.workflow_alerts.told_at is 'When all had been told; null if somebody has not, or nobody is to be.';

--- index public.workflow_alerts idx_workflow_alerts_due_at
CREATE INDEX idx_workflow_alerts_due_at ON public.workflow_alerts USING btree (due_at) WHERE (told_at IS NULL);

--- index public.workflow_alerts idx_workflow_alerts_happened_at
CREATE INDEX idx_workflow_alerts_happened_at ON public.workflow_alerts USING btree (happened_at, id);

--- index public.workflow_alerts idx_workflow_alerts_kind
CREATE INDEX idx_workflow_alerts_kind ON public.workflow_alerts USING btree (kind, workflow_id, happened_at);

--- trigger public.workflow_alerts tell_delete
CREATE TRIGGER tell_delete AFTER DELETE ON public.workflow_alerts REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('alerts', 'id');

--- trigger public.workflow_alerts tell_insert
CREATE TRIGGER tell_insert AFTER INSERT ON public.workflow_alerts REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('alerts', 'id');

--- trigger public.workflow_alerts tell_update
CREATE TRIGGER tell_update AFTER UPDATE ON public.workflow_alerts REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('alerts', 'id');

--- row-security public.workflow_alerts
alter table public.workflow_alerts enable row level security;

--- grants public.workflow_alerts
revoke all on public.workflow_alerts from public, anon, authenticated, service_role;
grant select, update on public.workflow_alerts to thendo_engine;
grant select on public.workflow_alerts to thendo_api;

--- table public.workflow_awaited_tables
create table public.workflow_awaited_tables (
    workflow_id uuid not null,
    table_name  text not null,
    operations  text[] not null,
    constraint workflow_awaited_tables_pkey PRIMARY KEY (workflow_id, table_name)
);

--- comment public.workflow_awaited_tables
comment on table public.workflow_awaited_tables is 'Whose events a workflow''s version in force waits for.';

--- index public.workflow_awaited_tables idx_workflow_awaited_tables_table_name
CREATE INDEX idx_workflow_awaited_tables_table_name ON public.workflow_awaited_tables USING btree (table_name);

--- row-security public.workflow_awaited_tables
alter table public.workflow_awaited_tables enable row level security;

--- grants public.workflow_awaited_tables
revoke all on public.workflow_awaited_tables from public, anon, authenticated, service_role;

--- table public.workflow_awaits
create table public.workflow_awaits (
    execution_id uuid not null,
    node_id      text not null,
    item         integer[] not null default '{}'::integer[],
    table_name   text not null,
    operation    text not null,
    key          text not null,
    workflow_id  uuid not null,
    version      integer not null,
    lane         smallint not null,
    constraint workflow_awaits_pkey PRIMARY KEY (execution_id, node_id, table_name, operation, key, item),
    constraint workflow_awaits_operation_check CHECK ((operation = ANY (ARRAY['insert'::text, 'update'::text, 'delete'::text])))
);

--- comment public.workflow_awaits
comment on table public.workflow_awaits is 'The events and words that executions rest for.';
comment on column public.workflow_awaits.table_name is 'Whose events; thendo.word for a word of an admin.';
comment on column public.workflow_awaits.key is '* for any row, row:ID or customer:ID for those of one.';

--- index public.workflow_awaits idx_workflow_awaits_event
CREATE INDEX idx_workflow_awaits_event ON public.workflow_awaits USING btree (table_name, operation, key);

--- row-security public.workflow_awaits
alter table public.workflow_awaits enable row level security;

--- grants public.workflow_awaits
revoke all on public.workflow_awaits from public, anon, authenticated, service_role;
grant select, insert, delete on public.workflow_awaits to thendo_engine;
grant select on public.workflow_awaits to thendo_api;

--- table public.workflow_backtests
create table public.workflow_backtests (
    id          uuid not null default gen_random_uuid(),
    status      text not null default 'queued'::text,
    workflow_id uuid,
    called      text not null,
    version     text not null,
    against     text,
    since       timestamp with time zone not null,
    until       timestamp with time zone not null,
    differences integer not null default 0,
    in_database boolean not null default false,
    drawings    jsonb,
    asked_at    timestamp with time zone not null default clock_timestamp(),
    asked_by    text not null default ''::text,
    daemon      uuid,
    began_at    timestamp with time zone,
    beat_at     timestamp with time zone,
    ended_at    timestamp with time zone,
    events      bigint not null default 0,
    reached     timestamp with time zone,
    outcome     jsonb,
    error       text,
    constraint workflow_backtests_pkey PRIMARY KEY (id),
    constraint what_ended_has_its_time CHECK (((ended_at IS NOT NULL) = (status <> ALL (ARRAY['queued'::text, 'running'::text])))),
    constraint what_runs_beats CHECK (((status <> 'running'::text) OR ((daemon IS NOT NULL) AND (began_at IS NOT NULL) AND (beat_at IS NOT NULL)))),
    constraint workflow_backtests_differences_check CHECK (((differences >= 0) AND (differences <= 1000))),
    constraint workflow_backtests_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'failed'::text, 'cancelled'::text, 'lost'::text])))
);

--- comment public.workflow_backtests
comment on table public.workflow_backtests is 'Backtests as jobs: what is waited for, runs, and came out.';
comment on column public.workflow_backtests.workflow_id is 'The stored workflow that it belongs to; no key, for the answer stays when that goes.';
comment on column public.workflow_backtests.drawings is 'What is tried, as it was drawn when it was asked for; gone when it has ended.';
comment on column public.workflow_backtests.daemon is 'Who runs it: a number of its own, new with each start.';
comment on column public.workflow_backtests.beat_at is 'When that one last said that it runs; after 15 seconds of silence it is lost.';
comment on column public.workflow_backtests.reached is 'How far the events are read.';

--- index public.workflow_backtests idx_workflow_backtests_asked
CREATE INDEX idx_workflow_backtests_asked ON public.workflow_backtests USING btree (asked_at DESC, id DESC);

--- index public.workflow_backtests idx_workflow_backtests_open
CREATE INDEX idx_workflow_backtests_open ON public.workflow_backtests USING btree (asked_at, id) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));

--- trigger public.workflow_backtests tell_delete
CREATE TRIGGER tell_delete AFTER DELETE ON public.workflow_backtests REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('backtests', 'id');

--- trigger public.workflow_backtests tell_insert
CREATE TRIGGER tell_insert AFTER INSERT ON public.workflow_backtests REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('backtests', 'id');

--- trigger public.workflow_backtests tell_update
CREATE TRIGGER tell_update AFTER UPDATE ON public.workflow_backtests REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('backtests', 'id');

--- row-security public.workflow_backtests
alter table public.workflow_backtests enable row level security;

--- grants public.workflow_backtests
revoke all on public.workflow_backtests from public, anon, authenticated, service_role;
grant select, delete on public.workflow_backtests to thendo_engine;
grant update (status, drawings, daemon, began_at, beat_at, ended_at, events, reached, outcome, error) on public.workflow_backtests to thendo_engine;
grant select on public.workflow_backtests to thendo_api;
grant insert (workflow_id, called, version, against, since, until, differences, in_database, drawings, asked_by) on public.workflow_backtests to thendo_api;
grant update (status, drawings, ended_at) on public.workflow_backtests to thendo_api;

--- table public.workflow_conditions
create table public.workflow_conditions (
    id          uuid not null default gen_random_uuid(),
    workflow_id uuid not null,
    version     integer not null,
    node_id     text not null,
    kind        text not null,
    label       text,
    config      jsonb not null default '{}'::jsonb,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid default auth.uid(),
    constraint workflow_conditions_pkey PRIMARY KEY (id),
    constraint workflow_conditions_workflow_id_node_id_key UNIQUE (workflow_id, node_id)
);

--- comment public.workflow_conditions
comment on table public.workflow_conditions is 'Conditions of the workflows in force.';
comment on column public.workflow_conditions.node_id is 'The node''s id in the definition.';
comment on column public.workflow_conditions.config is 'The node''s settings, as drawn.';

--- index public.workflow_conditions idx_workflow_conditions_config
CREATE INDEX idx_workflow_conditions_config ON public.workflow_conditions USING gin (config jsonb_path_ops);

--- index public.workflow_conditions idx_workflow_conditions_created_by
CREATE INDEX idx_workflow_conditions_created_by ON public.workflow_conditions USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.workflow_conditions idx_workflow_conditions_kind
CREATE INDEX idx_workflow_conditions_kind ON public.workflow_conditions USING btree (kind);

--- trigger public.workflow_conditions set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.workflow_conditions FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.workflow_conditions set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.workflow_conditions FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.workflow_conditions
alter table public.workflow_conditions enable row level security;

--- grants public.workflow_conditions
revoke all on public.workflow_conditions from public, anon, authenticated, service_role;
grant select on public.workflow_conditions to authenticated;
grant select on public.workflow_conditions to service_role;

--- table public.workflow_daemons
create table public.workflow_daemons (
    id         uuid not null,
    host       text not null,
    pid        integer not null,
    version    text not null,
    lock       integer not null,
    started_at timestamp with time zone not null default now(),
    seen_at    timestamp with time zone not null default now(),
    died_at    timestamp with time zone,
    constraint workflow_daemons_pkey PRIMARY KEY (id)
);

--- comment public.workflow_daemons
comment on table public.workflow_daemons is 'A daemon that works, or that died.';
comment on column public.workflow_daemons.lock is 'The number of an advisory lock (1952998511, this) that it holds as long as it lives; behind a transaction-mode pooler a stranger may.';
comment on column public.workflow_daemons.seen_at is 'When it last said that it lives.';
comment on column public.workflow_daemons.died_at is 'When it was found dead. Kept for an hour: of many deaths, a row that was in hand at few is not the reason.';

--- row-security public.workflow_daemons
alter table public.workflow_daemons enable row level security;

--- grants public.workflow_daemons
revoke all on public.workflow_daemons from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.workflow_daemons to thendo_engine;
grant select (id, host, pid, version, started_at, seen_at, died_at) on public.workflow_daemons to thendo_api;

--- table public.workflow_dead_letters
create table public.workflow_dead_letters (
    id          uuid not null,
    root        uuid not null,
    attempt     smallint not null,
    event_at    timestamp with time zone not null,
    event_id    uuid not null,
    workflow_id uuid not null,
    version     integer not null,
    lane        smallint not null,
    state       jsonb not null,
    reason      text not null,
    failed_at   timestamp with time zone not null default now(),
    constraint workflow_dead_letters_pkey PRIMARY KEY (id),
    constraint workflow_dead_letters_lane_check CHECK (((lane >= 0) AND (lane <= 63)))
);

--- comment public.workflow_dead_letters
comment on table public.workflow_dead_letters is 'A failed execution that nobody has tried again.';
comment on column public.workflow_dead_letters.state is 'As in workflow_waiting.';
comment on column public.workflow_dead_letters.reason is 'Why it failed, in words.';

--- index public.workflow_dead_letters idx_workflow_dead_letters_failed_at
CREATE INDEX idx_workflow_dead_letters_failed_at ON public.workflow_dead_letters USING btree (failed_at);

--- index public.workflow_dead_letters idx_workflow_dead_letters_workflow_id
CREATE INDEX idx_workflow_dead_letters_workflow_id ON public.workflow_dead_letters USING btree (workflow_id, failed_at);

--- row-security public.workflow_dead_letters
alter table public.workflow_dead_letters enable row level security;

--- grants public.workflow_dead_letters
revoke all on public.workflow_dead_letters from public, anon, authenticated, service_role;
grant select, insert, delete on public.workflow_dead_letters to thendo_engine;
grant select on public.workflow_dead_letters to thendo_api;

--- table public.workflow_deliveries
create table public.workflow_deliveries (
    id               uuid not null,
    execution_id     uuid not null,
    node_id          text not null,
    kind             text not null,
    lane             smallint not null,
    payload          jsonb not null,
    status           text not null default 'pending'::text,
    attempt          smallint not null default 0,
    due_at           timestamp with time zone not null default now(),
    lease_token      uuid,
    lease_until      timestamp with time zone,
    repeatable       boolean not null default false,
    result           jsonb,
    finished_at      timestamp with time zone,
    created_at       timestamp with time zone not null default now(),
    workflow_id      uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
    destination      text not null default 'mail'::text,
    retry            jsonb,
    first_attempt_at timestamp with time zone,
    constraint workflow_deliveries_pkey PRIMARY KEY (id),
    constraint leased_while_sending CHECK ((((status = 'sending'::text) = (lease_token IS NOT NULL)) AND ((status = 'sending'::text) = (lease_until IS NOT NULL)))),
    constraint workflow_deliveries_kind_check CHECK ((kind = ANY (ARRAY['email'::text, 'http'::text]))),
    constraint workflow_deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'sending'::text, 'sent'::text, 'refused'::text, 'unknown'::text, 'cancelled'::text, 'suppressed'::text])))
);

--- comment public.workflow_deliveries
comment on table public.workflow_deliveries is 'One mail or request on its way out, and what became of it.';
comment on column public.workflow_deliveries.id is 'Derived from execution, node and item; also the idempotency key.';
comment on column public.workflow_deliveries.status is 'pending: to be sent when due. sending: handed over, committed before the first byte. sent: accepted. refused: given up. unknown: nobody can say whether it arrived; never repeated unasked. cancelled: its execution was called off before it was sent. suppressed: its recipient is not to be sent it.';
comment on column public.workflow_deliveries.lease_until is 'After this instant its sender counts as dead.';
comment on column public.workflow_deliveries.repeatable is 'Sending it again is harmless: a lost lease is tried again.';
comment on column public.workflow_deliveries.workflow_id is 'Whose it is: workflows take turns. Zero where it is older than this column.';
comment on column public.workflow_deliveries.destination is 'Who takes it: mail for all mails, which go to one server; scheme://host:port for requests. One that is slow holds up its own only.';
comment on column public.workflow_deliveries.retry is 'What its node says of trying again; null where the settings alone hold.';
comment on column public.workflow_deliveries.first_attempt_at is 'When it was first tried: giving up is counted from here.';

--- index public.workflow_deliveries idx_workflow_deliveries_execution_id
CREATE INDEX idx_workflow_deliveries_execution_id ON public.workflow_deliveries USING btree (execution_id);

--- index public.workflow_deliveries idx_workflow_deliveries_leased
CREATE INDEX idx_workflow_deliveries_leased ON public.workflow_deliveries USING btree (lease_until) WHERE (status = 'sending'::text);

--- index public.workflow_deliveries idx_workflow_deliveries_not_sent
CREATE INDEX idx_workflow_deliveries_not_sent ON public.workflow_deliveries USING btree (status, id) WHERE (status = ANY (ARRAY['refused'::text, 'unknown'::text, 'cancelled'::text, 'suppressed'::text]));

--- index public.workflow_deliveries idx_workflow_deliveries_of_campaigns
CREATE INDEX idx_workflow_deliveries_of_campaigns ON public.workflow_deliveries USING btree (finished_at) WHERE (execution_id = workflow_id);

--- index public.workflow_deliveries idx_workflow_deliveries_turns
CREATE INDEX idx_workflow_deliveries_turns ON public.workflow_deliveries USING btree (destination, workflow_id, due_at) WHERE (status = 'pending'::text);

--- row-security public.workflow_deliveries
alter table public.workflow_deliveries enable row level security;

--- grants public.workflow_deliveries
revoke all on public.workflow_deliveries from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.workflow_deliveries to thendo_engine;
grant select on public.workflow_deliveries to thendo_api;

--- table public.workflow_effects
create table public.workflow_effects (
    id           uuid not null,
    execution_id uuid not null,
    node_id      text not null,
    kind         text not null,
    result       jsonb,
    done_at      timestamp with time zone not null default now(),
    constraint workflow_effects_pkey PRIMARY KEY (id)
);

--- comment public.workflow_effects
comment on table public.workflow_effects is 'An effect that was done.';
comment on column public.workflow_effects.id is 'Derived from execution, node and item.';
comment on column public.workflow_effects.result is 'What it gave, for whoever tries it again.';

--- index public.workflow_effects idx_workflow_effects_done_at
CREATE INDEX idx_workflow_effects_done_at ON public.workflow_effects USING btree (done_at);

--- index public.workflow_effects idx_workflow_effects_execution_id
CREATE INDEX idx_workflow_effects_execution_id ON public.workflow_effects USING btree (execution_id);

--- row-security public.workflow_effects
alter table public.workflow_effects enable row level security;

--- grants public.workflow_effects
revoke all on public.workflow_effects from public, anon, authenticated, service_role;
grant select, insert on public.workflow_effects to thendo_engine;

--- table public.workflow_events
create table public.workflow_events (
    id         uuid not null,
    at         timestamp with time zone not null,
    table_name text not null,
    operation  public.event_operation not null,
    entity     text not null,
    row_data   jsonb not null,
    old_data   jsonb,
    truncated  boolean not null default false,
    cause      uuid,
    depth      smallint not null default 0,
    constraint workflow_events_pkey PRIMARY KEY (at, id)
) partition by RANGE (at);

--- comment public.workflow_events
comment on table public.workflow_events is 'One change of one business row.';
comment on column public.workflow_events.at is 'clock_timestamp() in the trigger: now() is the transaction''s start and would reverse events.';
comment on column public.workflow_events.entity is 'Whose events are handled in order: the row''s customer where it has one, else the row.';
comment on column public.workflow_events.row_data is 'The row after the operation; before it, for a delete.';
comment on column public.workflow_events.old_data is 'Former values of the columns that an update changed: its keys are the changed columns, and a former null is a JSON null. Null itself for other operations, and where the key changed.';
comment on column public.workflow_events.truncated is 'The row was too large: its long values are missing.';
comment on column public.workflow_events.cause is 'The execution that wrote the row; null: somebody of the shop did.';
comment on column public.workflow_events.depth is 'How many executions stand before it, each started by what the one before it wrote: 0, or one more than the event of its cause. Beyond 8 it starts nothing.';

--- row-security public.workflow_events
alter table public.workflow_events enable row level security;

--- grants public.workflow_events
revoke all on public.workflow_events from public, anon, authenticated, service_role;
grant select on public.workflow_events to thendo_engine;
grant select on public.workflow_events to thendo_api;

--- table public.workflow_events_default
create table public.workflow_events_default partition of public.workflow_events default;

--- row-security public.workflow_events_default
alter table public.workflow_events_default enable row level security;

--- grants public.workflow_events_default
revoke all on public.workflow_events_default from public, anon, authenticated, service_role;

--- table public.workflow_executions
create table public.workflow_executions (
    id          uuid not null,
    event_at    timestamp with time zone not null,
    event_id    uuid not null,
    workflow_id uuid not null,
    version     integer not null,
    mode        text not null default 'live'::text,
    status      text not null,
    steps       jsonb not null,
    error       text,
    started_at  timestamp with time zone not null,
    finished_at timestamp with time zone not null,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid,
    root        uuid,
    attempt     smallint not null default 1,
    constraint workflow_executions_pkey PRIMARY KEY (event_at, id),
    constraint workflow_executions_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'test'::text, 'backtest'::text]))),
    constraint workflow_executions_status_check CHECK ((status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text])))
) partition by RANGE (event_at);

--- comment public.workflow_executions
comment on table public.workflow_executions is 'One ended run of one version of a workflow for one event.';
comment on column public.workflow_executions.id is 'Derived from event, workflow and replay number.';
comment on column public.workflow_executions.event_at is 'The event''s time: the partition it lives in.';
comment on column public.workflow_executions.steps is 'List of {node, outcome, branch, why, result, changes, at}, in the order in which they happened.';
comment on column public.workflow_executions.error is 'Why it failed, in words.';
comment on column public.workflow_executions.created_by is 'Who asked for it, where someone did. No foreign key: accounts go, and partitions take none that change them.';
comment on column public.workflow_executions.root is 'The first attempt, of which this is another; null for the first itself.';
comment on column public.workflow_executions.attempt is '1 for the first, one more each time it was tried again.';

--- index public.workflow_executions idx_workflow_executions_root
CREATE INDEX idx_workflow_executions_root ON public.workflow_executions USING btree (root) WHERE (root IS NOT NULL);

--- index public.workflow_executions idx_workflow_executions_status
CREATE INDEX idx_workflow_executions_status ON public.workflow_executions USING btree (status, event_at DESC, id DESC) WHERE (status <> 'succeeded'::text);

--- index public.workflow_executions idx_workflow_executions_workflow_id
CREATE INDEX idx_workflow_executions_workflow_id ON public.workflow_executions USING btree (workflow_id, event_at DESC, id DESC);

--- index public.workflow_executions idx_workflow_executions_workflow_status
CREATE INDEX idx_workflow_executions_workflow_status ON public.workflow_executions USING btree (workflow_id, status, event_at DESC, id DESC) WHERE (status <> 'succeeded'::text);

--- trigger public.workflow_executions set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.workflow_executions FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.workflow_executions
alter table public.workflow_executions enable row level security;

--- grants public.workflow_executions
revoke all on public.workflow_executions from public, anon, authenticated, service_role;
grant select on public.workflow_executions to authenticated;
grant select on public.workflow_executions to service_role;
grant select, insert on public.workflow_executions to thendo_engine;
grant select on public.workflow_executions to thendo_api;

--- table public.workflow_executions_default
create table public.workflow_executions_default partition of public.workflow_executions default;

--- row-security public.workflow_executions_default
alter table public.workflow_executions_default enable row level security;

--- grants public.workflow_executions_default
revoke all on public.workflow_executions_default from public, anon, authenticated, service_role;

--- table public.workflow_flow
create table public.workflow_flow (
    workflow_id  uuid not null,
    rule         text not null,
    key          text not null,
    at           timestamp with time zone,
    until        timestamp with time zone,
    execution_id uuid,
    counted      integer not null default 0,
    statement    text,
    of_statement integer not null default 0,
    constraint workflow_flow_pkey PRIMARY KEY (workflow_id, rule, key),
    constraint workflow_flow_key_check CHECK ((octet_length(key) <= 200)),
    constraint workflow_flow_rule_check CHECK ((rule = ANY (ARRAY['once'::text, 'debounce'::text, 'concurrency'::text, 'rate'::text, 'guard'::text])))
);

--- comment public.workflow_flow
comment on table public.workflow_flow is 'What the rules of a workflow''s flow control keep, by what they count by.';
comment on column public.workflow_flow.at is 'once: the first start. debounce: the first event that is still put off. guard: the minute.';
comment on column public.workflow_flow.until is 'From then on the row means nothing any more. Null: for ever.';
comment on column public.workflow_flow.execution_id is 'debounce: the execution that is put off.';
comment on column public.workflow_flow.counted is 'guard: executions of the minute. concurrency: the limit.';
comment on column public.workflow_flow.statement is 'guard: the statement whose executions were counted last, by the head of its events'' ids.';

--- storage public.workflow_flow
alter table public.workflow_flow set (fillfactor = '70');

--- row-security public.workflow_flow
alter table public.workflow_flow enable row level security;

--- grants public.workflow_flow
revoke all on public.workflow_flow from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.workflow_flow to thendo_engine;

--- table public.workflow_hands
create table public.workflow_hands (
    daemon_id uuid not null,
    worker    smallint not null,
    lanes     smallint[] not null,
    due_ats   timestamp with time zone[] not null,
    queue_ids bigint[] not null,
    taken_at  timestamp with time zone not null default now(),
    constraint workflow_hands_pkey PRIMARY KEY (daemon_id, worker)
);

--- comment public.workflow_hands
comment on table public.workflow_hands is 'Queue rows that a careful daemon works on, written before it does and removed by the batch itself.';

--- row-security public.workflow_hands
alter table public.workflow_hands enable row level security;

--- grants public.workflow_hands
revoke all on public.workflow_hands from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.workflow_hands to thendo_engine;

--- table public.workflow_holds
create table public.workflow_holds (
    workflow_id uuid not null,
    reason      text not null,
    held_by     text not null default ''::text,
    held_at     timestamp with time zone not null default now(),
    constraint workflow_holds_pkey PRIMARY KEY (workflow_id)
);

--- comment public.workflow_holds
comment on table public.workflow_holds is 'Workflows that an admin, or a guard, has brought to a stop until somebody releases them.';
comment on column public.workflow_holds.workflow_id is 'Which; all zeros for all of them.';

--- trigger public.workflow_holds tell_delete
CREATE TRIGGER tell_delete AFTER DELETE ON public.workflow_holds REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('workflows', 'workflow_id');

--- trigger public.workflow_holds tell_insert
CREATE TRIGGER tell_insert AFTER INSERT ON public.workflow_holds REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('workflows', 'workflow_id');

--- trigger public.workflow_holds tell_update
CREATE TRIGGER tell_update AFTER UPDATE ON public.workflow_holds REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('workflows', 'workflow_id');

--- row-security public.workflow_holds
alter table public.workflow_holds enable row level security;

--- grants public.workflow_holds
revoke all on public.workflow_holds from public, anon, authenticated, service_role;
grant select on public.workflow_holds to thendo_engine;
grant select on public.workflow_holds to thendo_api;

--- table public.workflow_hook_calls
create table public.workflow_hook_calls (
    path        text not null,
    sender_id   text not null,
    received_at timestamp with time zone not null default clock_timestamp(),
    constraint workflow_hook_calls_pkey PRIMARY KEY (path, sender_id),
    constraint workflow_hook_calls_sender_id_check CHECK ((length(sender_id) = 64))
);

--- comment public.workflow_hook_calls
comment on table public.workflow_hook_calls is 'Which requests have come, by their sender''s own ids; kept for a week.';
comment on column public.workflow_hook_calls.path is 'Behind /hooks/.';
comment on column public.workflow_hook_calls.sender_id is 'SHA-256 of how the sender numbers them: webhook-id, the id of Stripe''s event, X-GitHub-Delivery, Idempotency-Key. Somebody may be named there.';

--- index public.workflow_hook_calls idx_workflow_hook_calls_received_at
CREATE INDEX idx_workflow_hook_calls_received_at ON public.workflow_hook_calls USING btree (received_at);

--- row-security public.workflow_hook_calls
alter table public.workflow_hook_calls enable row level security;

--- grants public.workflow_hook_calls
revoke all on public.workflow_hook_calls from public, anon, authenticated, service_role;

--- table public.workflow_plan_epoch
create table public.workflow_plan_epoch (
    single          boolean not null default true,
    epoch           bigint not null,
    somebody_awaits boolean not null default false,
    constraint workflow_plan_epoch_pkey PRIMARY KEY (single),
    constraint workflow_plan_epoch_single_check CHECK (single)
);

--- rows public.workflow_plan_epoch
insert into public.workflow_plan_epoch (single, epoch, somebody_awaits)
values
    (true, 1, false)
on conflict do nothing;

--- comment public.workflow_plan_epoch
comment on table public.workflow_plan_epoch is 'Tells every daemon that the versions in force changed.';
comment on column public.workflow_plan_epoch.somebody_awaits is 'Whether an execution ever rested for events.';

--- row-security public.workflow_plan_epoch
alter table public.workflow_plan_epoch enable row level security;

--- grants public.workflow_plan_epoch
revoke all on public.workflow_plan_epoch from public, anon, authenticated, service_role;
grant select, update on public.workflow_plan_epoch to thendo_engine;

--- table public.workflow_queue
create table public.workflow_queue (
    id           bigint not null generated always as identity,
    due_at       timestamp with time zone not null,
    lane         smallint not null,
    event_at     timestamp with time zone,
    event_id     uuid,
    execution_id uuid,
    constraint workflow_queue_pkey PRIMARY KEY (lane, due_at, id),
    constraint starts_or_resumes CHECK ((((event_id IS NULL) = (event_at IS NULL)) AND ((event_id IS NOT NULL) OR (execution_id IS NOT NULL)))),
    constraint workflow_queue_lane_check CHECK (((lane >= 0) AND (lane <= 63)))
);

--- comment public.workflow_queue
comment on table public.workflow_queue is 'Events to start executions for, executions to go on with, and events that are handed to executions.';
comment on column public.workflow_queue.due_at is 'Earliest instant of the claim, on the database''s clock.';

--- storage public.workflow_queue
alter table public.workflow_queue set (autovacuum_vacuum_cost_delay = '0', autovacuum_vacuum_insert_threshold = '-1', autovacuum_vacuum_scale_factor = '0.0', autovacuum_vacuum_threshold = '5000', fillfactor = '90');

--- row-security public.workflow_queue
alter table public.workflow_queue enable row level security;

--- grants public.workflow_queue
revoke all on public.workflow_queue from public, anon, authenticated, service_role;
grant select, insert, delete on public.workflow_queue to thendo_engine;
grant select (id, due_at, lane) on public.workflow_queue to thendo_api;

--- table public.workflow_replays
create table public.workflow_replays (
    event_at     timestamp with time zone not null,
    event_id     uuid not null,
    number       integer not null,
    workflow_id  uuid,
    lifts_guards boolean not null default false,
    replayed_by  text not null default ''::text,
    replayed_at  timestamp with time zone not null default now(),
    constraint workflow_replays_pkey PRIMARY KEY (event_at, event_id, number),
    constraint workflow_replays_number_check CHECK ((number > 0))
);

--- comment public.workflow_replays
comment on table public.workflow_replays is 'Events that were asked for once more.';
comment on column public.workflow_replays.workflow_id is 'Only this workflow; null: whatever begins with such an event.';
comment on column public.workflow_replays.lifts_guards is 'Also where its flow settings would have it start once only.';

--- row-security public.workflow_replays
alter table public.workflow_replays enable row level security;

--- grants public.workflow_replays
revoke all on public.workflow_replays from public, anon, authenticated, service_role;
grant select on public.workflow_replays to thendo_api;

--- table public.workflow_rows
create table public.workflow_rows (
    table_name text not null,
    columns    text[] not null,
    updated_at timestamp with time zone not null default now(),
    constraint workflow_rows_pkey PRIMARY KEY (table_name)
);

--- comment public.workflow_rows
comment on table public.workflow_rows is 'Columns that workflows may write: the setting rows.allow.';

--- row-security public.workflow_rows
alter table public.workflow_rows enable row level security;

--- grants public.workflow_rows
revoke all on public.workflow_rows from public, anon, authenticated, service_role;
grant select on public.workflow_rows to thendo_engine;

--- table public.workflow_schedules
create table public.workflow_schedules (
    workflow_id uuid not null,
    config      jsonb not null,
    last_at     timestamp with time zone not null,
    next_at     timestamp with time zone,
    constraint workflow_schedules_pkey PRIMARY KEY (workflow_id)
);

--- comment public.workflow_schedules
comment on table public.workflow_schedules is 'The schedules in force, and when each is due.';
comment on column public.workflow_schedules.config is 'The trigger''s settings, as drawn.';
comment on column public.workflow_schedules.last_at is 'The time of the schedule that started last, or the instant from which it counts. Who starts times moves it, and only from where it was.';
comment on column public.workflow_schedules.next_at is 'When to look at it next, on the database''s clock. Null: its calendar has ended.';

--- index public.workflow_schedules idx_workflow_schedules_next_at
CREATE INDEX idx_workflow_schedules_next_at ON public.workflow_schedules USING btree (next_at);

--- row-security public.workflow_schedules
alter table public.workflow_schedules enable row level security;

--- grants public.workflow_schedules
revoke all on public.workflow_schedules from public, anon, authenticated, service_role;
grant select on public.workflow_schedules to authenticated;
grant select on public.workflow_schedules to service_role;
grant select on public.workflow_schedules to thendo_engine;
grant select on public.workflow_schedules to thendo_api;

--- table public.workflow_secrets
create table public.workflow_secrets (
    id           uuid not null default gen_random_uuid(),
    name         text not null,
    ciphertext   bytea not null,
    nonce        bytea not null,
    key_id       text not null,
    last_used_at timestamp with time zone,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    constraint workflow_secrets_pkey PRIMARY KEY (id),
    constraint workflow_secrets_name_key UNIQUE (name),
    constraint workflow_secrets_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,62}$'::text))
);

--- comment public.workflow_secrets
comment on table public.workflow_secrets is 'A secret that workflows name: {{ secret("stripe") }}.';
comment on column public.workflow_secrets.nonce is 'Used once with that key.';
comment on column public.workflow_secrets.key_id is 'The name of the key that encrypted it; never the key.';

--- index public.workflow_secrets idx_workflow_secrets_created_by
CREATE INDEX idx_workflow_secrets_created_by ON public.workflow_secrets USING btree (created_by) WHERE (created_by IS NOT NULL);

--- trigger public.workflow_secrets set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.workflow_secrets FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.workflow_secrets set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.workflow_secrets FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.workflow_secrets
alter table public.workflow_secrets enable row level security;

--- grants public.workflow_secrets
revoke all on public.workflow_secrets from public, anon, authenticated, service_role;
grant delete on public.workflow_secrets to thendo_api;
grant insert (name, ciphertext, nonce, key_id) on public.workflow_secrets to thendo_api;
grant select (id, name, key_id, last_used_at, created_at, created_by) on public.workflow_secrets to thendo_api;
grant update (ciphertext, nonce, key_id, last_used_at) on public.workflow_secrets to thendo_api;

--- table public.workflow_strikes
create table public.workflow_strikes (
    lane      smallint not null,
    due_at    timestamp with time zone not null,
    queue_id  bigint not null,
    strikes   smallint not null,
    struck_at timestamp with time zone not null default now(),
    constraint workflow_strikes_pkey PRIMARY KEY (lane, due_at, queue_id)
);

--- comment public.workflow_strikes
comment on table public.workflow_strikes is 'Queue rows that a daemon had in hand when it died.';
comment on column public.workflow_strikes.strikes is 'How many died with this row alone in hand; 0: with others beside it. From 2 on it is set aside, if those are half of all deaths, and at 5.';

--- row-security public.workflow_strikes
alter table public.workflow_strikes enable row level security;

--- grants public.workflow_strikes
revoke all on public.workflow_strikes from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.workflow_strikes to thendo_engine;

--- table public.workflow_triggers
create table public.workflow_triggers (
    id          uuid not null default gen_random_uuid(),
    workflow_id uuid not null,
    version     integer not null,
    node_id     text not null,
    kind        text not null,
    label       text,
    config      jsonb not null default '{}'::jsonb,
    table_name  text,
    operations  text[] not null default '{}'::text[],
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid default auth.uid(),
    constraint workflow_triggers_pkey PRIMARY KEY (id),
    constraint workflow_triggers_workflow_id_node_id_table_name_key UNIQUE NULLS NOT DISTINCT (workflow_id, node_id, table_name),
    constraint workflow_triggers_operations_check CHECK ((operations <@ ARRAY['insert'::text, 'update'::text, 'delete'::text]))
);

--- comment public.workflow_triggers
comment on table public.workflow_triggers is 'Which changes of which table start a workflow in force.';
comment on column public.workflow_triggers.node_id is 'The node''s id in the definition.';
comment on column public.workflow_triggers.kind is 'order_created, …: see the catalogue of nodes.';
comment on column public.workflow_triggers.config is 'The node''s settings, as drawn.';
comment on column public.workflow_triggers.table_name is 'Null for a trigger that no table starts.';

--- index public.workflow_triggers idx_workflow_triggers_created_by
CREATE INDEX idx_workflow_triggers_created_by ON public.workflow_triggers USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.workflow_triggers idx_workflow_triggers_table_name
CREATE INDEX idx_workflow_triggers_table_name ON public.workflow_triggers USING btree (table_name);

--- trigger public.workflow_triggers set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.workflow_triggers FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.workflow_triggers set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.workflow_triggers FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.workflow_triggers
alter table public.workflow_triggers enable row level security;

--- grants public.workflow_triggers
revoke all on public.workflow_triggers from public, anon, authenticated, service_role;
grant select on public.workflow_triggers to authenticated;
grant select on public.workflow_triggers to service_role;
grant select on public.workflow_triggers to thendo_api;

--- table public.workflow_undone
create table public.workflow_undone (
    root      uuid not null,
    event_at  timestamp with time zone not null,
    undone_by text not null default ''::text,
    undone_at timestamp with time zone not null default now(),
    constraint workflow_undone_pkey PRIMARY KEY (root)
);

--- comment public.workflow_undone
comment on table public.workflow_undone is 'Executions that were undone, all their attempts with them.';
comment on column public.workflow_undone.event_at is 'Its event''s time: the partition of workflow_executions that it lives in.';

--- trigger public.workflow_undone tell_delete
CREATE TRIGGER tell_delete AFTER DELETE ON public.workflow_undone REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('executions', 'root');

--- trigger public.workflow_undone tell_insert
CREATE TRIGGER tell_insert AFTER INSERT ON public.workflow_undone REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('executions', 'root');

--- trigger public.workflow_undone tell_update
CREATE TRIGGER tell_update AFTER UPDATE ON public.workflow_undone REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('executions', 'root');

--- row-security public.workflow_undone
alter table public.workflow_undone enable row level security;

--- grants public.workflow_undone
revoke all on public.workflow_undone from public, anon, authenticated, service_role;
grant select, insert on public.workflow_undone to thendo_engine;
grant select on public.workflow_undone to thendo_api;

--- table public.workflow_versions
create table public.workflow_versions (
    workflow_id uuid not null,
    number      integer not null,
    hash        text not null,
    definition  jsonb not null,
    active_from timestamp with time zone not null,
    active_to   timestamp with time zone,
    created_at  timestamp with time zone not null default now(),
    created_by  uuid,
    constraint workflow_versions_pkey PRIMARY KEY (workflow_id, number),
    constraint workflow_versions_check CHECK ((active_to >= active_from)),
    constraint workflow_versions_number_check CHECK ((number > 0))
);

--- comment public.workflow_versions
comment on table public.workflow_versions is 'A published version of a workflow and when it was in force.';
comment on column public.workflow_versions.hash is 'Of its meaning: moving a box makes no new version.';
comment on column public.workflow_versions.active_to is 'Null while it is in force.';
comment on column public.workflow_versions.created_by is 'Which account''s edit it is; null if no account''s. No foreign key: accounts go, versions stay.';

--- index public.workflow_versions idx_workflow_versions_one_in_force
CREATE UNIQUE INDEX idx_workflow_versions_one_in_force ON public.workflow_versions USING btree (workflow_id) WHERE (active_to IS NULL);

--- row-security public.workflow_versions
alter table public.workflow_versions enable row level security;

--- grants public.workflow_versions
revoke all on public.workflow_versions from public, anon, authenticated, service_role;
grant select on public.workflow_versions to authenticated;
grant select on public.workflow_versions to service_role;
grant select on public.workflow_versions to thendo_engine;
grant select on public.workflow_versions to thendo_api;

--- table public.workflow_waiting
create table public.workflow_waiting (
    id          uuid not null,
    event_at    timestamp with time zone not null,
    event_id    uuid not null,
    workflow_id uuid not null,
    version     integer not null,
    lane        smallint not null,
    state       jsonb not null,
    started_at  timestamp with time zone not null,
    waits_since timestamp with time zone not null default now(),
    put_off_for text,
    root        uuid,
    attempt     smallint not null default 1,
    slot        text,
    wants_slot  text,
    held        boolean not null default false,
    constraint workflow_waiting_pkey PRIMARY KEY (id),
    constraint has_or_wants_a_slot CHECK (((slot IS NULL) OR (wants_slot IS NULL)))
);

--- comment public.workflow_waiting
comment on table public.workflow_waiting is 'An execution that waits for a delivery, a time or an event.';
comment on column public.workflow_waiting.state is 'Context and steps so far, as the engine saved them.';
comment on column public.workflow_waiting.put_off_for is 'Set while it has not begun: the id of the row whose next event takes its place.';
comment on column public.workflow_waiting.root is 'As in workflow_executions.';
comment on column public.workflow_waiting.attempt is 'As in workflow_executions.';
comment on column public.workflow_waiting.slot is 'The key of concurrency of which it is one.';
comment on column public.workflow_waiting.wants_slot is 'It has not begun: the key of concurrency that it waits for.';
comment on column public.workflow_waiting.held is 'It would go on, or begin, but its workflow is held.';

--- index public.workflow_waiting idx_workflow_waiting_event_at
CREATE INDEX idx_workflow_waiting_event_at ON public.workflow_waiting USING btree (event_at DESC, id DESC);

--- index public.workflow_waiting idx_workflow_waiting_held
CREATE INDEX idx_workflow_waiting_held ON public.workflow_waiting USING btree (workflow_id, event_at, id) WHERE held;

--- index public.workflow_waiting idx_workflow_waiting_put_off
CREATE INDEX idx_workflow_waiting_put_off ON public.workflow_waiting USING btree (workflow_id, put_off_for) WHERE (put_off_for IS NOT NULL);

--- index public.workflow_waiting idx_workflow_waiting_slot
CREATE INDEX idx_workflow_waiting_slot ON public.workflow_waiting USING btree (workflow_id, slot) WHERE (slot IS NOT NULL);

--- index public.workflow_waiting idx_workflow_waiting_wants_slot
CREATE INDEX idx_workflow_waiting_wants_slot ON public.workflow_waiting USING btree (workflow_id, wants_slot, event_at, id) WHERE (wants_slot IS NOT NULL);

--- index public.workflow_waiting idx_workflow_waiting_workflow_id
CREATE INDEX idx_workflow_waiting_workflow_id ON public.workflow_waiting USING btree (workflow_id, event_at DESC, id DESC);

--- trigger public.workflow_waiting hand_on_slot_of_deleted
CREATE CONSTRAINT TRIGGER hand_on_slot_of_deleted AFTER DELETE ON public.workflow_waiting DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((old.slot IS NOT NULL) OR (old.wants_slot IS NOT NULL))) EXECUTE FUNCTION public.hand_on_slot();

--- trigger public.workflow_waiting hand_on_slot_of_updated
CREATE CONSTRAINT TRIGGER hand_on_slot_of_updated AFTER UPDATE ON public.workflow_waiting DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((((old.slot IS NOT NULL) AND (new.slot IS DISTINCT FROM old.slot)) OR ((new.wants_slot IS NOT NULL) AND (new.wants_slot IS DISTINCT FROM old.wants_slot)))) EXECUTE FUNCTION public.hand_on_slot();

--- row-security public.workflow_waiting
alter table public.workflow_waiting enable row level security;

--- grants public.workflow_waiting
revoke all on public.workflow_waiting from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.workflow_waiting to thendo_engine;
grant select on public.workflow_waiting to thendo_api;

--- table public.workflows
create table public.workflows (
    id           uuid not null default gen_random_uuid(),
    name         text not null,
    description  text,
    status       text not null default 'draft'::text,
    definition   jsonb not null default '{"edges": [], "nodes": []}'::jsonb,
    revision     bigint not null default 1,
    health       text not null default 'unchecked'::text,
    diagnostics  jsonb not null default '[]'::jsonb,
    checked_at   timestamp with time zone,
    live_version integer,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid default auth.uid(),
    draft        jsonb,
    edited_by    uuid,
    constraint workflows_pkey PRIMARY KEY (id),
    constraint workflows_definition_check CHECK (((jsonb_typeof(definition) = 'object'::text) AND (definition ? 'nodes'::text) AND (definition ? 'edges'::text))),
    constraint workflows_diagnostics_check CHECK ((jsonb_typeof(diagnostics) = 'array'::text)),
    constraint workflows_draft_check CHECK (((jsonb_typeof(draft) = 'object'::text) AND (draft ? 'nodes'::text) AND (draft ? 'edges'::text))),
    constraint workflows_health_check CHECK ((health = ANY (ARRAY['unchecked'::text, 'valid'::text, 'broken'::text]))),
    constraint workflows_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    constraint workflows_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text, 'paused'::text, 'archived'::text])))
);

--- comment public.workflows
comment on table public.workflows is 'A workflow: the draft that admins edit, and its state. Versions are in workflow_versions.';
comment on column public.workflows.status is 'draft: not running. published: compiled and run for every event from then on. paused: starts nothing until it is resumed. archived: not running, kept for its history.';
comment on column public.workflows.definition is 'React Flow JSON: {"nodes": […], "edges": […]}.';
comment on column public.workflows.revision is 'Rises with every edit of definition or status: which edit a verdict is about.';
comment on column public.workflows.health is 'What the compiler said of the definition. broken: see diagnostics; the last version that compiled stays in force.';
comment on column public.workflows.diagnostics is 'List of {severity, code, node, edge, path, message, help}.';
comment on column public.workflows.live_version is 'Number of the version in force; null while none is.';
comment on column public.workflows.draft is 'The next edition of a published or paused workflow, not in force; publishing moves it to definition. Null: there is none.';
comment on column public.workflows.edited_by is 'Which account last edited definition or status; null if no account did. No foreign key: accounts go.';

--- index public.workflows idx_workflows_created_by
CREATE INDEX idx_workflows_created_by ON public.workflows USING btree (created_by) WHERE (created_by IS NOT NULL);

--- index public.workflows idx_workflows_status
CREATE INDEX idx_workflows_status ON public.workflows USING btree (status);

--- index public.workflows idx_workflows_unchecked
CREATE INDEX idx_workflows_unchecked ON public.workflows USING btree (id) WHERE (health = 'unchecked'::text);

--- trigger public.workflows checking_is_the_owners
CREATE TRIGGER checking_is_the_owners BEFORE UPDATE ON public.workflows FOR EACH ROW WHEN ((current_setting('thendo.checking'::text, true) = 'on'::text)) EXECUTE FUNCTION public.checking_is_the_owners();

--- trigger public.workflows set_created
CREATE TRIGGER set_created BEFORE INSERT ON public.workflows FOR EACH ROW WHEN ((CURRENT_USER = ANY (ARRAY['anon'::name, 'authenticated'::name]))) EXECUTE FUNCTION public.set_created();

--- trigger public.workflows set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.workflows FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- trigger public.workflows tell_delete
CREATE TRIGGER tell_delete AFTER DELETE ON public.workflows REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('workflows', 'id');

--- trigger public.workflows tell_insert
CREATE TRIGGER tell_insert AFTER INSERT ON public.workflows REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('workflows', 'id');

--- trigger public.workflows tell_update
CREATE TRIGGER tell_update AFTER UPDATE ON public.workflows REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.tell_changes('workflows', 'id');

--- trigger public.workflows workflow_deleted
CREATE TRIGGER workflow_deleted AFTER DELETE ON public.workflows FOR EACH STATEMENT EXECUTE FUNCTION public.workflow_deleted();

--- trigger public.workflows workflow_edited
CREATE TRIGGER workflow_edited BEFORE INSERT OR UPDATE ON public.workflows FOR EACH ROW EXECUTE FUNCTION public.workflow_edited();

--- row-security public.workflows
alter table public.workflows enable row level security;

--- grants public.workflows
revoke all on public.workflows from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.workflows to authenticated;
grant select, insert, update, delete on public.workflows to service_role;
grant select on public.workflows to thendo_engine;
grant select on public.workflows to thendo_api;
grant insert (name, description, definition) on public.workflows to thendo_api;
grant update (name, description, status, definition, draft) on public.workflows to thendo_api;


-- ==== Foreign keys

--- foreign-key public."order" order_customer_id_fkey
alter table public."order"
    add constraint order_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customer(id) ON DELETE SET NULL;

--- foreign-key public.blog_posts blog_posts_created_by_fkey
alter table public.blog_posts
    add constraint blog_posts_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.campaign_clicks campaign_clicks_campaign_id_fkey
alter table public.campaign_clicks
    add constraint campaign_clicks_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.waitlist_campaigns(id) ON DELETE CASCADE;

--- foreign-key public.campaign_clicks campaign_clicks_created_by_fkey
alter table public.campaign_clicks
    add constraint campaign_clicks_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.campaign_clicks campaign_clicks_recipient_id_fkey
alter table public.campaign_clicks
    add constraint campaign_clicks_recipient_id_fkey FOREIGN KEY (recipient_id) REFERENCES public.waitlist_campaign_recipients(id) ON DELETE CASCADE;

--- foreign-key public.campaign_opens campaign_opens_campaign_id_fkey
alter table public.campaign_opens
    add constraint campaign_opens_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.waitlist_campaigns(id) ON DELETE CASCADE;

--- foreign-key public.campaign_opens campaign_opens_created_by_fkey
alter table public.campaign_opens
    add constraint campaign_opens_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.campaign_opens campaign_opens_recipient_id_fkey
alter table public.campaign_opens
    add constraint campaign_opens_recipient_id_fkey FOREIGN KEY (recipient_id) REFERENCES public.waitlist_campaign_recipients(id) ON DELETE CASCADE;

--- foreign-key public.cart cart_customer_id_fkey
alter table public.cart
    add constraint cart_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customer(id) ON DELETE SET NULL;

--- foreign-key public.changelog_entries changelog_entries_created_by_fkey
alter table public.changelog_entries
    add constraint changelog_entries_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.consents consents_created_by_fkey
alter table public.consents
    add constraint consents_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.consents consents_customer_id_fkey
alter table public.consents
    add constraint consents_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE SET NULL;

--- foreign-key public.customer_tags customer_tags_created_by_fkey
alter table public.customer_tags
    add constraint customer_tags_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.customer_tags customer_tags_customer_id_fkey
alter table public.customer_tags
    add constraint customer_tags_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

--- foreign-key public.customers customers_created_by_fkey
alter table public.customers
    add constraint customers_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.customers customers_referred_by_fkey
alter table public.customers
    add constraint customers_referred_by_fkey FOREIGN KEY (referred_by) REFERENCES public.customers(id) ON DELETE SET NULL;

--- foreign-key public.customers customers_tier_id_fkey
alter table public.customers
    add constraint customers_tier_id_fkey FOREIGN KEY (tier_id) REFERENCES public.loyalty_tiers(id) ON DELETE SET NULL;

--- foreign-key public.customers customers_user_id_fkey
alter table public.customers
    add constraint customers_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.deposits deposits_created_by_fkey
alter table public.deposits
    add constraint deposits_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.deposits deposits_order_id_fkey
alter table public.deposits
    add constraint deposits_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id) ON DELETE RESTRICT;

--- foreign-key public.email_templates email_templates_created_by_fkey
alter table public.email_templates
    add constraint email_templates_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.enrollments enrollments_created_by_fkey
alter table public.enrollments
    add constraint enrollments_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.enrollments enrollments_customer_id_fkey
alter table public.enrollments
    add constraint enrollments_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

--- foreign-key public.enrollments enrollments_order_id_fkey
alter table public.enrollments
    add constraint enrollments_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id) ON DELETE SET NULL;

--- foreign-key public.event_tables event_tables_created_by_fkey
alter table public.event_tables
    add constraint event_tables_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.google_calendar_tokens google_calendar_tokens_created_by_fkey
alter table public.google_calendar_tokens
    add constraint google_calendar_tokens_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.google_calendar_tokens google_calendar_tokens_user_id_fkey
alter table public.google_calendar_tokens
    add constraint google_calendar_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

--- foreign-key public.loyalty_ledger loyalty_ledger_created_by_fkey
alter table public.loyalty_ledger
    add constraint loyalty_ledger_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.loyalty_ledger loyalty_ledger_customer_id_fkey
alter table public.loyalty_ledger
    add constraint loyalty_ledger_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

--- foreign-key public.loyalty_ledger loyalty_ledger_order_id_fkey
alter table public.loyalty_ledger
    add constraint loyalty_ledger_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id) ON DELETE SET NULL;

--- foreign-key public.loyalty_ledger loyalty_ledger_reverses_fkey
alter table public.loyalty_ledger
    add constraint loyalty_ledger_reverses_fkey FOREIGN KEY (reverses) REFERENCES public.loyalty_ledger(id) ON DELETE CASCADE;

--- foreign-key public.loyalty_points loyalty_points_created_by_fkey
alter table public.loyalty_points
    add constraint loyalty_points_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.loyalty_points loyalty_points_customer_id_fkey
alter table public.loyalty_points
    add constraint loyalty_points_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

--- foreign-key public.loyalty_tiers loyalty_tiers_created_by_fkey
alter table public.loyalty_tiers
    add constraint loyalty_tiers_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.oauth_providers oauth_providers_created_by_fkey
alter table public.oauth_providers
    add constraint oauth_providers_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.order_fulfillment order_fulfillment_order_id_fkey
alter table public.order_fulfillment
    add constraint order_fulfillment_order_id_fkey FOREIGN KEY (order_id) REFERENCES public."order"(id) ON DELETE CASCADE;

--- foreign-key public.order_item order_item_order_id_fkey
alter table public.order_item
    add constraint order_item_order_id_fkey FOREIGN KEY (order_id) REFERENCES public."order"(id) ON DELETE CASCADE;

--- foreign-key public.orders orders_created_by_fkey
alter table public.orders
    add constraint orders_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.orders orders_customer_id_fkey
alter table public.orders
    add constraint orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE RESTRICT;

--- foreign-key public.page_content page_content_created_by_fkey
alter table public.page_content
    add constraint page_content_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.page_content page_content_page_id_fkey
alter table public.page_content
    add constraint page_content_page_id_fkey FOREIGN KEY (page_id) REFERENCES public.pages(id) ON DELETE CASCADE;

--- foreign-key public.page_content_history page_content_history_created_by_fkey
alter table public.page_content_history
    add constraint page_content_history_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.page_content_history page_content_history_page_id_fkey
alter table public.page_content_history
    add constraint page_content_history_page_id_fkey FOREIGN KEY (page_id) REFERENCES public.pages(id) ON DELETE CASCADE;

--- foreign-key public.page_views page_views_created_by_fkey
alter table public.page_views
    add constraint page_views_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.page_views page_views_page_id_fkey
alter table public.page_views
    add constraint page_views_page_id_fkey FOREIGN KEY (page_id) REFERENCES public.pages(id) ON DELETE CASCADE;

--- foreign-key public.page_views page_views_user_id_fkey
alter table public.page_views
    add constraint page_views_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.pages pages_created_by_fkey
alter table public.pages
    add constraint pages_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.product_categories product_categories_created_by_fkey
alter table public.product_categories
    add constraint product_categories_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.product_categories product_categories_parent_id_fkey
alter table public.product_categories
    add constraint product_categories_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES public.product_categories(id) ON DELETE SET NULL;

--- foreign-key public.product_category_mappings product_category_mappings_category_id_fkey
alter table public.product_category_mappings
    add constraint product_category_mappings_category_id_fkey FOREIGN KEY (category_id) REFERENCES public.product_categories(id) ON DELETE CASCADE;

--- foreign-key public.product_category_mappings product_category_mappings_created_by_fkey
alter table public.product_category_mappings
    add constraint product_category_mappings_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.product_stock product_stock_created_by_fkey
alter table public.product_stock
    add constraint product_stock_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.product_variant product_variant_product_id_fkey
alter table public.product_variant
    add constraint product_variant_product_id_fkey FOREIGN KEY (product_id) REFERENCES public.product(id) ON DELETE CASCADE;

--- foreign-key public.product_waitlist product_waitlist_created_by_fkey
alter table public.product_waitlist
    add constraint product_waitlist_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.product_waitlist product_waitlist_customer_id_fkey
alter table public.product_waitlist
    add constraint product_waitlist_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE SET NULL;

--- foreign-key public.project_comments project_comments_created_by_fkey
alter table public.project_comments
    add constraint project_comments_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.project_comments project_comments_order_id_fkey
alter table public.project_comments
    add constraint project_comments_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id) ON DELETE CASCADE;

--- foreign-key public.project_comments project_comments_user_id_fkey
alter table public.project_comments
    add constraint project_comments_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.quotes quotes_created_by_fkey
alter table public.quotes
    add constraint quotes_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.quotes quotes_customer_id_fkey
alter table public.quotes
    add constraint quotes_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE RESTRICT;

--- foreign-key public.quotes quotes_order_id_fkey
alter table public.quotes
    add constraint quotes_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id) ON DELETE SET NULL;

--- foreign-key public.referral_codes referral_codes_created_by_fkey
alter table public.referral_codes
    add constraint referral_codes_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.referral_codes referral_codes_customer_id_fkey
alter table public.referral_codes
    add constraint referral_codes_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

--- foreign-key public.reviews reviews_created_by_fkey
alter table public.reviews
    add constraint reviews_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.reviews reviews_customer_id_fkey
alter table public.reviews
    add constraint reviews_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

--- foreign-key public.reviews reviews_moderated_by_fkey
alter table public.reviews
    add constraint reviews_moderated_by_fkey FOREIGN KEY (moderated_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.reviews reviews_order_id_fkey
alter table public.reviews
    add constraint reviews_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id) ON DELETE SET NULL;

--- foreign-key public.saved_addresses saved_addresses_created_by_fkey
alter table public.saved_addresses
    add constraint saved_addresses_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.saved_addresses saved_addresses_user_id_fkey
alter table public.saved_addresses
    add constraint saved_addresses_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

--- foreign-key public.stripe_customers stripe_customers_created_by_fkey
alter table public.stripe_customers
    add constraint stripe_customers_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.stripe_customers stripe_customers_customer_id_fkey
alter table public.stripe_customers
    add constraint stripe_customers_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

--- foreign-key public.stripe_objects stripe_objects_created_by_fkey
alter table public.stripe_objects
    add constraint stripe_objects_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.stripe_objects stripe_objects_customer_id_fkey
alter table public.stripe_objects
    add constraint stripe_objects_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE SET NULL;

--- foreign-key public.subscribers subscribers_created_by_fkey
alter table public.subscribers
    add constraint subscribers_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.subscribers subscribers_customer_id_fkey
alter table public.subscribers
    add constraint subscribers_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE SET NULL;

--- foreign-key public.subscriptions subscriptions_created_by_fkey
alter table public.subscriptions
    add constraint subscriptions_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.subscriptions subscriptions_customer_id_fkey
alter table public.subscriptions
    add constraint subscriptions_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE RESTRICT;

--- foreign-key public.suppressions suppressions_created_by_fkey
alter table public.suppressions
    add constraint suppressions_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.user_roles user_roles_created_by_fkey
alter table public.user_roles
    add constraint user_roles_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.user_roles user_roles_user_id_fkey
alter table public.user_roles
    add constraint user_roles_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

--- foreign-key public.waitlist_campaign_recipients waitlist_campaign_recipients_campaign_id_fkey
alter table public.waitlist_campaign_recipients
    add constraint waitlist_campaign_recipients_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.waitlist_campaigns(id) ON DELETE CASCADE;

--- foreign-key public.waitlist_campaign_recipients waitlist_campaign_recipients_created_by_fkey
alter table public.waitlist_campaign_recipients
    add constraint waitlist_campaign_recipients_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.waitlist_campaign_recipients waitlist_campaign_recipients_customer_id_fkey
alter table public.waitlist_campaign_recipients
    add constraint waitlist_campaign_recipients_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE SET NULL;

--- foreign-key public.waitlist_campaign_recipients waitlist_campaign_recipients_waitlist_id_fkey
alter table public.waitlist_campaign_recipients
    add constraint waitlist_campaign_recipients_waitlist_id_fkey FOREIGN KEY (waitlist_id) REFERENCES public.product_waitlist(id) ON DELETE SET NULL;

--- foreign-key public.waitlist_campaigns waitlist_campaigns_created_by_fkey
alter table public.waitlist_campaigns
    add constraint waitlist_campaigns_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.waitlist_campaigns waitlist_campaigns_template_id_fkey
alter table public.waitlist_campaigns
    add constraint waitlist_campaigns_template_id_fkey FOREIGN KEY (template_id) REFERENCES public.email_templates(id) ON DELETE RESTRICT;

--- foreign-key public.workflow_actions workflow_actions_created_by_fkey
alter table public.workflow_actions
    add constraint workflow_actions_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.workflow_actions workflow_actions_workflow_id_fkey
alter table public.workflow_actions
    add constraint workflow_actions_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES public.workflows(id) ON DELETE CASCADE;

--- foreign-key public.workflow_awaited_tables workflow_awaited_tables_workflow_id_fkey
alter table public.workflow_awaited_tables
    add constraint workflow_awaited_tables_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES public.workflows(id) ON DELETE CASCADE;

--- foreign-key public.workflow_awaits workflow_awaits_execution_id_fkey
alter table public.workflow_awaits
    add constraint workflow_awaits_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES public.workflow_waiting(id) ON DELETE CASCADE;

--- foreign-key public.workflow_conditions workflow_conditions_created_by_fkey
alter table public.workflow_conditions
    add constraint workflow_conditions_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.workflow_conditions workflow_conditions_workflow_id_fkey
alter table public.workflow_conditions
    add constraint workflow_conditions_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES public.workflows(id) ON DELETE CASCADE;

--- foreign-key public.workflow_schedules workflow_schedules_workflow_id_fkey
alter table public.workflow_schedules
    add constraint workflow_schedules_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES public.workflows(id) ON DELETE CASCADE;

--- foreign-key public.workflow_secrets workflow_secrets_created_by_fkey
alter table public.workflow_secrets
    add constraint workflow_secrets_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.workflow_triggers workflow_triggers_created_by_fkey
alter table public.workflow_triggers
    add constraint workflow_triggers_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;

--- foreign-key public.workflow_triggers workflow_triggers_workflow_id_fkey
alter table public.workflow_triggers
    add constraint workflow_triggers_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES public.workflows(id) ON DELETE CASCADE;

--- foreign-key public.workflow_versions workflow_versions_workflow_id_fkey
alter table public.workflow_versions
    add constraint workflow_versions_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES public.workflows(id) ON DELETE CASCADE;

--- foreign-key public.workflows workflows_created_by_fkey
alter table public.workflows
    add constraint workflows_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) ON DELETE SET NULL;


-- ==== Views

--- materialized-view public.page_view_stats
create materialized view public.page_view_stats as
 SELECT page_id,
    ((viewed_at AT TIME ZONE 'UTC'::text))::date AS view_date,
    count(*) AS view_count,
    count(DISTINCT COALESCE((user_id)::text, visitor)) AS unique_visitors
   FROM public.page_views v
  GROUP BY page_id, (((viewed_at AT TIME ZONE 'UTC'::text))::date);

--- comment public.page_view_stats
comment on materialized view public.page_view_stats is 'Views and unique visitors by page and day (UTC). Refreshed by the daemon, read through read_page_view_stats().';

--- index public.page_view_stats idx_page_view_stats_page_id
CREATE UNIQUE INDEX idx_page_view_stats_page_id ON public.page_view_stats USING btree (page_id, view_date);

--- index public.page_view_stats idx_page_view_stats_view_date
CREATE INDEX idx_page_view_stats_view_date ON public.page_view_stats USING btree (view_date);

--- grants public.page_view_stats
revoke all on public.page_view_stats from public, anon, authenticated, service_role;

--- view public.token_handover
create view public.token_handover as
 SELECT NULL::text AS key_id,
    NULL::text AS key,
    NULL::text AS former_key,
    NULL::text AS access_token,
    NULL::text AS refresh_token,
    NULL::text AS client_secret
  WHERE false;

--- comment public.token_handover
comment on view public.token_handover is 'Takes a key and tokens by COPY, for the functions called after it in the same transaction. Always empty.';

--- trigger public.token_handover take_tokens
CREATE TRIGGER take_tokens INSTEAD OF INSERT ON public.token_handover FOR EACH ROW EXECUTE FUNCTION public.take_tokens();

--- grants public.token_handover
revoke all on public.token_handover from public, anon, authenticated, service_role;
grant insert on public.token_handover to authenticated;
grant insert on public.token_handover to service_role;

--- view public.waitlist_campaign_stats
create view public.waitlist_campaign_stats with (security_invoker=true) as
 SELECT c.id AS campaign_id,
    c.name,
    c.status,
    r.recipients,
    r.queued,
    r.sent,
    r.failed,
    o.opened,
    k.clicked
   FROM (((public.waitlist_campaigns c
     CROSS JOIN LATERAL ( SELECT count(*) AS recipients,
            count(*) FILTER (WHERE (m.status = ANY (ARRAY['queued'::text, 'sending'::text]))) AS queued,
            count(*) FILTER (WHERE (m.status = 'sent'::text)) AS sent,
            count(*) FILTER (WHERE (m.status = ANY (ARRAY['bounced'::text, 'refused'::text, 'unknown'::text]))) AS failed
           FROM public.waitlist_campaign_recipients m
          WHERE (m.campaign_id = c.id)) r)
     CROSS JOIN LATERAL ( SELECT count(DISTINCT n.recipient_id) AS opened
           FROM public.campaign_opens n
          WHERE ((n.campaign_id = c.id) AND (NOT n.is_proxy))) o)
     CROSS JOIN LATERAL ( SELECT count(DISTINCT n.recipient_id) AS clicked
           FROM public.campaign_clicks n
          WHERE ((n.campaign_id = c.id) AND (NOT n.is_proxy))) k);

--- comment public.waitlist_campaign_stats
comment on view public.waitlist_campaign_stats is 'Recipients, mails sent, opened and clicked, by campaign.';

--- grants public.waitlist_campaign_stats
revoke all on public.waitlist_campaign_stats from public, anon, authenticated, service_role;
grant select on public.waitlist_campaign_stats to authenticated;
grant select on public.waitlist_campaign_stats to service_role;


-- ==== Functions that take or return rows of tables

--- function-of-rows public.campaign_content(text, public.email_templates)
CREATE OR REPLACE FUNCTION public.campaign_content(subject text, template public.email_templates)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select jsonb_build_object('subject', coalesce(subject, (template).subject), 'html', (template).html, 'text', (template).text,
        'consent', (template).consent, 'template', (template).name, 'tracks', (template).tracks)
$function$;

--- comment-on-function public.campaign_content(text, public.email_templates)
comment on function public.campaign_content(text, public.email_templates) is 'What a campaign''s mails say: its template as it is now. For the daemon.';

--- grants-on-function public.campaign_content(text, public.email_templates)
revoke all on function public.campaign_content(text, public.email_templates) from public, anon, authenticated, service_role;
grant execute on function public.campaign_content(text, public.email_templates) to thendo_engine;

--- function-of-rows public.check_event_table(public.event_tables, oid)
CREATE OR REPLACE FUNCTION public.check_event_table(setting public.event_tables, of_table oid)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    present constant text[] := array(
        select a.attname::text from pg_catalog.pg_attribute a
        where a.attrelid = of_table and a.attnum > 0 and not a.attisdropped order by a.attnum);
    missing constant text[] := array(
        select c from unnest(setting.key_columns || setting.hidden_columns || setting.entity_column) as c
        where c <> all (present));
    hidden  constant text[] := public.hidden_columns_of(of_table, setting.hidden_columns);
begin
    -- The engine's own would record themselves, for ever.
    if setting.table_name ~ '^workflow_' then
        raise exception using errcode = 'invalid_parameter_value',
            message = format('table %I is the engine''s own and records no events', setting.table_name);
    end if;
    if cardinality(missing) > 0 then
        raise exception using errcode = 'undefined_column',
            message = format('table %I has no column %s', setting.table_name, array_to_string(missing, ', ')),
            hint = format('its columns are %s', array_to_string(present, ', '));
    end if;
    if setting.entity_column = any (hidden) or setting.key_columns && hidden then
        raise exception using errcode = 'invalid_parameter_value',
            message = format('key and entity of table %I enter its events, but one of them is hidden', setting.table_name),
            hint = format('hidden columns are %s', array_to_string(hidden, ', '));
    end if;
    if not exists (
        select from pg_catalog.pg_index i
        where i.indrelid = of_table and i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null
          and array(select a.attname::text from pg_catalog.pg_attribute a
                    where a.attrelid = of_table and a.attnum = any ((i.indkey::smallint[])[0:i.indnkeyatts - 1])) <@ setting.key_columns
    ) then
        raise exception using errcode = 'invalid_parameter_value',
            message = format('table %I is not unique by %s', setting.table_name, array_to_string(setting.key_columns, ', ')),
            hint = 'key_columns needs the columns of its primary key or of another unique index';
    end if;
end
$function$;

--- comment-on-function public.check_event_table(public.event_tables, oid)
comment on function public.check_event_table(public.event_tables, oid) is 'Refuses what record_event() could not work with: columns that are missing or hidden, a key that is none.';

--- grants-on-function public.check_event_table(public.event_tables, oid)
revoke all on function public.check_event_table(public.event_tables, oid) from public, anon, authenticated, service_role;

--- function-of-rows public.put_event_triggers(public.event_tables)
CREATE OR REPLACE FUNCTION public.put_event_triggers(setting public.event_tables)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    of_table constant oid := (
        select c.oid from pg_catalog.pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relname = setting.table_name and c.relkind in ('r', 'p'));
    settled  text;
    wanted   record;
begin
    if of_table is null then
        return false;
    end if;
    if not setting.attached or setting.recorded = 'none' then
        for wanted in
            select t.tgname from pg_catalog.pg_trigger t
            where t.tgrelid = of_table and t.tgfoid = 'public.record_event()'::regprocedure
        loop
            execute format('drop trigger %I on public.%I', wanted.tgname, setting.table_name);
        end loop;
        return true;
    end if;
    if not has_table_privilege(of_table, 'trigger') then
        raise warning 'changes of table % are no events: % may not make triggers there', setting.table_name, current_user
            using hint = format('as its owner: grant select, trigger on public.%I to %I; then: thendo attach', setting.table_name, current_user);
        return false;
    end if;
    perform public.check_event_table(setting, of_table);
    settled := format('%L, %L, %L, %L, %L, %L, %L', setting.domain, setting.entity_column, setting.recorded,
        case cardinality(setting.key_columns) when 1 then setting.key_columns[1] else '' end,
        setting.key_columns, public.hidden_columns_of(of_table, setting.hidden_columns),
        array(select a.attname::text from pg_catalog.pg_attribute a
              where a.attrelid = of_table and a.attnum > 0 and not a.attisdropped order by a.attnum));
    for wanted in
        select t.operation, t.handed_over from (values
            ('insert', 'new table as new_rows'),
            ('update', 'old table as old_rows new table as new_rows'),
            ('delete', 'old table as old_rows')
        ) as t (operation, handed_over)
    loop
        execute format('create or replace trigger %I after %s on public.%I referencing %s
            for each statement execute function public.record_event(%s)',
            'record_' || wanted.operation, wanted.operation, setting.table_name, wanted.handed_over, settled);
    end loop;
    return true;
end
$function$;

--- comment-on-function public.put_event_triggers(public.event_tables)
comment on function public.put_event_triggers(public.event_tables) is 'Makes a table''s triggers what its row in event_tables says; false where there is no such table.';

--- grants-on-function public.put_event_triggers(public.event_tables)
revoke all on function public.put_event_triggers(public.event_tables) from public, anon, authenticated, service_role;

--- function-of-rows public.settle_stripe_payment(public.stripe_objects, jsonb)
CREATE OR REPLACE FUNCTION public.settle_stripe_payment(o public.stripe_objects, s jsonb)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    session  constant text := coalesce(s ->> 'session_id', o.id);
    currency constant text := upper(s ->> 'currency');
    minor    constant bigint := public.stripe_amount(coalesce(nullif((s ->> 'amount_received')::bigint, 0), (s ->> 'amount')::bigint), currency);
    found_   record;
begin
    if s ->> 'status' not in ('succeeded', 'canceled') then
        return null;
    end if;
    select p.id, p.amount, upper(p.currency_code) as currency into found_
      from public.payment p where p.payment_session_id = session order by p.id limit 1 for update;
    if found_.id is null then
        -- Medusa makes its payments itself; its table has no created_by.
        if not exists (select from pg_catalog.pg_attribute a where a.attrelid = 'public.payment'::regclass and a.attname = 'created_by') then
            return format('no payment has the session %s yet', session);
        end if;
        insert into public.payment (id, amount, currency_code, provider_id, data, payment_collection_id, payment_session_id,
                                    captured_at, canceled_at)
        values ('pay_' || o.id, minor::numeric / public.minor_units(1, currency), lower(currency), 'stripe',
                jsonb_build_object('id', o.id), coalesce(s ->> 'collection_id', o.id), session,
                case s ->> 'status' when 'succeeded' then o.told_at end,
                case s ->> 'status' when 'canceled' then coalesce(to_timestamp((s ->> 'canceled_at')::bigint), o.told_at) end)
        on conflict (id) do nothing;
        return null;
    end if;
    if found_.currency <> currency then
        return format('the payment %s is in %s, but Stripe took %s: nothing was changed', found_.id, found_.currency, currency);
    end if;
    if s ->> 'status' = 'succeeded' then
        update public.payment p set captured_at = o.told_at where p.id = found_.id and p.captured_at is null;
        if public.minor_units(found_.amount, currency) <> minor then
            return format('Stripe took %s of %s %s (in minor units)', minor, public.minor_units(found_.amount, currency), currency);
        end if;
    else
        update public.payment p set canceled_at = coalesce(to_timestamp((s ->> 'canceled_at')::bigint), o.told_at)
         where p.id = found_.id and p.canceled_at is null and p.captured_at is null;
    end if;
    return null;
end
$function$;

--- comment-on-function public.settle_stripe_payment(public.stripe_objects, jsonb)
comment on function public.settle_stripe_payment(public.stripe_objects, jsonb) is 'Of settle_stripe(): keeps payments in step; why it could not, else null.';

--- grants-on-function public.settle_stripe_payment(public.stripe_objects, jsonb)
revoke all on function public.settle_stripe_payment(public.stripe_objects, jsonb) from public, anon, authenticated, service_role;

--- function-of-rows public.settle_stripe_subscription(public.stripe_objects, jsonb)
CREATE OR REPLACE FUNCTION public.settle_stripe_subscription(o public.stripe_objects, s jsonb)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    whose constant uuid := public.customer_of_stripe(o.stripe_customer, s ->> 'customer_id');
begin
    if whose is null then
        return format('no customer of the shop is known for %s: neither by metadata.customer_id nor by an address', o.stripe_customer);
    end if;
    insert into public.subscriptions as t (customer_id, stripe_subscription_id, stripe_price_id, plan, status, amount, currency,
        current_period_start, current_period_end, cancel_at_period_end, canceled_at, stripe_event_at)
    values (whose, o.id, s ->> 'price', coalesce(s ->> 'plan', 'unknown'), s ->> 'status',
        public.stripe_amount((s ->> 'amount')::bigint, s ->> 'currency'), upper(coalesce(s ->> 'currency', 'EUR')),
        to_timestamp((s ->> 'current_period_start')::bigint), to_timestamp((s ->> 'current_period_end')::bigint),
        coalesce((s ->> 'cancel_at_period_end')::boolean, false), to_timestamp((s ->> 'canceled_at')::bigint), o.told_at)
    on conflict (stripe_subscription_id) do update
       set (customer_id, stripe_price_id, plan, status, amount, currency, current_period_start, current_period_end,
            cancel_at_period_end, canceled_at, stripe_event_at)
         = (excluded.customer_id, excluded.stripe_price_id, excluded.plan, excluded.status, excluded.amount, excluded.currency,
            excluded.current_period_start, excluded.current_period_end, excluded.cancel_at_period_end, excluded.canceled_at,
            excluded.stripe_event_at)
     where (t.stripe_event_at is null or t.stripe_event_at <= excluded.stripe_event_at)
       and (t.customer_id, t.stripe_price_id, t.plan, t.status, t.amount, t.currency, t.current_period_start, t.current_period_end,
            t.cancel_at_period_end, t.canceled_at, t.stripe_event_at)
         is distinct from (excluded.customer_id, excluded.stripe_price_id, excluded.plan, excluded.status, excluded.amount,
            excluded.currency, excluded.current_period_start, excluded.current_period_end, excluded.cancel_at_period_end,
            excluded.canceled_at, excluded.stripe_event_at);
    return null;
end
$function$;

--- comment-on-function public.settle_stripe_subscription(public.stripe_objects, jsonb)
comment on function public.settle_stripe_subscription(public.stripe_objects, jsonb) is 'Of settle_stripe(): keeps subscriptions in step; why it could not, else null.';

--- grants-on-function public.settle_stripe_subscription(public.stripe_objects, jsonb)
revoke all on function public.settle_stripe_subscription(public.stripe_objects, jsonb) from public, anon, authenticated, service_role;


-- ==== Policies

--- policy public.api_audit api_insert
create policy api_insert on public.api_audit
    for insert to thendo_api
    with check (true);

--- policy public.api_audit api_select
create policy api_select on public.api_audit
    for select to thendo_api
    using (true);

--- policy public.api_keys api_insert
create policy api_insert on public.api_keys
    for insert to thendo_api
    with check (true);

--- policy public.api_keys api_select
create policy api_select on public.api_keys
    for select to thendo_api
    using (true);

--- policy public.api_keys api_update
create policy api_update on public.api_keys
    for update to thendo_api
    using (true)
    with check (true);

--- policy public.api_links api_insert
create policy api_insert on public.api_links
    for insert to thendo_api
    with check (true);

--- policy public.api_links api_select
create policy api_select on public.api_links
    for select to thendo_api
    using (true);

--- policy public.api_links api_update
create policy api_update on public.api_links
    for update to thendo_api
    using (true)
    with check (true);

--- policy public.api_sessions api_insert
create policy api_insert on public.api_sessions
    for insert to thendo_api
    with check (true);

--- policy public.api_sessions api_select
create policy api_select on public.api_sessions
    for select to thendo_api
    using (true);

--- policy public.api_sessions api_update
create policy api_update on public.api_sessions
    for update to thendo_api
    using (true)
    with check (true);

--- policy public.blog_posts anon_select
create policy anon_select on public.blog_posts
    for select to anon
    using (((status = 'published'::text) AND (published_at <= now())));

--- policy public.blog_posts authenticated_delete
create policy authenticated_delete on public.blog_posts
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.blog_posts authenticated_insert
create policy authenticated_insert on public.blog_posts
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.blog_posts authenticated_select
create policy authenticated_select on public.blog_posts
    for select to authenticated
    using ((((status = 'published'::text) AND (published_at <= now())) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.blog_posts authenticated_update
create policy authenticated_update on public.blog_posts
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.blog_posts engine_select
create policy engine_select on public.blog_posts
    for select to thendo_engine
    using (true);

--- policy public.blog_posts engine_update
create policy engine_update on public.blog_posts
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.campaign_clicks api_select
create policy api_select on public.campaign_clicks
    for select to thendo_api
    using (true);

--- policy public.campaign_clicks authenticated_select
create policy authenticated_select on public.campaign_clicks
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.campaign_clicks engine_insert
create policy engine_insert on public.campaign_clicks
    for insert to thendo_engine
    with check (true);

--- policy public.campaign_opens api_select
create policy api_select on public.campaign_opens
    for select to thendo_api
    using (true);

--- policy public.campaign_opens authenticated_select
create policy authenticated_select on public.campaign_opens
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.campaign_opens engine_insert
create policy engine_insert on public.campaign_opens
    for insert to thendo_engine
    with check (true);

--- policy public.changelog_entries anon_select
create policy anon_select on public.changelog_entries
    for select to anon
    using (((status = 'published'::text) AND (published_at <= now())));

--- policy public.changelog_entries authenticated_delete
create policy authenticated_delete on public.changelog_entries
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.changelog_entries authenticated_insert
create policy authenticated_insert on public.changelog_entries
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.changelog_entries authenticated_select
create policy authenticated_select on public.changelog_entries
    for select to authenticated
    using ((((status = 'published'::text) AND (published_at <= now())) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.changelog_entries authenticated_update
create policy authenticated_update on public.changelog_entries
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.changelog_entries engine_insert
create policy engine_insert on public.changelog_entries
    for insert to thendo_engine
    with check (true);

--- policy public.changelog_entries engine_select
create policy engine_select on public.changelog_entries
    for select to thendo_engine
    using (true);

--- policy public.changelog_entries engine_update
create policy engine_update on public.changelog_entries
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.consents authenticated_select
create policy authenticated_select on public.consents
    for select to authenticated
    using (((customer_id = ( SELECT public.current_customer_id() AS current_customer_id)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.consents engine_insert
create policy engine_insert on public.consents
    for insert to thendo_engine
    with check (true);

--- policy public.consents engine_select
create policy engine_select on public.consents
    for select to thendo_engine
    using (true);

--- policy public.customer_tags authenticated_delete
create policy authenticated_delete on public.customer_tags
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.customer_tags authenticated_insert
create policy authenticated_insert on public.customer_tags
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.customer_tags authenticated_select
create policy authenticated_select on public.customer_tags
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.customer_tags authenticated_update
create policy authenticated_update on public.customer_tags
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.customer_tags engine_delete
create policy engine_delete on public.customer_tags
    for delete to thendo_engine
    using (true);

--- policy public.customer_tags engine_insert
create policy engine_insert on public.customer_tags
    for insert to thendo_engine
    with check (true);

--- policy public.customer_tags engine_select
create policy engine_select on public.customer_tags
    for select to thendo_engine
    using (true);

--- policy public.customers authenticated_delete
create policy authenticated_delete on public.customers
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.customers authenticated_insert
create policy authenticated_insert on public.customers
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.customers authenticated_select
create policy authenticated_select on public.customers
    for select to authenticated
    using (((user_id = ( SELECT auth.uid() AS uid)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.customers authenticated_update
create policy authenticated_update on public.customers
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.customers engine_select
create policy engine_select on public.customers
    for select to thendo_engine
    using (true);

--- policy public.customers engine_update
create policy engine_update on public.customers
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.deposits authenticated_delete
create policy authenticated_delete on public.deposits
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.deposits authenticated_insert
create policy authenticated_insert on public.deposits
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.deposits authenticated_select
create policy authenticated_select on public.deposits
    for select to authenticated
    using (((order_id IN ( SELECT o.id
   FROM public.orders o
  WHERE (o.customer_id = ( SELECT public.current_customer_id() AS current_customer_id)))) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.deposits authenticated_update
create policy authenticated_update on public.deposits
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.deposits engine_insert
create policy engine_insert on public.deposits
    for insert to thendo_engine
    with check (true);

--- policy public.deposits engine_select
create policy engine_select on public.deposits
    for select to thendo_engine
    using (true);

--- policy public.deposits engine_update
create policy engine_update on public.deposits
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.email_templates api_delete
create policy api_delete on public.email_templates
    for delete to thendo_api
    using (true);

--- policy public.email_templates api_insert
create policy api_insert on public.email_templates
    for insert to thendo_api
    with check (true);

--- policy public.email_templates api_select
create policy api_select on public.email_templates
    for select to thendo_api
    using (true);

--- policy public.email_templates api_update
create policy api_update on public.email_templates
    for update to thendo_api
    using (true)
    with check (true);

--- policy public.email_templates authenticated_delete
create policy authenticated_delete on public.email_templates
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.email_templates authenticated_insert
create policy authenticated_insert on public.email_templates
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.email_templates authenticated_select
create policy authenticated_select on public.email_templates
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.email_templates authenticated_update
create policy authenticated_update on public.email_templates
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.email_templates engine_select
create policy engine_select on public.email_templates
    for select to thendo_engine
    using (true);

--- policy public.enrollments authenticated_delete
create policy authenticated_delete on public.enrollments
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.enrollments authenticated_insert
create policy authenticated_insert on public.enrollments
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.enrollments authenticated_select
create policy authenticated_select on public.enrollments
    for select to authenticated
    using (((customer_id = ( SELECT public.current_customer_id() AS current_customer_id)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.enrollments authenticated_update
create policy authenticated_update on public.enrollments
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.enrollments engine_insert
create policy engine_insert on public.enrollments
    for insert to thendo_engine
    with check (true);

--- policy public.enrollments engine_select
create policy engine_select on public.enrollments
    for select to thendo_engine
    using (true);

--- policy public.event_tables authenticated_select
create policy authenticated_select on public.event_tables
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.google_calendar_tokens authenticated_delete
create policy authenticated_delete on public.google_calendar_tokens
    for delete to authenticated
    using (((user_id = ( SELECT auth.uid() AS uid)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.google_calendar_tokens authenticated_select
create policy authenticated_select on public.google_calendar_tokens
    for select to authenticated
    using (((user_id = ( SELECT auth.uid() AS uid)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.loyalty_ledger authenticated_select
create policy authenticated_select on public.loyalty_ledger
    for select to authenticated
    using (((customer_id = ( SELECT public.current_customer_id() AS current_customer_id)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.loyalty_ledger engine_insert
create policy engine_insert on public.loyalty_ledger
    for insert to thendo_engine
    with check (true);

--- policy public.loyalty_ledger engine_select
create policy engine_select on public.loyalty_ledger
    for select to thendo_engine
    using (true);

--- policy public.loyalty_points authenticated_select
create policy authenticated_select on public.loyalty_points
    for select to authenticated
    using (((customer_id = ( SELECT public.current_customer_id() AS current_customer_id)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.loyalty_points engine_insert
create policy engine_insert on public.loyalty_points
    for insert to thendo_engine
    with check (true);

--- policy public.loyalty_points engine_select
create policy engine_select on public.loyalty_points
    for select to thendo_engine
    using (true);

--- policy public.loyalty_points engine_update
create policy engine_update on public.loyalty_points
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.loyalty_tiers authenticated_delete
create policy authenticated_delete on public.loyalty_tiers
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.loyalty_tiers authenticated_insert
create policy authenticated_insert on public.loyalty_tiers
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.loyalty_tiers authenticated_select
create policy authenticated_select on public.loyalty_tiers
    for select to authenticated
    using (true);

--- policy public.loyalty_tiers authenticated_update
create policy authenticated_update on public.loyalty_tiers
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.loyalty_tiers engine_select
create policy engine_select on public.loyalty_tiers
    for select to thendo_engine
    using (true);

--- policy public.marketing_mails engine_insert
create policy engine_insert on public.marketing_mails
    for insert to thendo_engine
    with check (true);

--- policy public.marketing_mails engine_select
create policy engine_select on public.marketing_mails
    for select to thendo_engine
    using (true);

--- policy public.marketing_mails engine_update
create policy engine_update on public.marketing_mails
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.oauth_providers authenticated_delete
create policy authenticated_delete on public.oauth_providers
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.oauth_providers authenticated_insert
create policy authenticated_insert on public.oauth_providers
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.oauth_providers authenticated_select
create policy authenticated_select on public.oauth_providers
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.oauth_providers authenticated_update
create policy authenticated_update on public.oauth_providers
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.orders authenticated_delete
create policy authenticated_delete on public.orders
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.orders authenticated_insert
create policy authenticated_insert on public.orders
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.orders authenticated_select
create policy authenticated_select on public.orders
    for select to authenticated
    using (((customer_id = ( SELECT public.current_customer_id() AS current_customer_id)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.orders authenticated_update
create policy authenticated_update on public.orders
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.orders engine_select
create policy engine_select on public.orders
    for select to thendo_engine
    using (true);

--- policy public.orders engine_update
create policy engine_update on public.orders
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.page_content anon_select
create policy anon_select on public.page_content
    for select to anon
    using (((status = 'published'::text) AND (page_id IN ( SELECT p.id
   FROM public.pages p
  WHERE ((p.status = 'published'::text) AND (p.published_at <= now()))))));

--- policy public.page_content authenticated_delete
create policy authenticated_delete on public.page_content
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.page_content authenticated_insert
create policy authenticated_insert on public.page_content
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.page_content authenticated_select
create policy authenticated_select on public.page_content
    for select to authenticated
    using ((((status = 'published'::text) AND (page_id IN ( SELECT p.id
   FROM public.pages p
  WHERE ((p.status = 'published'::text) AND (p.published_at <= now()))))) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.page_content authenticated_update
create policy authenticated_update on public.page_content
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.page_content_history authenticated_select
create policy authenticated_select on public.page_content_history
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.page_views authenticated_select
create policy authenticated_select on public.page_views
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.pages anon_select
create policy anon_select on public.pages
    for select to anon
    using (((status = 'published'::text) AND (published_at <= now())));

--- policy public.pages authenticated_delete
create policy authenticated_delete on public.pages
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.pages authenticated_insert
create policy authenticated_insert on public.pages
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.pages authenticated_select
create policy authenticated_select on public.pages
    for select to authenticated
    using ((((status = 'published'::text) AND (published_at <= now())) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.pages authenticated_update
create policy authenticated_update on public.pages
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.pages engine_select
create policy engine_select on public.pages
    for select to thendo_engine
    using (true);

--- policy public.pages engine_update
create policy engine_update on public.pages
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.product_categories anon_select
create policy anon_select on public.product_categories
    for select to anon
    using (true);

--- policy public.product_categories authenticated_delete
create policy authenticated_delete on public.product_categories
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.product_categories authenticated_insert
create policy authenticated_insert on public.product_categories
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.product_categories authenticated_select
create policy authenticated_select on public.product_categories
    for select to authenticated
    using (true);

--- policy public.product_categories authenticated_update
create policy authenticated_update on public.product_categories
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.product_category_mappings anon_select
create policy anon_select on public.product_category_mappings
    for select to anon
    using (true);

--- policy public.product_category_mappings authenticated_delete
create policy authenticated_delete on public.product_category_mappings
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.product_category_mappings authenticated_insert
create policy authenticated_insert on public.product_category_mappings
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.product_category_mappings authenticated_select
create policy authenticated_select on public.product_category_mappings
    for select to authenticated
    using (true);

--- policy public.product_category_mappings authenticated_update
create policy authenticated_update on public.product_category_mappings
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.product_stock authenticated_delete
create policy authenticated_delete on public.product_stock
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.product_stock authenticated_insert
create policy authenticated_insert on public.product_stock
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.product_stock authenticated_select
create policy authenticated_select on public.product_stock
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.product_stock authenticated_update
create policy authenticated_update on public.product_stock
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.product_stock engine_select
create policy engine_select on public.product_stock
    for select to thendo_engine
    using (true);

--- policy public.product_waitlist authenticated_delete
create policy authenticated_delete on public.product_waitlist
    for delete to authenticated
    using (((lower(email) = ( SELECT public.verified_email() AS verified_email)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.product_waitlist authenticated_insert
create policy authenticated_insert on public.product_waitlist
    for insert to authenticated
    with check ((((lower(email) = ( SELECT public.verified_email() AS verified_email)) AND (status = 'waiting'::text) AND (notified_at IS NULL) AND ((customer_id IS NULL) OR (customer_id = ( SELECT public.current_customer_id() AS current_customer_id)))) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.product_waitlist authenticated_select
create policy authenticated_select on public.product_waitlist
    for select to authenticated
    using (((lower(email) = ( SELECT public.verified_email() AS verified_email)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.product_waitlist authenticated_update
create policy authenticated_update on public.product_waitlist
    for update to authenticated
    using ((((lower(email) = ( SELECT public.verified_email() AS verified_email)) AND (status = ANY (ARRAY['waiting'::text, 'cancelled'::text])) AND (notified_at IS NULL) AND ((customer_id IS NULL) OR (customer_id = ( SELECT public.current_customer_id() AS current_customer_id)))) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)))
    with check ((((lower(email) = ( SELECT public.verified_email() AS verified_email)) AND (status = ANY (ARRAY['waiting'::text, 'cancelled'::text])) AND (notified_at IS NULL) AND ((customer_id IS NULL) OR (customer_id = ( SELECT public.current_customer_id() AS current_customer_id)))) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.product_waitlist engine_select
create policy engine_select on public.product_waitlist
    for select to thendo_engine
    using (true);

--- policy public.product_waitlist engine_update
create policy engine_update on public.product_waitlist
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.project_comments authenticated_delete
create policy authenticated_delete on public.project_comments
    for delete to authenticated
    using (((user_id = ( SELECT auth.uid() AS uid)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.project_comments authenticated_insert
create policy authenticated_insert on public.project_comments
    for insert to authenticated
    with check ((((user_id = ( SELECT auth.uid() AS uid)) AND (order_id IN ( SELECT o.id
   FROM public.orders o
  WHERE (o.customer_id = ( SELECT public.current_customer_id() AS current_customer_id))))) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.project_comments authenticated_select
create policy authenticated_select on public.project_comments
    for select to authenticated
    using (((user_id = ( SELECT auth.uid() AS uid)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.project_comments authenticated_update
create policy authenticated_update on public.project_comments
    for update to authenticated
    using ((((user_id = ( SELECT auth.uid() AS uid)) AND (order_id IN ( SELECT o.id
   FROM public.orders o
  WHERE (o.customer_id = ( SELECT public.current_customer_id() AS current_customer_id))))) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)))
    with check ((((user_id = ( SELECT auth.uid() AS uid)) AND (order_id IN ( SELECT o.id
   FROM public.orders o
  WHERE (o.customer_id = ( SELECT public.current_customer_id() AS current_customer_id))))) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.project_comments engine_insert
create policy engine_insert on public.project_comments
    for insert to thendo_engine
    with check (true);

--- policy public.quotes authenticated_delete
create policy authenticated_delete on public.quotes
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.quotes authenticated_insert
create policy authenticated_insert on public.quotes
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.quotes authenticated_select
create policy authenticated_select on public.quotes
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.quotes authenticated_update
create policy authenticated_update on public.quotes
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.referral_codes authenticated_delete
create policy authenticated_delete on public.referral_codes
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.referral_codes authenticated_insert
create policy authenticated_insert on public.referral_codes
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.referral_codes authenticated_select
create policy authenticated_select on public.referral_codes
    for select to authenticated
    using (((customer_id = ( SELECT public.current_customer_id() AS current_customer_id)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.referral_codes authenticated_update
create policy authenticated_update on public.referral_codes
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.referral_codes engine_insert
create policy engine_insert on public.referral_codes
    for insert to thendo_engine
    with check (true);

--- policy public.referral_codes engine_select
create policy engine_select on public.referral_codes
    for select to thendo_engine
    using (true);

--- policy public.reviews anon_select
create policy anon_select on public.reviews
    for select to anon
    using ((status = 'approved'::text));

--- policy public.reviews authenticated_delete
create policy authenticated_delete on public.reviews
    for delete to authenticated
    using (((customer_id = ( SELECT public.current_customer_id() AS current_customer_id)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.reviews authenticated_insert
create policy authenticated_insert on public.reviews
    for insert to authenticated
    with check ((((customer_id = ( SELECT public.current_customer_id() AS current_customer_id)) AND (status = 'pending'::text) AND (NOT is_verified_purchase) AND (moderated_at IS NULL) AND (moderated_by IS NULL) AND ((order_id IS NULL) OR (order_id IN ( SELECT o.id
   FROM public.orders o
  WHERE (o.customer_id = ( SELECT public.current_customer_id() AS current_customer_id)))))) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.reviews authenticated_select
create policy authenticated_select on public.reviews
    for select to authenticated
    using (((status = 'approved'::text) OR (customer_id = ( SELECT public.current_customer_id() AS current_customer_id)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.reviews authenticated_update
create policy authenticated_update on public.reviews
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.saved_addresses authenticated_delete
create policy authenticated_delete on public.saved_addresses
    for delete to authenticated
    using (((user_id = ( SELECT auth.uid() AS uid)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.saved_addresses authenticated_insert
create policy authenticated_insert on public.saved_addresses
    for insert to authenticated
    with check (((user_id = ( SELECT auth.uid() AS uid)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.saved_addresses authenticated_select
create policy authenticated_select on public.saved_addresses
    for select to authenticated
    using (((user_id = ( SELECT auth.uid() AS uid)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.saved_addresses authenticated_update
create policy authenticated_update on public.saved_addresses
    for update to authenticated
    using (((user_id = ( SELECT auth.uid() AS uid)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)))
    with check (((user_id = ( SELECT auth.uid() AS uid)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.stripe_customers authenticated_delete
create policy authenticated_delete on public.stripe_customers
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.stripe_customers authenticated_insert
create policy authenticated_insert on public.stripe_customers
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.stripe_customers authenticated_select
create policy authenticated_select on public.stripe_customers
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.stripe_customers authenticated_update
create policy authenticated_update on public.stripe_customers
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.stripe_objects authenticated_select
create policy authenticated_select on public.stripe_objects
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.subscribers authenticated_delete
create policy authenticated_delete on public.subscribers
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.subscribers authenticated_insert
create policy authenticated_insert on public.subscribers
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.subscribers authenticated_select
create policy authenticated_select on public.subscribers
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.subscribers authenticated_update
create policy authenticated_update on public.subscribers
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.subscribers engine_select
create policy engine_select on public.subscribers
    for select to thendo_engine
    using (true);

--- policy public.subscribers engine_update
create policy engine_update on public.subscribers
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.subscriptions authenticated_delete
create policy authenticated_delete on public.subscriptions
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.subscriptions authenticated_insert
create policy authenticated_insert on public.subscriptions
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.subscriptions authenticated_select
create policy authenticated_select on public.subscriptions
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.subscriptions authenticated_update
create policy authenticated_update on public.subscriptions
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.suppressions authenticated_delete
create policy authenticated_delete on public.suppressions
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.suppressions authenticated_insert
create policy authenticated_insert on public.suppressions
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.suppressions authenticated_select
create policy authenticated_select on public.suppressions
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.suppressions authenticated_update
create policy authenticated_update on public.suppressions
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.suppressions engine_delete
create policy engine_delete on public.suppressions
    for delete to thendo_engine
    using ((reason = 'unsubscribed'::text));

--- policy public.suppressions engine_insert
create policy engine_insert on public.suppressions
    for insert to thendo_engine
    with check (true);

--- policy public.suppressions engine_select
create policy engine_select on public.suppressions
    for select to thendo_engine
    using (true);

--- policy public.suppressions engine_update
create policy engine_update on public.suppressions
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.user_roles authenticated_select
create policy authenticated_select on public.user_roles
    for select to authenticated
    using (((user_id = ( SELECT auth.uid() AS uid)) OR ( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin)));

--- policy public.waitlist_campaign_recipients api_select
create policy api_select on public.waitlist_campaign_recipients
    for select to thendo_api
    using (true);

--- policy public.waitlist_campaign_recipients authenticated_select
create policy authenticated_select on public.waitlist_campaign_recipients
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.waitlist_campaign_recipients engine_insert
create policy engine_insert on public.waitlist_campaign_recipients
    for insert to thendo_engine
    with check (true);

--- policy public.waitlist_campaign_recipients engine_select
create policy engine_select on public.waitlist_campaign_recipients
    for select to thendo_engine
    using (true);

--- policy public.waitlist_campaign_recipients engine_update
create policy engine_update on public.waitlist_campaign_recipients
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.waitlist_campaigns api_insert
create policy api_insert on public.waitlist_campaigns
    for insert to thendo_api
    with check (true);

--- policy public.waitlist_campaigns api_select
create policy api_select on public.waitlist_campaigns
    for select to thendo_api
    using (true);

--- policy public.waitlist_campaigns api_update
create policy api_update on public.waitlist_campaigns
    for update to thendo_api
    using (true)
    with check (true);

--- policy public.waitlist_campaigns authenticated_delete
create policy authenticated_delete on public.waitlist_campaigns
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.waitlist_campaigns authenticated_insert
create policy authenticated_insert on public.waitlist_campaigns
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.waitlist_campaigns authenticated_select
create policy authenticated_select on public.waitlist_campaigns
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.waitlist_campaigns authenticated_update
create policy authenticated_update on public.waitlist_campaigns
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.waitlist_campaigns engine_insert
create policy engine_insert on public.waitlist_campaigns
    for insert to thendo_engine
    with check (true);

--- policy public.waitlist_campaigns engine_select
create policy engine_select on public.waitlist_campaigns
    for select to thendo_engine
    using (true);

--- policy public.waitlist_campaigns engine_update
create policy engine_update on public.waitlist_campaigns
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.workflow_actions authenticated_select
create policy authenticated_select on public.workflow_actions
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.workflow_alerts api_select
create policy api_select on public.workflow_alerts
    for select to thendo_api
    using (true);

--- policy public.workflow_alerts engine_select
create policy engine_select on public.workflow_alerts
    for select to thendo_engine
    using (true);

--- policy public.workflow_alerts engine_update
create policy engine_update on public.workflow_alerts
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.workflow_awaits api_select
create policy api_select on public.workflow_awaits
    for select to thendo_api
    using (true);

--- policy public.workflow_awaits engine_delete
create policy engine_delete on public.workflow_awaits
    for delete to thendo_engine
    using (true);

--- policy public.workflow_awaits engine_insert
create policy engine_insert on public.workflow_awaits
    for insert to thendo_engine
    with check (true);

--- policy public.workflow_awaits engine_select
create policy engine_select on public.workflow_awaits
    for select to thendo_engine
    using (true);

--- policy public.workflow_backtests api_insert
create policy api_insert on public.workflow_backtests
    for insert to thendo_api
    with check (true);

--- policy public.workflow_backtests api_select
create policy api_select on public.workflow_backtests
    for select to thendo_api
    using (true);

--- policy public.workflow_backtests api_update
create policy api_update on public.workflow_backtests
    for update to thendo_api
    using (true)
    with check (true);

--- policy public.workflow_backtests engine_delete
create policy engine_delete on public.workflow_backtests
    for delete to thendo_engine
    using (true);

--- policy public.workflow_backtests engine_select
create policy engine_select on public.workflow_backtests
    for select to thendo_engine
    using (true);

--- policy public.workflow_backtests engine_update
create policy engine_update on public.workflow_backtests
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.workflow_conditions authenticated_select
create policy authenticated_select on public.workflow_conditions
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.workflow_daemons api_select
create policy api_select on public.workflow_daemons
    for select to thendo_api
    using (true);

--- policy public.workflow_daemons engine_delete
create policy engine_delete on public.workflow_daemons
    for delete to thendo_engine
    using (true);

--- policy public.workflow_daemons engine_insert
create policy engine_insert on public.workflow_daemons
    for insert to thendo_engine
    with check (true);

--- policy public.workflow_daemons engine_select
create policy engine_select on public.workflow_daemons
    for select to thendo_engine
    using (true);

--- policy public.workflow_daemons engine_update
create policy engine_update on public.workflow_daemons
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.workflow_dead_letters api_select
create policy api_select on public.workflow_dead_letters
    for select to thendo_api
    using (true);

--- policy public.workflow_dead_letters engine_delete
create policy engine_delete on public.workflow_dead_letters
    for delete to thendo_engine
    using (true);

--- policy public.workflow_dead_letters engine_insert
create policy engine_insert on public.workflow_dead_letters
    for insert to thendo_engine
    with check (true);

--- policy public.workflow_dead_letters engine_select
create policy engine_select on public.workflow_dead_letters
    for select to thendo_engine
    using (true);

--- policy public.workflow_deliveries api_select
create policy api_select on public.workflow_deliveries
    for select to thendo_api
    using (true);

--- policy public.workflow_deliveries engine_delete
create policy engine_delete on public.workflow_deliveries
    for delete to thendo_engine
    using (true);

--- policy public.workflow_deliveries engine_insert
create policy engine_insert on public.workflow_deliveries
    for insert to thendo_engine
    with check (true);

--- policy public.workflow_deliveries engine_select
create policy engine_select on public.workflow_deliveries
    for select to thendo_engine
    using (true);

--- policy public.workflow_deliveries engine_update
create policy engine_update on public.workflow_deliveries
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.workflow_effects engine_insert
create policy engine_insert on public.workflow_effects
    for insert to thendo_engine
    with check (true);

--- policy public.workflow_effects engine_select
create policy engine_select on public.workflow_effects
    for select to thendo_engine
    using (true);

--- policy public.workflow_events api_select
create policy api_select on public.workflow_events
    for select to thendo_api
    using (true);

--- policy public.workflow_events engine_select
create policy engine_select on public.workflow_events
    for select to thendo_engine
    using (true);

--- policy public.workflow_executions api_select
create policy api_select on public.workflow_executions
    for select to thendo_api
    using (true);

--- policy public.workflow_executions authenticated_select
create policy authenticated_select on public.workflow_executions
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.workflow_executions engine_insert
create policy engine_insert on public.workflow_executions
    for insert to thendo_engine
    with check (true);

--- policy public.workflow_executions engine_select
create policy engine_select on public.workflow_executions
    for select to thendo_engine
    using (true);

--- policy public.workflow_flow engine_delete
create policy engine_delete on public.workflow_flow
    for delete to thendo_engine
    using (true);

--- policy public.workflow_flow engine_insert
create policy engine_insert on public.workflow_flow
    for insert to thendo_engine
    with check (true);

--- policy public.workflow_flow engine_select
create policy engine_select on public.workflow_flow
    for select to thendo_engine
    using (true);

--- policy public.workflow_flow engine_update
create policy engine_update on public.workflow_flow
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.workflow_hands engine_delete
create policy engine_delete on public.workflow_hands
    for delete to thendo_engine
    using (true);

--- policy public.workflow_hands engine_insert
create policy engine_insert on public.workflow_hands
    for insert to thendo_engine
    with check (true);

--- policy public.workflow_hands engine_select
create policy engine_select on public.workflow_hands
    for select to thendo_engine
    using (true);

--- policy public.workflow_hands engine_update
create policy engine_update on public.workflow_hands
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.workflow_holds api_select
create policy api_select on public.workflow_holds
    for select to thendo_api
    using (true);

--- policy public.workflow_holds engine_select
create policy engine_select on public.workflow_holds
    for select to thendo_engine
    using (true);

--- policy public.workflow_plan_epoch engine_select
create policy engine_select on public.workflow_plan_epoch
    for select to thendo_engine
    using (true);

--- policy public.workflow_plan_epoch engine_update
create policy engine_update on public.workflow_plan_epoch
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.workflow_queue api_select
create policy api_select on public.workflow_queue
    for select to thendo_api
    using (true);

--- policy public.workflow_queue engine_delete
create policy engine_delete on public.workflow_queue
    for delete to thendo_engine
    using (true);

--- policy public.workflow_queue engine_insert
create policy engine_insert on public.workflow_queue
    for insert to thendo_engine
    with check (true);

--- policy public.workflow_queue engine_select
create policy engine_select on public.workflow_queue
    for select to thendo_engine
    using (true);

--- policy public.workflow_replays api_select
create policy api_select on public.workflow_replays
    for select to thendo_api
    using (true);

--- policy public.workflow_rows engine_select
create policy engine_select on public.workflow_rows
    for select to thendo_engine
    using (true);

--- policy public.workflow_schedules api_select
create policy api_select on public.workflow_schedules
    for select to thendo_api
    using (true);

--- policy public.workflow_schedules authenticated_select
create policy authenticated_select on public.workflow_schedules
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.workflow_schedules engine_select
create policy engine_select on public.workflow_schedules
    for select to thendo_engine
    using (true);

--- policy public.workflow_secrets api_delete
create policy api_delete on public.workflow_secrets
    for delete to thendo_api
    using (true);

--- policy public.workflow_secrets api_insert
create policy api_insert on public.workflow_secrets
    for insert to thendo_api
    with check (true);

--- policy public.workflow_secrets api_select
create policy api_select on public.workflow_secrets
    for select to thendo_api
    using (true);

--- policy public.workflow_secrets api_update
create policy api_update on public.workflow_secrets
    for update to thendo_api
    using (true)
    with check (true);

--- policy public.workflow_strikes engine_delete
create policy engine_delete on public.workflow_strikes
    for delete to thendo_engine
    using (true);

--- policy public.workflow_strikes engine_insert
create policy engine_insert on public.workflow_strikes
    for insert to thendo_engine
    with check (true);

--- policy public.workflow_strikes engine_select
create policy engine_select on public.workflow_strikes
    for select to thendo_engine
    using (true);

--- policy public.workflow_strikes engine_update
create policy engine_update on public.workflow_strikes
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.workflow_triggers api_select
create policy api_select on public.workflow_triggers
    for select to thendo_api
    using (true);

--- policy public.workflow_triggers authenticated_select
create policy authenticated_select on public.workflow_triggers
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.workflow_undone api_select
create policy api_select on public.workflow_undone
    for select to thendo_api
    using (true);

--- policy public.workflow_undone engine_insert
create policy engine_insert on public.workflow_undone
    for insert to thendo_engine
    with check (true);

--- policy public.workflow_undone engine_select
create policy engine_select on public.workflow_undone
    for select to thendo_engine
    using (true);

--- policy public.workflow_versions api_select
create policy api_select on public.workflow_versions
    for select to thendo_api
    using (true);

--- policy public.workflow_versions authenticated_select
create policy authenticated_select on public.workflow_versions
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.workflow_versions engine_select
create policy engine_select on public.workflow_versions
    for select to thendo_engine
    using (true);

--- policy public.workflow_waiting api_select
create policy api_select on public.workflow_waiting
    for select to thendo_api
    using (true);

--- policy public.workflow_waiting engine_delete
create policy engine_delete on public.workflow_waiting
    for delete to thendo_engine
    using (true);

--- policy public.workflow_waiting engine_insert
create policy engine_insert on public.workflow_waiting
    for insert to thendo_engine
    with check (true);

--- policy public.workflow_waiting engine_select
create policy engine_select on public.workflow_waiting
    for select to thendo_engine
    using (true);

--- policy public.workflow_waiting engine_update
create policy engine_update on public.workflow_waiting
    for update to thendo_engine
    using (true)
    with check (true);

--- policy public.workflows api_insert
create policy api_insert on public.workflows
    for insert to thendo_api
    with check (true);

--- policy public.workflows api_select
create policy api_select on public.workflows
    for select to thendo_api
    using (true);

--- policy public.workflows api_update
create policy api_update on public.workflows
    for update to thendo_api
    using (true)
    with check (true);

--- policy public.workflows authenticated_delete
create policy authenticated_delete on public.workflows
    for delete to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.workflows authenticated_insert
create policy authenticated_insert on public.workflows
    for insert to authenticated
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.workflows authenticated_select
create policy authenticated_select on public.workflows
    for select to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.workflows authenticated_update
create policy authenticated_update on public.workflows
    for update to authenticated
    using (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin))
    with check (( SELECT public.is_admin(( SELECT auth.uid() AS uid)) AS is_admin));

--- policy public.workflows engine_select
create policy engine_select on public.workflows
    for select to thendo_engine
    using (true);
