-- Who may do what, in three tiers: owners with their own rows, admins with all, the service role past row security
-- (what it is granted still counts). One policy for each role and action, its conditions asked once per statement.
-- What is not said here is refused; a table without a line in tests/it/doors.txt fails a test.

-- Whatever a database gives new tables by itself is taken back first. Medusa's tables are reached through Medusa,
-- whose own role passes by row security as their owner.
do $$
declare
    closed text;
    of_owner oid;
begin
    foreach closed in array array['product', 'product_variant', 'order', 'order_item', 'order_fulfillment', 'cart',
        'payment', 'customer', 'orders', 'deposits', 'quotes', 'enrollments', 'stripe_customers', 'subscriptions',
        'product_categories', 'product_category_mappings', 'customers', 'saved_addresses', 'user_roles', 'reviews',
        'project_comments', 'pages', 'page_content', 'page_content_history', 'blog_posts', 'changelog_entries',
        'page_views', 'page_view_stats', 'product_waitlist', 'email_templates', 'waitlist_campaigns',
        'waitlist_campaign_recipients', 'waitlist_campaign_stats', 'campaign_opens', 'campaign_clicks',
        'loyalty_points', 'referral_codes', 'workflows', 'workflow_triggers', 'workflow_conditions',
        'workflow_actions', 'workflow_executions', 'workflow_executions_default', 'token_handover',
        'oauth_providers', 'google_calendar_tokens']
    loop
        of_owner := (select c.relowner from pg_catalog.pg_class c where c.oid = format('public.%I', closed)::regclass);
        -- Medusa may have a user of its own, whose tables are not ours to close.
        if not pg_catalog.pg_has_role(of_owner, 'usage') then
            raise warning 'the table % belongs to %: who may use it is left as it is', closed, of_owner::regrole
                using hint = format('run as %s: revoke all on public.%I from anon, authenticated', of_owner::regrole, closed);
            continue;
        end if;
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', closed);
        if (select c.relkind in ('r', 'p') from pg_catalog.pg_class c where c.oid = format('public.%I', closed)::regclass) then
            execute format('alter table public.%I enable row level security', closed);
        end if;
    end loop;
end
$$;

-- Signed-in accounts: table, whose rows they read, insert, update and delete. Null: nobody's.
do $$
declare
    door record;
    is_admin constant text := '(select public.is_admin((select auth.uid())))';
    own_customer constant text := 'customer_id = (select public.current_customer_id())';
    own_user constant text := 'user_id = (select auth.uid())';
    own_email constant text := 'lower(email) = (select public.verified_email())';
    own_order constant text := 'order_id in (select o.id from public.orders o where o.customer_id = (select public.current_customer_id()))';
    is_public constant text := '(status = ''published'' and published_at <= now())';
    content_is_public constant text :=
        '(status = ''published'' and page_id in (select p.id from public.pages p where p.status = ''published'' and p.published_at <= now()))';
begin
    for door in
        select t.table_name, t.reads, t.inserts, t.updates, t.deletes from (values
            ('orders',           own_customer || ' or ' || is_admin, is_admin, is_admin, is_admin),
            ('deposits',         own_order || ' or ' || is_admin, is_admin, is_admin, is_admin),
            ('enrollments',      own_customer || ' or ' || is_admin, is_admin, is_admin, is_admin),
            ('quotes',           is_admin, is_admin, is_admin, is_admin),
            ('subscriptions',    is_admin, is_admin, is_admin, is_admin),
            ('stripe_customers', is_admin, is_admin, is_admin, is_admin),
            ('product_categories',        'true', is_admin, is_admin, is_admin),
            ('product_category_mappings', 'true', is_admin, is_admin, is_admin),
            ('customers',        own_user || ' or ' || is_admin, is_admin, is_admin, is_admin),
            ('saved_addresses',  own_user || ' or ' || is_admin,
                own_user || ' or ' || is_admin,
                own_user || ' or ' || is_admin, own_user || ' or ' || is_admin),
            ('user_roles',       own_user || ' or ' || is_admin, null, null, null),
            -- A review begins as pending, without a word of whether it was moderated or bought.
            ('reviews',          format('status = ''approved'' or %s or %s', own_customer, is_admin),
                format('(%s and status = ''pending'' and not is_verified_purchase and moderated_at is null and moderated_by is null and (order_id is null or %s)) or %s',
                    own_customer, own_order, is_admin),
                is_admin, own_customer || ' or ' || is_admin),
            ('project_comments', own_user || ' or ' || is_admin,
                format('(%s and %s) or %s', own_user, own_order, is_admin),
                format('(%s and %s) or %s', own_user, own_order, is_admin), own_user || ' or ' || is_admin),
            ('pages',            is_public || ' or ' || is_admin, is_admin, is_admin, is_admin),
            ('page_content',     content_is_public || ' or ' || is_admin, is_admin, is_admin, is_admin),
            ('page_content_history', is_admin, null, null, null),
            ('page_views',       is_admin, null, null, null),
            ('blog_posts',       is_public || ' or ' || is_admin, is_admin, is_admin, is_admin),
            ('changelog_entries', is_public || ' or ' || is_admin, is_admin, is_admin, is_admin),
            -- Its owner signs up and cancels; once it was answered only the shop changes it.
            ('product_waitlist', own_email || ' or ' || is_admin,
                format('(%s and status = ''waiting'' and notified_at is null and (customer_id is null or %s)) or %s',
                    own_email, own_customer, is_admin),
                format('(%s and status in (''waiting'', ''cancelled'') and notified_at is null and (customer_id is null or %s)) or %s',
                    own_email, own_customer, is_admin),
                own_email || ' or ' || is_admin),
            ('email_templates',    is_admin, is_admin, is_admin, is_admin),
            ('waitlist_campaigns', is_admin, is_admin, is_admin, is_admin),
            ('waitlist_campaign_recipients', is_admin, null, null, null),
            ('campaign_opens',     is_admin, null, null, null),
            ('campaign_clicks',    is_admin, null, null, null),
            ('loyalty_points',     own_customer || ' or ' || is_admin, null, null, null),
            ('referral_codes',     own_customer || ' or ' || is_admin, is_admin, is_admin, is_admin),
            ('workflows',          is_admin, is_admin, is_admin, is_admin),
            ('workflow_triggers',   is_admin, null, null, null),
            ('workflow_conditions', is_admin, null, null, null),
            ('workflow_actions',    is_admin, null, null, null),
            ('workflow_executions', is_admin, null, null, null),
            -- Written by store_google_calendar_tokens() only: what can't be decrypted would stop a rotation.
            ('google_calendar_tokens', own_user || ' or ' || is_admin, null, null, own_user || ' or ' || is_admin),
            ('oauth_providers',    is_admin, is_admin, is_admin, is_admin)
        ) as t (table_name, reads, inserts, updates, deletes)
    loop
        if door.reads is not null then
            execute format('create policy authenticated_select on public.%I for select to authenticated using (%s)', door.table_name, door.reads);
            execute format('grant select on public.%I to authenticated', door.table_name);
        end if;
        if door.inserts is not null then
            execute format('create policy authenticated_insert on public.%I for insert to authenticated with check (%s)', door.table_name, door.inserts);
            execute format('grant insert on public.%I to authenticated', door.table_name);
        end if;
        if door.updates is not null then
            execute format('create policy authenticated_update on public.%I for update to authenticated using (%s) with check (%2$s)', door.table_name, door.updates);
            execute format('grant update on public.%I to authenticated', door.table_name);
        end if;
        if door.deletes is not null then
            execute format('create policy authenticated_delete on public.%I for delete to authenticated using (%s)', door.table_name, door.deletes);
            execute format('grant delete on public.%I to authenticated', door.table_name);
        end if;
    end loop;

    -- Everyone else reads what is public.
    for door in
        select t.table_name, t.reads from (values
            ('product_categories', 'true'), ('product_category_mappings', 'true'),
            ('reviews', 'status = ''approved'''),
            ('pages', is_public), ('page_content', content_is_public),
            ('blog_posts', is_public), ('changelog_entries', is_public)
        ) as t (table_name, reads)
    loop
        execute format('create policy anon_select on public.%I for select to anon using (%s)', door.table_name, door.reads);
        execute format('grant select on public.%I to anon', door.table_name);
    end loop;
end
$$;

-- The backend. What triggers and the daemon keep in step is only read.
grant usage on schema public to anon, authenticated, service_role;
grant select, insert, update, delete on
    public.orders, public.deposits, public.quotes, public.enrollments, public.stripe_customers, public.subscriptions,
    public.product_categories, public.product_category_mappings, public.customers, public.saved_addresses,
    public.user_roles, public.reviews, public.project_comments, public.pages, public.page_content, public.blog_posts,
    public.changelog_entries, public.page_views, public.product_waitlist, public.email_templates,
    public.waitlist_campaigns, public.waitlist_campaign_recipients, public.campaign_opens, public.campaign_clicks,
    public.referral_codes, public.workflows, public.oauth_providers, public.google_calendar_tokens
    to service_role;
do $$
declare
    of_medusa regclass;
begin
    foreach of_medusa in array array['product', 'product_variant', '"order"', 'order_item', 'order_fulfillment', 'cart', 'payment',
        'customer']
    loop
        if pg_catalog.pg_has_role((select c.relowner from pg_catalog.pg_class c where c.oid = of_medusa), 'usage') then
            execute format('grant select, insert, update, delete on %s to service_role', of_medusa);
        end if;
    end loop;
end
$$;
grant select on
    public.page_content_history, public.loyalty_points, public.workflow_triggers, public.workflow_conditions,
    public.workflow_actions, public.workflow_executions
    to service_role;
grant select on public.waitlist_campaign_stats to authenticated, service_role;
grant insert on public.token_handover to authenticated, service_role;

-- Functions: nobody executes them but those named here.
do $$
declare
    door record;
begin
    for door in
        select t.signature, t.callers from (values
            ('set_updated_at()', ''), ('set_created()', ''), ('audit(regclass)', ''), ('stamp_order_progress()', ''), ('stamp_moderation()', ''),
            ('check_deposit()', ''), ('stamp_quote()', ''), ('keep_waitlist_order()', ''), ('keep_category_tree()', ''),
            ('stamp_publication()', ''), ('keep_page_content()', ''), ('next_page_content_version(uuid)', ''),
            ('take_tokens()', ''),
            ('is_admin(uuid)', 'authenticated, service_role'),
            ('current_customer_id()', 'authenticated, service_role'),
            ('verified_email()', 'authenticated, service_role'),
            ('grant_admin(uuid)', 'service_role'),
            ('create_subscription(uuid, text, text, text, timestamptz, timestamptz, bigint, text, timestamptz)', 'service_role'),
            ('create_project_order(uuid, integer)', 'authenticated, service_role'),
            ('use_referral_code(text, uuid)', 'service_role'),
            ('read_page_view_stats(date, date, integer)', 'authenticated'),
            ('handed_over(text)', 'authenticated, service_role'),
            ('encrypted(text, text)', 'authenticated, service_role'),
            ('decrypted(bytea, text)', 'authenticated, service_role'),
            ('store_google_calendar_tokens(timestamptz, text, uuid)', 'authenticated, service_role'),
            ('read_google_calendar_tokens(uuid)', 'authenticated, service_role'),
            ('store_oauth_client_secret(text)', 'authenticated, service_role'),
            ('read_oauth_client_secret(text)', 'service_role'),
            ('anew(bytea)', 'service_role'),
            ('rotate_token_key()', 'service_role')
        ) as t (signature, callers)
    loop
        execute format('revoke execute on function public.%s from public, anon, authenticated, service_role', door.signature);
        if door.callers <> '' then
            execute format('grant execute on function public.%s to %s', door.signature, door.callers);
        end if;
    end loop;
end
$$;
