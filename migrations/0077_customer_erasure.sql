-- Removes a person. Orders, deposits and the ledger are the shop's accounts: they stay, of a customer without a name.
-- Whatever says who it was goes or is emptied, events, traces and mails included.

-- Whether a text names one of the addresses (lower case), as a whole: joann@example.com does not name ann@example.com.
create function public.mentions(said text, addresses text[]) returns boolean
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.mentions(text, text[]) is 'Whether a text names one of the addresses (in lower case), as a whole.';

create function public.mentions(whole jsonb, addresses text[]) returns boolean
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from jsonb_path_query(whole, '$.** ? (@.type() == "string")') v where public.mentions(v #>> '{}', addresses))
        or exists (select from jsonb_path_query(whole, '$.** ? (@.type() == "object").keyvalue().key') k
                    where public.mentions(k #>> '{}', addresses))
$$;
comment on function public.mentions(jsonb, text[]) is 'Whether a string or key in it names one of the addresses, as a whole.';

-- Whether one of the pieces is in a text: asked before the exact question, which costs a hundred times as much.
create function public.holds(said text, pieces text[]) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from unnest(pieces) p where position(p in lower(said)) > 0)
$$;
comment on function public.holds(text, text[]) is 'Whether one of the pieces (in lower case) is in the text.';

-- row_ids: of the person's rows. view_ids: of page views, which are numbers and unique in their table only.
create function public.events_of_person(row_ids text[], view_ids text[], addresses text[], since timestamptz)
returns table (at timestamptz, id uuid, entity text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select e.at, e.id, e.entity from public.workflow_events e
     where e.at >= since
       and (e.entity = any (row_ids) or e.row_data ->> 'id' = any (row_ids) or e.row_data ->> 'customer_id' = any (row_ids)
            or e.row_data ->> 'user_id' = any (row_ids) or e.row_data ->> 'order_id' = any (row_ids)
            or e.row_data ->> 'recipient_id' = any (row_ids) or e.row_data ->> 'waitlist_id' = any (row_ids)
            or (e.table_name = 'page_views' and e.row_data ->> 'id' = any (view_ids))
            or lower(e.row_data ->> 'email') = any (addresses) or lower(e.old_data ->> 'email') = any (addresses))
$$;
comment on function public.events_of_person(text[], text[], text[], timestamptz) is 'Events of a person''s rows.';

-- What belongs to a person, gathered before anything is touched.
create function public.read_person(person jsonb)
returns table (
    customer  uuid,
    accounts  uuid[],
    -- In lower case, also as a URL writes them.
    addresses text[],
    -- The same as JSON writes them, for holds().
    pieces    text[],
    name      text,
    medusa    text[],
    orders    text[],
    row_ids   text[],
    view_ids  text[]
)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select t.customer, t.accounts, t.addresses, t.pieces, t.name, t.medusa, t.orders, t.row_ids, t.view_ids
      from jsonb_to_record(person) as t (customer uuid, accounts uuid[], addresses text[], pieces text[], name text,
           medusa text[], orders text[], row_ids text[], view_ids text[])
$$;
comment on function public.read_person(jsonb) is 'Who is erased: what find_person() gathered.';

create function public.find_person(of_customer uuid, address text) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.find_person(uuid, text) is 'What belongs to a customer, to an address, or to both.';

create function public.erase_customer(of_customer uuid default null, address text default null)
returns table (what text, row_count bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.erase_customer(uuid, text) is
    'Removes a person''s data everywhere and makes the customer nameless: what was done, with counts. For `thendo customer erase`.';

create function public.without_person(whole jsonb, accounts uuid[], addresses text[]) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case when whole is null then null else (
        select jsonb_object_agg(m.key, case when m.value #>> '{}' = any (accounts::text[]) then 'null'
                                            when public.mentions(m.value, addresses) then '"(erased)"' else m.value end)
          from jsonb_each(whole) m) end
$$;
comment on function public.without_person(jsonb, uuid[], text[]) is 'The object without members that name one of the accounts or addresses.';

-- What the engine wrote down.
create function public.erase_traces(person jsonb, events uuid[]) returns table (what text, row_count bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
    return query with gone as (delete from public.workflow_queue q
            where q.event_id = any (events) or q.execution_id = any (executions) returning 1)
        select 'queued rows', count(*) from gone;
    return query with gone as (update public.workflow_executions x set steps = '[]', error = null
            where x.id = any (executions) and (x.steps <> '[]' or x.error is not null) returning 1)
        select 'traces of executions, emptied', count(*) from gone;
    update public.workflow_effects f set result = null where f.execution_id = any (executions);
    -- They have no foreign keys that would do it.
    update public.workflow_executions x set created_by = null where x.created_by = any (p.accounts);
    update public.workflow_versions v set created_by = null where v.created_by = any (p.accounts);
end
$$;
comment on function public.erase_traces(jsonb, uuid[]) is 'Of erase_customer(): what the engine wrote down.';

-- What the person had and said.
create function public.erase_rows(person jsonb) returns table (what text, row_count bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.erase_rows(jsonb) is 'Of erase_customer(): the person''s rows in the shop''s tables.';

-- What Medusa has of them, if it is there: in the tables that we have too, and in those that only Medusa makes.
create function public.erase_in_medusa(person jsonb) returns table (what text, row_count bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.erase_in_medusa(jsonb) is 'Of erase_customer(): Medusa''s tables, as far as they are there.';
