-- Two rows for every table: a near and a far one. Above each: what they are.
--   {a|b}   a in the near row, b in the far one
--   {name}  an id of that name, another one in each
-- The same statements make the rows that are there and the new ones that each role tries to insert.

--- Medusa's own
-- published | draft
insert into product (id, title, handle, status) values ('prod_{near|far}', 'A mug', '{near|far}', '{published|draft}');
-- of the published | of the draft
insert into product_variant (id, title, sku, product_id) values ('variant_{near|far}', 'Red', '{near|far}', 'prod_{near|far}');
-- A's | B's
insert into customer (id, email, has_account) values ('cus_{near|far}', '{near|far}@example.com', true);
-- A's | B's
insert into cart (id, customer_id, currency_code) values ('cart_{near|far}', 'cus_{near|far}', 'eur');
-- A's | B's
insert into "order" (id, customer_id, currency_code) values ('order_{near|far}', 'cus_{near|far}', 'eur');
-- A's | B's
insert into order_item (id, order_id, item_id, quantity) values ('orditem_{near|far}', 'order_{near|far}', 'ordli_1', 1);
-- A's | B's
insert into order_fulfillment (id, order_id, fulfillment_id) values ('ordful_{near|far}', 'order_{near|far}', 'ful_1');
-- captured | open
insert into payment (id, amount, currency_code, provider_id, captured_at, payment_collection_id, payment_session_id)
values ('pay_{near|far}', 25, 'eur', 'pp_stripe', {now()|null}, 'paycol_1', 'payses_1');

--- Customers and what is theirs
-- A's | B's
insert into customers (id, user_id, email) values ({customer}, {user}, '{near|far}@example.com');
-- A's | B's
insert into user_roles (id, user_id, role) values ({role}, {user}, 'customer');
-- A's | B's
insert into orders (id, customer_id, total) values ({order}, {customer}, 10000);
-- A's | B's
insert into deposits (id, order_id, amount, due_date) values ({deposit}, {order}, 5000, now());
-- A's, accepted | B's, a draft
insert into quotes (id, customer_id, title, amount, status) values ({quote}, {customer}, 'A site', 10000, '{accepted|draft}');
-- A's | B's
insert into enrollments (id, customer_id, product_id, title) values ({enrollment}, {customer}, 'prod_course', 'A course');
-- A's | B's
insert into stripe_customers (id, customer_id, stripe_customer_id) values ({stripe}, {customer}, 'cus_{near|far}');
-- A's | B's
insert into subscriptions (id, customer_id, plan) values ({subscription}, {customer}, 'monthly');
-- A's | B's
insert into saved_addresses (id, user_id, name, line1, city, country_code)
values ({address}, {user}, 'Ada', 'Main St. 1', 'Graz', 'AT');
-- A's on A's order | B's on B's order
insert into project_comments (id, order_id, user_id, body) values ({comment}, {order}, {user}, 'Blue, please.');
-- A's, approved | B's, pending
insert into reviews (id, product_id, customer_id, rating, status) values ({review}, 'prod_mug', {customer}, 5, '{approved|pending}');
-- A's | B's
insert into referral_codes (id, customer_id, code) values ({referral}, {customer}, 'code-{near|far}');
-- A's | B's
insert into loyalty_points (customer_id, balance) values ({customer}, 0);
-- A's | B's
insert into loyalty_ledger (id, customer_id, points, reason) values ({line}, {customer}, 10, 'a gift');
-- A's | B's
insert into customer_tags (customer_id, tag) values ({customer}, 'VIP');
-- bronze | silver
insert into loyalty_tiers (id, name, rank) values ({tier}, '{bronze|silver}', {1|2});
-- A's | B's
insert into consents (id, email, customer_id, purpose, decision, source)
values ({consent}, '{near|far}@example.com', {customer}, 'marketing', 'granted', 'checkout');
-- A's | B's
insert into subscribers (id, email, customer_id) values ({subscriber}, '{near|far}@example.com', {customer});
-- unsubscribed | bounced
insert into suppressions (id, address_hash, email, reason)
values ({suppression}, sha256('{near|far}@example.com'), '{near|far}@example.com', '{unsubscribed|bounced}');
-- A's address | B's address
insert into marketing_mails (address_hash, sent_at) values (sha256('{near|far}@example.com'), array[now()]);
-- A's | B's
insert into google_calendar_tokens (id, user_id, access_token_encrypted, key_id, expires_at)
values ({token}, {user}, '\x00', 'first', now());
--- Tokens
-- enabled | not
insert into oauth_providers (id, name, client_id, authorize_url, token_url, is_enabled)
values ({provider}, '{near|far}', 'us', 'https://example.com/a', 'https://example.com/t', {true|false});
-- given, kept nowhere | likewise
insert into token_handover (key_id, key) values ('{near|far}', 'a key');

--- The catalogue and the site
-- one | another
insert into product_categories (id, name, slug) values ({category}, 'Mugs', '{near|far}');
-- one | another
insert into product_category_mappings (product_id, category_id) values ('prod_{near|far}', {category});
-- one | another
insert into product_stock (variant_id, available) values ('variant_{near|far}', 3);

-- published | draft
insert into pages (id, slug, title, status) values ({page}, '{near|far}', 'About', '{published|draft}');
-- published on a published page | draft on a draft page
insert into page_content (id, page_id, section, status) values ({content}, {page}, 'hero', '{published|draft}');
-- of the published | of the draft
insert into page_content_history (id, page_id, page_content_id, version, operation, section, content, status)
values ({history}, {page}, {content}, 100, 'update', 'hero', '{}', '{published|draft}');
-- A's | B's
insert into page_views (page_id, user_id) values ({page}, {user});
-- of the published page | of the draft
insert into page_view_stats (page_id) values ({page});
-- published | draft
insert into blog_posts (id, slug, title, status) values ({post}, '{near|far}', 'News', '{published|draft}');
-- published | draft
insert into changelog_entries (id, slug, title, status) values ({entry}, '{near|far}', 'Faster', '{published|draft}');

--- Waitlist and mailings
-- A's address | B's address
insert into product_waitlist (id, product_id, email) values ({waitlist}, 'prod_mug', '{near|far}@example.com');
-- in use | not
insert into email_templates (id, name, subject, text, is_active)
values ({template}, '{near|far}', 'Back', 'It is back.', {true|false});
-- draft | cancelled
insert into waitlist_campaigns (id, name, status) values ({campaign}, 'Mugs', '{draft|cancelled}');
-- to A | to B
insert into waitlist_campaign_recipients (id, campaign_id, email) values ({recipient}, {campaign}, '{near|far}@example.com');
-- A's | B's
insert into campaign_opens (campaign_id, recipient_id) values ({campaign}, {recipient});
-- A's | B's
insert into campaign_clicks (campaign_id, recipient_id, url) values ({campaign}, {recipient}, 'https://example.com');
-- of the draft | of the cancelled
insert into waitlist_campaign_stats (campaign_id) values ({campaign});

--- Workflows
-- archived | draft
insert into workflows (id, name, status) values ({workflow}, 'Points', '{archived|draft}');
-- one | another
insert into workflow_triggers (id, workflow_id, version, node_id, kind) values ({trigger}, {workflow}, 1, 'a', 'order_created');
-- one | another
insert into workflow_conditions (id, workflow_id, version, node_id, kind) values ({condition}, {workflow}, 1, 'b', 'condition');
-- one | another
insert into workflow_actions (id, workflow_id, version, node_id, kind) values ({action}, {workflow}, 1, 'c', 'award_points');
-- one | another
insert into workflow_executions (id, event_at, event_id, workflow_id, version, status, steps, started_at, finished_at)
values ({execution}, '2020-01-01', {event}, {workflow}, 1, 'succeeded', '[]', now(), now());
--- The engine's own
-- one | another
insert into workflow_executions_default (id, event_at, event_id, workflow_id, version, status, steps, started_at, finished_at)
values ({direct execution}, '2020-01-01', {event}, {workflow}, 1, 'succeeded', '[]', now(), now());
-- of A | of B
insert into workflow_events (id, at, table_name, operation, entity, row_data)
values ({event}, '2020-01-01', 'orders', 'insert', 'entity', '{}');
-- of A | of B
insert into workflow_events_default (id, at, table_name, operation, entity, row_data)
values ({direct event}, '2020-01-01', 'orders', 'insert', 'entity', '{}');
-- one | another
insert into workflow_queue (due_at, lane, execution_id) values ('2020-01-01', {1|2}, {execution});
-- one | another
insert into workflow_versions (workflow_id, number, hash, definition, active_from)
values ({workflow}, 1, 'x', '{"nodes": [], "edges": []}', now());
-- the only one |
insert into workflow_plan_epoch (epoch) values (1);
-- one | another
insert into workflow_waiting (id, event_at, event_id, workflow_id, version, lane, state, started_at)
values ({waiting}, '2020-01-01', {event}, {workflow}, 1, 1, '{}', now());
-- one | another
insert into workflow_awaited_tables (workflow_id, table_name, operations) values ({workflow}, 'campaign_opens', array['insert']);
-- one | another
insert into workflow_awaits (execution_id, node_id, table_name, operation, key, workflow_id, version, lane)
values ({waiting}, 'wait', 'orders', 'update', '*', {workflow}, 1, 1);
-- one | another
insert into workflow_dead_letters (id, root, attempt, event_at, event_id, workflow_id, version, lane, state, reason)
values ({dead}, {dead}, 1, '2020-01-01', {event}, {workflow}, 1, 1, '{}', 'it failed');
-- one | another
insert into workflow_undone (root, event_at) values ({execution}, '2020-01-01');
-- one | another
insert into workflow_replays (event_at, event_id, number) values ('2020-01-01', {event}, 1);
-- one | another
insert into workflow_holds (workflow_id, reason) values ({workflow}, 'too much at once');
-- one | another
insert into workflow_alerts (kind, workflow_id, message) values ('bulk_guard', {workflow}, '{near|far}');
-- one | another
insert into workflow_flow (workflow_id, rule, key) values ({workflow}, 'once', 'workflow');
-- one | another
insert into workflow_deliveries (id, execution_id, node_id, kind, lane, payload) values ({delivery}, {execution}, 'mail', 'email', 1, '{}');
-- one | another
insert into workflow_effects (id, execution_id, node_id, kind) values ({effect}, {execution}, 'a', 'award_points');
-- one | another
insert into workflow_schedules (workflow_id, config, last_at, next_at)
values ({workflow}, '{"cron": "@daily"}', '2020-01-01', '2020-01-02');
-- one | another
insert into workflow_secrets (id, name, ciphertext, nonce, key_id) values ({secret}, '{near|far}', '\x00', '\x00', 'first');
-- one | another
insert into workflow_hook_calls (path, sender_id) values ('new-lead', repeat('{a|b}', 64));
-- one | another
insert into stripe_objects (id, kind, told_at, events) values ('cus_{near|far}', 'customer', '2020-01-01', '[]');
-- of a daemon | of another
insert into workflow_daemons (id, host, pid, version, lock) values ({daemon}, '{near|far}', 1, '1', 5000);
-- its rows | of another
insert into workflow_hands (daemon_id, worker, lanes, due_ats, queue_ids) values ({daemon}, 0, array[1], array[now()], array[1]);
-- one | another
insert into workflow_rows (table_name, columns) values ('{near|far}', array['a']);
-- of one row | of another
insert into workflow_strikes (lane, due_at, queue_id, strikes) values (1, now(), {1|2}, 1);
-- one | another
insert into event_tables (table_name, domain, entity_column) values ('{near|far}', 'orders', 'id');
-- the only one |
insert into medusa_mirror (orders) values ('mirrored');
--- The API
-- one | another
insert into api_keys (id, name, hash, prefix, scopes) values ({key}, '{near|far}', decode(repeat('{0a|0b}', 32), 'hex'), 'thendo_', array['read']);
-- one | another
insert into api_links (hash, expires_at) values (decode(repeat('{0a|0b}', 32), 'hex'), '2020-01-01');
-- one | another
insert into api_sessions (hash, who, expires_at) values (decode(repeat('{0a|0b}', 32), 'hex'), '{near|far}', '2020-01-01');
-- one | another
insert into workflow_backtests (id, called, version, since, until) values ({backtest}, '{near|far}', 'the draft', '2026-01-01', '2026-02-01');
-- one | another
insert into api_audit (who, act, target) values ('{near|far}', 'workflow.pause', '{near|far}');
--- Housekeeping
-- one | another
insert into maintenance (task) values ('{near|far}');
-- one | another
insert into _sqlx_migrations (version, description, success, checksum, execution_time) values ({9001|9002}, 'x', true, '\x00', 0);
