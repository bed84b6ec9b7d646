-- The whole schema `public` as the migrations leave it. Generated from a fresh database by `make schema`; never edited.
-- Applied from top to bottom to an empty database that has the schema auth (migrations/shim/auth.sql), it makes the
-- same. Each line of three dashes names the object that the statements below it make: `thendo migrate --adopt` looks
-- them up there.


-- ==== Before all

--- settings
set check_function_bodies = off;

--- grants schema public
revoke all on schema public from public, anon, authenticated, service_role;
grant usage on schema public to public;
grant usage on schema public to service_role;


-- ==== Functions

--- function public.mark_checked(uuid, bigint, text, jsonb)
CREATE OR REPLACE FUNCTION public.mark_checked(of_workflow uuid, of_revision bigint, with_health text, with_diagnostics jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO ''
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
        perform pg_advisory_xact_lock(1952998511, 1);
        update public.workflow_versions v set active_to = clock_timestamp()
          where v.workflow_id = of_workflow and v.active_to is null;
        update public.workflow_plan_epoch set epoch = epoch + 1;
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

--- function public.put_in_force(uuid, bigint, text, jsonb)
CREATE OR REPLACE FUNCTION public.put_in_force(of_workflow uuid, of_revision bigint, of_hash text, with_diagnostics jsonb)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
    drawn           jsonb;
    current_version public.workflow_versions;
    next_number     integer;
    moment          timestamptz;
begin
    select w.definition into drawn from public.workflows w
      where w.id = of_workflow and w.revision = of_revision and w.status = 'published' for update skip locked;
    if not found then
        return null; -- Edited again, or being edited: that edit has its own notification.
    end if;
    -- 1952998511 is 'thdo'; 1 the lock between publishing (exclusive) and claiming (shared).
    perform pg_advisory_xact_lock(1952998511, 1);
    perform set_config('thendo.checking', 'on', true);
    moment := clock_timestamp();
    select * into current_version from public.workflow_versions v
      where v.workflow_id = of_workflow and v.active_to is null;
    if current_version.hash = of_hash then
        next_number := current_version.number;
    else
        update public.workflow_versions v set active_to = moment
          where v.workflow_id = of_workflow and v.active_to is null;
        select coalesce(max(v.number), 0) + 1 into next_number
          from public.workflow_versions v where v.workflow_id = of_workflow;
        insert into public.workflow_versions (workflow_id, number, hash, definition, active_from)
        values (of_workflow, next_number, of_hash, drawn, moment);
        update public.workflow_plan_epoch set epoch = epoch + 1;
    end if;
    update public.workflows w
       set health = 'valid', diagnostics = with_diagnostics, checked_at = moment, live_version = next_number
     where w.id = of_workflow;
    return next_number;
end
$function$;

--- comment-on-function public.put_in_force(uuid, bigint, text, jsonb)
comment on function public.put_in_force(uuid, bigint, text, jsonb) is 'Makes a compiled revision the version in force; returns its number, null if the row was edited meanwhile.';

--- grants-on-function public.put_in_force(uuid, bigint, text, jsonb)
revoke all on function public.put_in_force(uuid, bigint, text, jsonb) from public, anon, authenticated, service_role;

--- function public.record_event()
CREATE OR REPLACE FUNCTION public.record_event()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
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
$function$;

--- comment-on-function public.record_event()
comment on function public.record_event() is 'Statement trigger: records each changed row as an event, queues it, and wakes the engine if it sleeps.';

--- grants-on-function public.record_event()
revoke all on function public.record_event() from public, anon, authenticated, service_role;

--- function public.set_updated_at()
CREATE OR REPLACE FUNCTION public.set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
    new.updated_at := clock_timestamp();
    return new;
end
$function$;

--- comment-on-function public.set_updated_at()
comment on function public.set_updated_at() is 'Before-update trigger of every audited table: keeps updated_at.';

--- grants-on-function public.set_updated_at()
revoke all on function public.set_updated_at() from public, anon, authenticated, service_role;
grant execute on function public.set_updated_at() to public;

--- function public.without_long_values(jsonb)
CREATE OR REPLACE FUNCTION public.without_long_values(whole jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO ''
AS $function$
    select coalesce(jsonb_object_agg(key, value) filter (where octet_length(value::text) <= 1024), '{}')
    from jsonb_each(whole)
$function$;

--- comment-on-function public.without_long_values(jsonb)
comment on function public.without_long_values(jsonb) is 'The object without members over 1 KiB.';

--- grants-on-function public.without_long_values(jsonb)
revoke all on function public.without_long_values(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.without_long_values(jsonb) to public;

--- function public.workflow_deleted()
CREATE OR REPLACE FUNCTION public.workflow_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
begin
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
 SET search_path TO ''
AS $function$
begin
    if tg_op = 'INSERT' then
        new.health := 'unchecked';
        new.diagnostics := '[]';
        new.checked_at := null;
        new.live_version := null;
        new.revision := 1;
    elsif coalesce(current_setting('thendo.checking', true), '') <> 'on' then
        new.health := old.health;
        new.diagnostics := old.diagnostics;
        new.checked_at := old.checked_at;
        new.live_version := old.live_version;
        new.revision := old.revision;
        if new.definition is distinct from old.definition or new.status is distinct from old.status then
            new.health := 'unchecked';
            new.revision := old.revision + 1;
        end if;
    end if;
    if new.health = 'unchecked' then
        perform pg_notify('thendo_workflows', '');
    end if;
    return new;
end
$function$;

--- comment-on-function public.workflow_edited()
comment on function public.workflow_edited() is 'Before-write trigger of workflows: what was edited is checked again.';

--- grants-on-function public.workflow_edited()
revoke all on function public.workflow_edited() from public, anon, authenticated, service_role;


-- ==== Tables, each with what belongs to it

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
    created_by   uuid,
    constraint blog_posts_pkey PRIMARY KEY (id),
    constraint blog_posts_slug_key UNIQUE (slug),
    constraint blog_posts_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text, 'archived'::text])))
);

--- comment public.blog_posts
comment on table public.blog_posts is 'An article of the blog.';

--- index public.blog_posts idx_blog_posts_published_at
CREATE INDEX idx_blog_posts_published_at ON public.blog_posts USING btree (published_at DESC);

--- trigger public.blog_posts record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.blog_posts REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id');

--- trigger public.blog_posts record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.blog_posts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id');

--- trigger public.blog_posts record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.blog_posts REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id');

--- trigger public.blog_posts set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.blog_posts FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- grants public.blog_posts
revoke all on public.blog_posts from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.blog_posts to service_role;

--- table public.customers
create table public.customers (
    id          uuid not null default gen_random_uuid(),
    user_id     uuid,
    email       text not null,
    name        text,
    phone       text,
    locale      text not null default 'en'::text,
    preferences jsonb not null default '{}'::jsonb,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid,
    constraint customers_pkey PRIMARY KEY (id),
    constraint customers_email_key UNIQUE (email),
    constraint customers_user_id_key UNIQUE (user_id),
    constraint customers_email_check CHECK (((length(email) >= 3) AND (length(email) <= 320))),
    constraint customers_preferences_check CHECK ((jsonb_typeof(preferences) = 'object'::text))
);

--- comment public.customers
comment on table public.customers is 'A customer: who they are and what they prefer.';
comment on column public.customers.user_id is 'The account in auth.users, where the customer has one.';
comment on column public.customers.preferences is 'Free settings of the shop, an object.';

--- trigger public.customers set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- grants public.customers
revoke all on public.customers from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.customers to service_role;

--- table public.deposits
create table public.deposits (
    id           uuid not null default gen_random_uuid(),
    order_id     uuid not null,
    amount       bigint not null,
    currency     text not null default 'EUR'::text,
    due_date     timestamp with time zone not null,
    status       text not null default 'pending'::text,
    execution_id uuid,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid,
    constraint deposits_pkey PRIMARY KEY (id),
    constraint deposits_amount_check CHECK ((amount > 0)),
    constraint deposits_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    constraint deposits_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'paid'::text, 'waived'::text, 'refunded'::text])))
);

--- comment public.deposits
comment on table public.deposits is 'A deposit asked for on an order.';
comment on column public.deposits.amount is 'In the currency''s minor unit: 12500 is 125.00.';
comment on column public.deposits.due_date is 'Until when it is to be paid.';
comment on column public.deposits.execution_id is 'The workflow execution that asked for it, if one did.';

--- index public.deposits idx_deposits_due_date
CREATE INDEX idx_deposits_due_date ON public.deposits USING btree (due_date) WHERE (status = 'pending'::text);

--- index public.deposits idx_deposits_order_id
CREATE INDEX idx_deposits_order_id ON public.deposits USING btree (order_id);

--- trigger public.deposits set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.deposits FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- grants public.deposits
revoke all on public.deposits from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.deposits to service_role;

--- table public.loyalty_ledger
create table public.loyalty_ledger (
    id           uuid not null,
    customer_id  uuid not null,
    order_id     uuid,
    points       bigint not null,
    reason       text not null,
    execution_id uuid,
    created_at   timestamp with time zone not null default now(),
    constraint loyalty_ledger_pkey PRIMARY KEY (id),
    constraint loyalty_ledger_points_check CHECK ((points <> 0))
);

--- comment public.loyalty_ledger
comment on table public.loyalty_ledger is 'Points earned and spent, line by line. Never changed, only reversed.';
comment on column public.loyalty_ledger.points is 'Positive: earned. Negative: spent or reversed.';

--- index public.loyalty_ledger idx_loyalty_ledger_customer_id
CREATE INDEX idx_loyalty_ledger_customer_id ON public.loyalty_ledger USING btree (customer_id, created_at DESC);

--- index public.loyalty_ledger idx_loyalty_ledger_order_id
CREATE INDEX idx_loyalty_ledger_order_id ON public.loyalty_ledger USING btree (order_id);

--- row-security public.loyalty_ledger
alter table public.loyalty_ledger enable row level security;

--- grants public.loyalty_ledger
revoke all on public.loyalty_ledger from public, anon, authenticated, service_role;
grant select on public.loyalty_ledger to service_role;

--- table public.loyalty_points
create table public.loyalty_points (
    customer_id uuid not null,
    balance     bigint not null default 0,
    created_at  timestamp with time zone not null default now(),
    updated_at  timestamp with time zone not null default now(),
    created_by  uuid,
    constraint loyalty_points_pkey PRIMARY KEY (customer_id),
    constraint loyalty_points_balance_check CHECK ((balance >= 0))
);

--- comment public.loyalty_points
comment on table public.loyalty_points is 'Points balance, one row per customer; always the sum of the ledger.';

--- trigger public.loyalty_points set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.loyalty_points FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- row-security public.loyalty_points
alter table public.loyalty_points enable row level security;

--- grants public.loyalty_points
revoke all on public.loyalty_points from public, anon, authenticated, service_role;
grant select on public.loyalty_points to service_role;

--- table public.orders
create table public.orders (
    id              uuid not null default gen_random_uuid(),
    customer_id     uuid not null,
    status          text not null default 'pending'::text,
    total           bigint not null,
    currency        text not null default 'EUR'::text,
    medusa_order_id text,
    note            text,
    created_at      timestamp with time zone not null default now(),
    updated_at      timestamp with time zone not null default now(),
    created_by      uuid,
    constraint orders_pkey PRIMARY KEY (id),
    constraint orders_medusa_order_id_key UNIQUE (medusa_order_id),
    constraint orders_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    constraint orders_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'processing'::text, 'completed'::text, 'cancelled'::text, 'refunded'::text]))),
    constraint orders_total_check CHECK ((total >= 0))
);

--- comment public.orders
comment on table public.orders is 'An order placed in the shop.';
comment on column public.orders.total is 'In the currency''s minor unit: 25000 is 250.00.';
comment on column public.orders.currency is 'ISO 4217, upper case.';
comment on column public.orders.medusa_order_id is 'The same order in Medusa, where Medusa has it.';

--- index public.orders idx_orders_customer_id
CREATE INDEX idx_orders_customer_id ON public.orders USING btree (customer_id);

--- index public.orders idx_orders_status_created_at
CREATE INDEX idx_orders_status_created_at ON public.orders USING btree (status, created_at DESC);

--- trigger public.orders record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.orders REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id');

--- trigger public.orders record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.orders REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id');

--- trigger public.orders record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.orders REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('orders', 'customer_id');

--- trigger public.orders set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.orders FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- grants public.orders
revoke all on public.orders from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.orders to service_role;

--- table public.page_content
create table public.page_content (
    id         uuid not null default gen_random_uuid(),
    page_id    uuid not null,
    section    text not null,
    content    jsonb not null default '{"blocks": []}'::jsonb,
    status     text not null default 'draft'::text,
    created_at timestamp with time zone not null default now(),
    updated_at timestamp with time zone not null default now(),
    created_by uuid,
    constraint page_content_pkey PRIMARY KEY (id),
    constraint page_content_page_id_section_key UNIQUE (page_id, section),
    constraint page_content_content_check CHECK ((jsonb_typeof(content) = 'object'::text)),
    constraint page_content_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text])))
);

--- comment public.page_content
comment on table public.page_content is 'Content of one section of a page.';
comment on column public.page_content.content is '{"blocks": [{"type", "props"}]}';

--- trigger public.page_content record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.page_content REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'page_id');

--- trigger public.page_content record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.page_content REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'page_id');

--- trigger public.page_content record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.page_content REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'page_id');

--- trigger public.page_content set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.page_content FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- grants public.page_content
revoke all on public.page_content from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.page_content to service_role;

--- table public.pages
create table public.pages (
    id           uuid not null default gen_random_uuid(),
    slug         text not null,
    title        text not null,
    status       text not null default 'draft'::text,
    published_at timestamp with time zone,
    created_at   timestamp with time zone not null default now(),
    updated_at   timestamp with time zone not null default now(),
    created_by   uuid,
    constraint pages_pkey PRIMARY KEY (id),
    constraint pages_slug_key UNIQUE (slug),
    constraint pages_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text, 'archived'::text])))
);

--- comment public.pages
comment on table public.pages is 'A page of the site.';
comment on column public.pages.slug is 'Its place in the URL.';

--- trigger public.pages record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.pages REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id');

--- trigger public.pages record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.pages REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id');

--- trigger public.pages record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.pages REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('content', 'id');

--- trigger public.pages set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.pages FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- grants public.pages
revoke all on public.pages from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.pages to service_role;

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
    created_by  uuid,
    constraint product_waitlist_pkey PRIMARY KEY (id),
    constraint product_waitlist_email_check CHECK (((length(email) >= 3) AND (length(email) <= 320))),
    constraint product_waitlist_status_check CHECK ((status = ANY (ARRAY['waiting'::text, 'notified'::text, 'converted'::text, 'cancelled'::text])))
);

--- comment public.product_waitlist
comment on table public.product_waitlist is 'A sign-up to hear when a product is back in stock.';
comment on column public.product_waitlist.product_id is 'Medusa''s id of the product: text, prod_….';

--- index public.product_waitlist idx_product_waitlist_customer_id
CREATE INDEX idx_product_waitlist_customer_id ON public.product_waitlist USING btree (customer_id);

--- index public.product_waitlist idx_product_waitlist_once
CREATE UNIQUE INDEX idx_product_waitlist_once ON public.product_waitlist USING btree (product_id, COALESCE(variant_id, ''::text), lower(email)) WHERE (status = 'waiting'::text);

--- trigger public.product_waitlist record_delete
CREATE TRIGGER record_delete AFTER DELETE ON public.product_waitlist REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('waitlist', 'customer_id');

--- trigger public.product_waitlist record_insert
CREATE TRIGGER record_insert AFTER INSERT ON public.product_waitlist REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('waitlist', 'customer_id');

--- trigger public.product_waitlist record_update
CREATE TRIGGER record_update AFTER UPDATE ON public.product_waitlist REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.record_event('waitlist', 'customer_id');

--- trigger public.product_waitlist set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.product_waitlist FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- grants public.product_waitlist
revoke all on public.product_waitlist from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.product_waitlist to service_role;

--- table public.workflow_deliveries
create table public.workflow_deliveries (
    id           uuid not null,
    execution_id uuid not null,
    node_id      text not null,
    kind         text not null,
    lane         smallint not null,
    payload      jsonb not null,
    status       text not null default 'pending'::text,
    attempt      smallint not null default 0,
    due_at       timestamp with time zone not null default now(),
    lease_token  uuid,
    lease_until  timestamp with time zone,
    repeatable   boolean not null default false,
    result       jsonb,
    finished_at  timestamp with time zone,
    created_at   timestamp with time zone not null default now(),
    constraint workflow_deliveries_pkey PRIMARY KEY (id),
    constraint leased_while_sending CHECK ((((status = 'sending'::text) = (lease_token IS NOT NULL)) AND ((status = 'sending'::text) = (lease_until IS NOT NULL)))),
    constraint workflow_deliveries_kind_check CHECK ((kind = 'email'::text)),
    constraint workflow_deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'sending'::text, 'sent'::text, 'refused'::text, 'unknown'::text])))
);

--- comment public.workflow_deliveries
comment on table public.workflow_deliveries is 'One mail or request on its way out, and what became of it.';
comment on column public.workflow_deliveries.id is 'Derived from execution, node and item; also the idempotency key.';
comment on column public.workflow_deliveries.status is 'pending: to be sent when due. sending: handed over, committed before the first byte. sent: accepted. refused: given up. unknown: nobody can say whether it arrived; never repeated unasked.';
comment on column public.workflow_deliveries.lease_until is 'After this instant its sender counts as dead.';
comment on column public.workflow_deliveries.repeatable is 'Sending it again is harmless with the transport in use: a lost lease is tried again.';

--- index public.workflow_deliveries idx_workflow_deliveries_due
CREATE INDEX idx_workflow_deliveries_due ON public.workflow_deliveries USING btree (due_at) WHERE (status = 'pending'::text);

--- index public.workflow_deliveries idx_workflow_deliveries_execution_id
CREATE INDEX idx_workflow_deliveries_execution_id ON public.workflow_deliveries USING btree (execution_id);

--- index public.workflow_deliveries idx_workflow_deliveries_leased
CREATE INDEX idx_workflow_deliveries_leased ON public.workflow_deliveries USING btree (lease_until) WHERE (status = 'sending'::text);

--- row-security public.workflow_deliveries
alter table public.workflow_deliveries enable row level security;

--- grants public.workflow_deliveries
revoke all on public.workflow_deliveries from public, anon, authenticated, service_role;

--- table public.workflow_events
create table public.workflow_events (
    id         uuid not null,
    at         timestamp with time zone not null,
    table_name text not null,
    operation  text not null,
    entity     text not null,
    row_data   jsonb not null,
    old_data   jsonb,
    truncated  boolean not null default false,
    constraint workflow_events_pkey PRIMARY KEY (at, id),
    constraint workflow_events_operation_check CHECK ((operation = ANY (ARRAY['insert'::text, 'update'::text, 'delete'::text])))
) partition by RANGE (at);

--- comment public.workflow_events
comment on table public.workflow_events is 'One change of one business row.';
comment on column public.workflow_events.at is 'clock_timestamp() in the trigger: now() is the transaction''s start and would reverse events.';
comment on column public.workflow_events.entity is 'Whose events are handled in order: the row''s customer where it has one, else the row.';
comment on column public.workflow_events.row_data is 'The row after the operation; before it, for a delete.';
comment on column public.workflow_events.old_data is 'Former values of the columns that an update changed.';
comment on column public.workflow_events.truncated is 'The row was too large: its long values are missing.';

--- row-security public.workflow_events
alter table public.workflow_events enable row level security;

--- grants public.workflow_events
revoke all on public.workflow_events from public, anon, authenticated, service_role;

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

--- index public.workflow_executions idx_workflow_executions_workflow_id
CREATE INDEX idx_workflow_executions_workflow_id ON public.workflow_executions USING btree (workflow_id, event_at DESC);

--- row-security public.workflow_executions
alter table public.workflow_executions enable row level security;

--- grants public.workflow_executions
revoke all on public.workflow_executions from public, anon, authenticated, service_role;
grant select on public.workflow_executions to service_role;

--- table public.workflow_executions_default
create table public.workflow_executions_default partition of public.workflow_executions default;

--- row-security public.workflow_executions_default
alter table public.workflow_executions_default enable row level security;

--- grants public.workflow_executions_default
revoke all on public.workflow_executions_default from public, anon, authenticated, service_role;

--- table public.workflow_plan_epoch
create table public.workflow_plan_epoch (
    single boolean not null default true,
    epoch  bigint not null,
    constraint workflow_plan_epoch_pkey PRIMARY KEY (single),
    constraint workflow_plan_epoch_single_check CHECK (single)
);

--- rows public.workflow_plan_epoch
insert into public.workflow_plan_epoch (single, epoch)
values
    (true, 1)
on conflict do nothing;

--- comment public.workflow_plan_epoch
comment on table public.workflow_plan_epoch is 'Tells every daemon that the versions in force changed.';

--- row-security public.workflow_plan_epoch
alter table public.workflow_plan_epoch enable row level security;

--- grants public.workflow_plan_epoch
revoke all on public.workflow_plan_epoch from public, anon, authenticated, service_role;

--- table public.workflow_queue
create table public.workflow_queue (
    id           bigint not null generated always as identity,
    due_at       timestamp with time zone not null,
    lane         smallint not null,
    event_at     timestamp with time zone,
    event_id     uuid,
    execution_id uuid,
    constraint workflow_queue_pkey PRIMARY KEY (lane, due_at, id),
    constraint event_with_its_time CHECK (((event_id IS NULL) = (event_at IS NULL))),
    constraint starts_or_resumes CHECK ((num_nonnulls(event_id, execution_id) = 1)),
    constraint workflow_queue_lane_check CHECK (((lane >= 0) AND (lane <= 63)))
);

--- comment public.workflow_queue
comment on table public.workflow_queue is 'Events to start executions for, and executions to go on with.';
comment on column public.workflow_queue.due_at is 'Earliest instant of the claim, on the database''s clock.';

--- storage public.workflow_queue
alter table public.workflow_queue set (autovacuum_vacuum_cost_delay = '0', autovacuum_vacuum_insert_threshold = '-1', autovacuum_vacuum_scale_factor = '0.0', autovacuum_vacuum_threshold = '5000', fillfactor = '90');

--- row-security public.workflow_queue
alter table public.workflow_queue enable row level security;

--- grants public.workflow_queue
revoke all on public.workflow_queue from public, anon, authenticated, service_role;

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

--- index public.workflow_versions idx_workflow_versions_one_in_force
CREATE UNIQUE INDEX idx_workflow_versions_one_in_force ON public.workflow_versions USING btree (workflow_id) WHERE (active_to IS NULL);

--- row-security public.workflow_versions
alter table public.workflow_versions enable row level security;

--- grants public.workflow_versions
revoke all on public.workflow_versions from public, anon, authenticated, service_role;
grant select on public.workflow_versions to service_role;

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
    constraint workflow_waiting_pkey PRIMARY KEY (id)
);

--- comment public.workflow_waiting
comment on table public.workflow_waiting is 'An execution that waits for a delivery, a time or an event.';
comment on column public.workflow_waiting.state is 'Context and steps so far, as the engine saved them.';

--- index public.workflow_waiting idx_workflow_waiting_workflow_id
CREATE INDEX idx_workflow_waiting_workflow_id ON public.workflow_waiting USING btree (workflow_id);

--- row-security public.workflow_waiting
alter table public.workflow_waiting enable row level security;

--- grants public.workflow_waiting
revoke all on public.workflow_waiting from public, anon, authenticated, service_role;

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
    created_by   uuid,
    constraint workflows_pkey PRIMARY KEY (id),
    constraint workflows_definition_check CHECK (((jsonb_typeof(definition) = 'object'::text) AND (definition ? 'nodes'::text) AND (definition ? 'edges'::text))),
    constraint workflows_diagnostics_check CHECK ((jsonb_typeof(diagnostics) = 'array'::text)),
    constraint workflows_health_check CHECK ((health = ANY (ARRAY['unchecked'::text, 'valid'::text, 'broken'::text]))),
    constraint workflows_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    constraint workflows_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text, 'archived'::text])))
);

--- comment public.workflows
comment on table public.workflows is 'A workflow: the draft that admins edit, and its state. Versions are in workflow_versions.';
comment on column public.workflows.status is 'draft: not running. published: compiled and run for every event from then on. archived: not running, kept for its history.';
comment on column public.workflows.definition is 'React Flow JSON: {"nodes": […], "edges": […]}.';
comment on column public.workflows.revision is 'Rises with every edit of definition or status: which edit a verdict is about.';
comment on column public.workflows.health is 'What the compiler said of the definition. broken: see diagnostics; the last version that compiled stays in force.';
comment on column public.workflows.diagnostics is 'List of {severity, code, node, edge, path, message, help}.';
comment on column public.workflows.live_version is 'Number of the version in force; null while none is.';

--- index public.workflows idx_workflows_status
CREATE INDEX idx_workflows_status ON public.workflows USING btree (status);

--- index public.workflows idx_workflows_unchecked
CREATE INDEX idx_workflows_unchecked ON public.workflows USING btree (id) WHERE (health = 'unchecked'::text);

--- trigger public.workflows set_updated_at
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.workflows FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

--- trigger public.workflows workflow_deleted
CREATE TRIGGER workflow_deleted AFTER DELETE ON public.workflows FOR EACH STATEMENT EXECUTE FUNCTION public.workflow_deleted();

--- trigger public.workflows workflow_edited
CREATE TRIGGER workflow_edited BEFORE INSERT OR UPDATE ON public.workflows FOR EACH ROW EXECUTE FUNCTION public.workflow_edited();

--- row-security public.workflows
alter table public.workflows enable row level security;

--- grants public.workflows
revoke all on public.workflows from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.workflows to service_role;


-- ==== Foreign keys

--- foreign-key public.deposits deposits_order_id_fkey
alter table public.deposits
    add constraint deposits_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id) ON DELETE CASCADE;

--- foreign-key public.loyalty_ledger loyalty_ledger_customer_id_fkey
alter table public.loyalty_ledger
    add constraint loyalty_ledger_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

--- foreign-key public.loyalty_ledger loyalty_ledger_order_id_fkey
alter table public.loyalty_ledger
    add constraint loyalty_ledger_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id) ON DELETE SET NULL;

--- foreign-key public.loyalty_points loyalty_points_customer_id_fkey
alter table public.loyalty_points
    add constraint loyalty_points_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

--- foreign-key public.orders orders_customer_id_fkey
alter table public.orders
    add constraint orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE RESTRICT;

--- foreign-key public.page_content page_content_page_id_fkey
alter table public.page_content
    add constraint page_content_page_id_fkey FOREIGN KEY (page_id) REFERENCES public.pages(id) ON DELETE CASCADE;

--- foreign-key public.product_waitlist product_waitlist_customer_id_fkey
alter table public.product_waitlist
    add constraint product_waitlist_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE SET NULL;

--- foreign-key public.workflow_versions workflow_versions_workflow_id_fkey
alter table public.workflow_versions
    add constraint workflow_versions_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES public.workflows(id) ON DELETE CASCADE;
