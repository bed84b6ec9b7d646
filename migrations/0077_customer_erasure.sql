-- Removes a person. Orders, deposits and the ledger are the shop's accounts: they stay, of a customer without a name.
-- Whatever says who it was goes or is emptied, events, traces and mails included.
create function public.erase_customer(of_customer uuid)
returns table (what text, row_count bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    person public.customers;
    addresses text[];
    keys text[];
    events uuid[];
    executions uuid[];
begin
    select c.* into person from public.customers c where c.id = of_customer for update;
    if not found then
        raise no_data_found using message = format('no customer %s', of_customer);
    end if;
    -- No batch works on this person's lane meanwhile. 1952998511 is 'thdo'; 64 to 127 are the lanes.
    perform pg_advisory_xact_lock(1952998511, 64 + (hashtextextended(person.id::text, 0) & 63)::integer);
    addresses := array_remove(array[lower(person.email),
        (select lower(u.email) from auth.users u where u.id = person.user_id)], null);
    keys := array_remove(array[person.id::text, person.user_id::text, person.medusa_customer_id], null)
        || array(select o.id::text from public.orders o where o.customer_id = person.id)
        || array(select o.medusa_order_id from public.orders o where o.customer_id = person.id and o.medusa_order_id is not null);

    -- What the engine wrote down.
    events := array(
        select e.id from public.workflow_events e
         where e.entity = any (keys)
            or e.row_data ->> 'id' = any (keys) or e.row_data ->> 'customer_id' = any (keys)
            or e.row_data ->> 'user_id' = any (keys) or e.row_data ->> 'order_id' = any (keys)
            or exists (select from unnest(addresses) a where position(a in lower(e.row_data::text || coalesce(e.old_data::text, ''))) > 0));
    executions := array(select x.id from public.workflow_executions x where x.event_id = any (events))
        || array(select w.id from public.workflow_waiting w where w.event_id = any (events));
    return query with gone as (delete from public.workflow_deliveries d where d.execution_id = any (executions) or exists (
            select from unnest(addresses) a where position(a in lower(d.payload::text)) > 0) returning 1)
        select 'mails and requests', count(*) from gone;
    return query with gone as (delete from public.workflow_waiting w where w.event_id = any (events) returning 1)
        select 'waiting executions', count(*) from gone;
    return query with gone as (delete from public.workflow_queue q
            where q.event_id = any (events) or q.execution_id = any (executions) returning 1)
        select 'queued rows', count(*) from gone;
    return query with gone as (update public.workflow_executions x set steps = '[]', error = null
            where x.event_id = any (events) returning 1)
        select 'traces of executions, emptied', count(*) from gone;

    -- What the person had and said.
    return query with gone as (delete from public.saved_addresses a where a.user_id = person.user_id returning 1)
        select 'saved addresses', count(*) from gone;
    return query with gone as (delete from public.google_calendar_tokens t where t.user_id = person.user_id returning 1)
        select 'calendar tokens', count(*) from gone;
    return query with gone as (delete from public.product_waitlist w
            where w.customer_id = person.id or lower(w.email) = any (addresses) returning 1)
        select 'places on waitlists', count(*) from gone;
    return query with gone as (delete from public.waitlist_campaign_recipients r
            where r.customer_id = person.id or lower(r.email) = any (addresses) returning 1)
        select 'campaign mails', count(*) from gone;
    return query with gone as (delete from public.subscribers s
            where s.customer_id = person.id or lower(s.email) = any (addresses) returning 1)
        select 'subscriptions by mail', count(*) from gone;
    return query with gone as (delete from public.consents s
            where s.customer_id = person.id or lower(s.email) = any (addresses) returning 1)
        select 'consents', count(*) from gone;
    return query with gone as (delete from public.reviews r where r.customer_id = person.id returning 1)
        select 'reviews', count(*) from gone;
    return query with gone as (delete from public.project_comments n where n.user_id = person.user_id returning 1)
        select 'project comments', count(*) from gone;
    return query with gone as (delete from public.customer_tags t where t.customer_id = person.id returning 1)
        select 'tags', count(*) from gone;
    return query with gone as (delete from public.referral_codes r where r.customer_id = person.id returning 1)
        select 'referral codes', count(*) from gone;
    return query with gone as (delete from public.enrollments n where n.customer_id = person.id returning 1)
        select 'enrollments', count(*) from gone;
    return query with gone as (delete from public.stripe_customers s where s.customer_id = person.id returning 1)
        select 'Stripe references', count(*) from gone;
    return query with gone as (update public.page_views v set user_id = null, visitor = null, user_agent = null, referrer = null
            where v.user_id = person.user_id returning 1)
        select 'page views, made nameless', count(*) from gone;
    return query with gone as (update public.orders o set note = null where o.customer_id = person.id and o.note is not null returning 1)
        select 'notes on orders', count(*) from gone;
    return query with gone as (update public.quotes q set description = null where q.customer_id = person.id and q.description is not null returning 1)
        select 'descriptions of quotes', count(*) from gone;

    -- What Medusa has of them, if it is there.
    return query with gone as (update public.customer c
            set email = c.id || '@erased.invalid', first_name = null, last_name = null, company_name = null, phone = null, metadata = null
            where c.id = person.medusa_customer_id or lower(c.email) = any (addresses) returning 1)
        select 'customers of Medusa, made nameless', count(*) from gone;
    return query with gone as (update public."order" o set email = null, metadata = null
            where o.customer_id = person.medusa_customer_id or lower(o.email) = any (addresses) returning 1)
        select 'orders of Medusa, made nameless', count(*) from gone;
    return query with gone as (delete from public.cart c
            where c.customer_id = person.medusa_customer_id or lower(c.email) = any (addresses) returning 1)
        select 'carts of Medusa', count(*) from gone;

    -- They stay unmailed, and nameless.
    insert into public.suppressions (address_hash, reason)
    select sha256(convert_to(a, 'UTF8')), 'erased' from unnest(addresses) a
        on conflict (address_hash) do update set email = null, detail = null;
    update public.customers c
       set email = c.id || '@erased.invalid', name = null, phone = null, preferences = '{}', user_id = null,
           medusa_customer_id = null, referred_by = null, locale = 'en'
     where c.id = person.id;

    -- Last, because what was done above was recorded too.
    return query with gone as (delete from public.workflow_queue q using public.workflow_events e
            where e.id = q.event_id and e.at = q.event_at and e.at >= now()
              and (e.entity = any (keys) or e.row_data ->> 'id' = any (keys) or e.row_data ->> 'user_id' = any (keys)
                   or exists (select from unnest(addresses) a where position(a in lower(e.row_data::text || coalesce(e.old_data::text, ''))) > 0))
            returning q.event_id), noted as (select array_agg(event_id) as ids from gone)
        select 'events of the erasure itself', count(*) from gone;
    return query with gone as (delete from public.workflow_events e
            where e.id = any (events) or (e.at >= now()
              and (e.entity = any (keys) or e.row_data ->> 'id' = any (keys) or e.row_data ->> 'user_id' = any (keys)
                   or exists (select from unnest(addresses) a where position(a in lower(e.row_data::text || coalesce(e.old_data::text, ''))) > 0)))
            returning 1)
        select 'events', count(*) from gone;
end
$$;
comment on function public.erase_customer(uuid) is
    'Removes a person''s data everywhere and makes the customer nameless: what was done, with counts. For `thendo customer erase`.';
