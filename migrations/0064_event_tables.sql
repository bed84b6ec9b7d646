-- Which tables record events, and how. One row each; writing a row puts it into effect at once.
-- Statement triggers with transition tables: on bulk writes they cost less than row triggers, and zero
-- rows cost next to nothing.
create table public.event_tables (
    table_name     text primary key,
    domain         text not null check (domain in ('orders', 'billing', 'customers', 'products', 'waitlist', 'content',
                   'marketing', 'loyalty', 'shop')),
    entity_column  text not null,
    key_columns    text[] not null default '{id}' check (cardinality(key_columns) > 0),
    recorded       text not null default 'all' check (recorded in ('all', 'subscribed', 'none')),
    hidden_columns text[] not null default '{}',
    attached       boolean not null default true,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.event_tables is
    'Tables whose changes are events. Writing a row attaches or removes the table''s triggers.';
comment on column public.event_tables.table_name is 'A table of the schema public, as the catalog spells it.';
comment on column public.event_tables.domain is 'The channel that wakes the engine is thendo_DOMAIN; the daemon listens to those named here.';
comment on column public.event_tables.entity_column is
    'Names whose events are handled in order, by default the customer; where it is null, the row''s key does.';
comment on column public.event_tables.key_columns is 'Unique together: pairs a row with what it was before an update.';
comment on column public.event_tables.recorded is
    'all: every change. subscribed: while a published workflow listens to the table. none: nothing.';
comment on column public.event_tables.hidden_columns is
    'Never enter an event, beside those that hidden_columns_of() finds by name and type.';
comment on column public.event_tables.attached is
    'False after detach_events(): there are no triggers until attach_events().';

select public.audit('public.event_tables');

-- What the row says can be done: a typing error must not first be noticed when a customer orders.
create function public.check_event_table(setting public.event_tables, of_table oid) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.check_event_table(public.event_tables, oid) is
    'Refuses what record_event() could not work with: columns that are missing or hidden, a key that is none.';

-- Replaced where they are and dropped only where there shall be none: replacing holds up writers for a
-- moment, dropping readers too.
create function public.put_event_triggers(setting public.event_tables) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.put_event_triggers(public.event_tables) is
    'Makes a table''s triggers what its row in event_tables says; false where there is no such table.';

create function public.event_table_written() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.event_table_written() is 'After-write trigger of event_tables: puts the row into effect.';

create trigger event_table_written after insert or update or delete on public.event_tables
    for each row execute function public.event_table_written();

create function public.record_events_of(
    table_name text, domain text, entity_column text default 'customer_id', recorded text default 'all',
    key_columns text[] default '{id}', hidden_columns text[] default '{}'
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.record_events_of(text, text, text, text, text[], text[]) is
    'Has a table record its changes as events; again with other settings to change them.';

create function public.attach_events() returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
    with attached as (update public.event_tables set attached = true returning table_name)
    select count(*)::integer from attached
    where to_regclass(format('public.%I', table_name)) is not null
$$;
comment on function public.attach_events() is
    'Puts the triggers of all tables in event_tables in place, as their rows say; how many tables there are.';

create function public.detach_events() returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
    with detached as (update public.event_tables set attached = false where attached returning table_name)
    select count(*)::integer from detached
    where to_regclass(format('public.%I', table_name)) is not null
$$;
comment on function public.detach_events() is
    'Removes the triggers that record events and keeps the settings, for attach_events(); of how many tables.';


-- What the shop does. Each table's events are ordered by its customer, where it has one.
select public.record_events_of(t.table_name, t.domain, t.entity_column, t.recorded, t.key_columns, t.hidden_columns)
  from (values
    ('orders', 'orders', 'customer_id', 'all', '{id}'::text[], '{}'::text[]),
    ('deposits', 'orders', 'order_id', 'all', '{id}', '{}'),
    ('quotes', 'orders', 'customer_id', 'all', '{id}', '{}'),
    ('enrollments', 'orders', 'customer_id', 'all', '{id}', '{}'),
    ('subscriptions', 'billing', 'customer_id', 'all', '{id}', '{}'),
    ('stripe_customers', 'billing', 'customer_id', 'all', '{id}', '{}'),
    ('customers', 'customers', 'id', 'all', '{id}', '{}'),
    ('saved_addresses', 'customers', 'user_id', 'all', '{id}', '{}'),
    ('user_roles', 'customers', 'user_id', 'all', '{id}', '{}'),
    ('project_comments', 'customers', 'order_id', 'all', '{id}', '{}'),
    ('google_calendar_tokens', 'customers', 'user_id', 'all', '{id}', '{}'),
    ('product_categories', 'products', 'id', 'all', '{id}', '{}'),
    ('product_category_mappings', 'products', 'product_id', 'all', '{product_id,category_id}', '{}'),
    ('reviews', 'products', 'customer_id', 'all', '{id}', '{}'),
    ('product_waitlist', 'waitlist', 'customer_id', 'all', '{id}', '{}'),
    ('pages', 'content', 'id', 'all', '{id}', '{}'),
    ('page_content', 'content', 'page_id', 'all', '{id}', '{}'),
    -- Each of its rows tells of a change that is an event of page_content already.
    ('page_content_history', 'content', 'page_id', 'none', '{id}', '{}'),
    ('page_views', 'content', 'page_id', 'subscribed', '{id}', '{}'),
    ('blog_posts', 'content', 'id', 'all', '{id}', '{}'),
    ('changelog_entries', 'content', 'id', 'all', '{id}', '{}'),
    ('email_templates', 'marketing', 'id', 'all', '{id}', '{}'),
    ('waitlist_campaigns', 'marketing', 'id', 'all', '{id}', '{}'),
    ('waitlist_campaign_recipients', 'marketing', 'customer_id', 'all', '{id}', '{}'),
    ('campaign_opens', 'marketing', 'recipient_id', 'subscribed', '{id}', '{}'),
    ('campaign_clicks', 'marketing', 'recipient_id', 'subscribed', '{id}', '{}'),
    ('loyalty_points', 'loyalty', 'customer_id', 'all', '{customer_id}', '{}'),
    -- Its sum is in loyalty_points, whose changes are events.
    ('loyalty_ledger', 'loyalty', 'customer_id', 'subscribed', '{id}', '{}'),
    ('referral_codes', 'loyalty', 'customer_id', 'all', '{id}', '{}'),
    ('oauth_providers', 'shop', 'id', 'all', '{id}', '{}'),
    ('product', 'products', 'id', 'all', '{id}', '{}'),
    ('product_variant', 'products', 'product_id', 'all', '{id}', '{}'),
    ('customer', 'customers', 'id', 'all', '{id}', '{}'),
    ('cart', 'orders', 'customer_id', 'all', '{id}', '{}'),
    -- What happens to an order is an event of orders, whoever placed it; these tell what Medusa did in detail.
    ('order', 'orders', 'customer_id', 'all', '{id}', '{}'),
    ('order_item', 'orders', 'order_id', 'all', '{id}', '{}'),
    ('order_fulfillment', 'orders', 'order_id', 'all', '{order_id,fulfillment_id}', '{}'),
    -- What its provider keeps there may be secret.
    ('payment', 'billing', 'id', 'all', '{id}', '{data}')
  ) as t (table_name, domain, entity_column, recorded, key_columns, hidden_columns);
