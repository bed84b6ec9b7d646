-- What Stripe tells keeps customers, subscriptions and payments in step. Its events come twice and in any order, so the state of
-- an object is that of its latest event by Stripe's own clock, which counts in seconds: of events of one second the latest is
-- found by what each says was before. What can't be assigned yet is kept with a note, and tried again.
create table public.stripe_objects (
    id              text primary key,
    kind            text not null check (kind in ('customer', 'subscription', 'payment', 'unread')),
    stripe_customer text,
    customer_id     uuid references public.customers (id) on delete set null,
    customer_told_at timestamptz,
    email           text,
    told_at         timestamptz not null,
    events          jsonb not null check (jsonb_typeof(events) = 'array'),
    note            text,
    tried_at        timestamptz,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    created_by      uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.stripe_objects is 'The latest that Stripe told of its customers, subscriptions and payments.';
comment on column public.stripe_objects.id is 'Stripe''s: cus_…, sub_…, pi_….';
comment on column public.stripe_objects.stripe_customer is 'Whose it is at Stripe.';
comment on column public.stripe_objects.kind is 'What it is; unread: an event that could not be read, whole.';
comment on column public.stripe_objects.customer_id is 'The shop''s customer, once it is known.';
comment on column public.stripe_objects.customer_told_at is 'Stripe''s time of the event that told whose it is; infinity: the shop said so.';
comment on column public.stripe_objects.email is 'Of a customer at Stripe: by it the shop''s is found.';
comment on column public.stripe_objects.told_at is 'Stripe''s time of the latest event.';
comment on column public.stripe_objects.events is 'The events of that second, without what nobody needs.';
comment on column public.stripe_objects.note is 'Why the shop''s rows are not in step with it; null if they are.';
comment on column public.stripe_objects.tried_at is 'When that was last tried.';
create index idx_stripe_objects_stripe_customer on public.stripe_objects (stripe_customer);
create index idx_stripe_objects_tried_at on public.stripe_objects (tried_at) where note is not null;
create index idx_stripe_objects_customer_id on public.stripe_objects (customer_id);
select public.audit('public.stripe_objects');
revoke all on public.stripe_objects from public, anon, authenticated, service_role;
alter table public.stripe_objects enable row level security;
create policy authenticated_select on public.stripe_objects for select to authenticated
    using ((select public.is_admin((select auth.uid()))));
grant select on public.stripe_objects to authenticated, service_role;

-- An amount of Stripe's in the currency's minor unit. Two currencies have cents at Stripe and nowhere else.
create function public.stripe_amount(amount bigint, currency text) returns bigint
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case when upper(currency) in ('ISK', 'UGX') then amount / 100 else amount end
$$;
comment on function public.stripe_amount(bigint, text) is 'An amount as Stripe tells it, in the currency''s minor unit.';

-- What counts of an event. Fields that Stripe may say were otherwise before have its names.
create function public.stripe_state(kind text, o jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.stripe_state(text, jsonb) is 'Of an object of Stripe''s what the shop keeps in step with.';

-- The latest of events of one second, whatever the order in which they came: a beginning is before a change, a change before an
-- end; of changes, one is behind that whose state it says was before; at last the id decides.
create function public.stripe_latest(events jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.stripe_latest(jsonb) is 'The latest of several events of Stripe''s of the same second.';

-- The shop's customer: as told beside it, else as linked, else as found.
create function public.customer_of_stripe(of_stripe_customer text, told_id text) returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        (select c.id from public.customers c where c.id::text = lower(told_id)),
        (select s.customer_id from public.stripe_customers s where s.stripe_customer_id = of_stripe_customer),
        (select o.customer_id from public.stripe_objects o where o.id = of_stripe_customer and o.kind = 'customer'))
$$;
comment on function public.customer_of_stripe(text, text) is 'The shop''s customer for Stripe''s; null if none is known.';

-- Of several customers at Stripe for one of the shop's the first one counts. A link that Stripe told nothing of stays.
create function public.link_stripe_customer(of_customer uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.link_stripe_customer(uuid) is 'Keeps stripe_customers in step for one of the shop''s customers.';

create function public.settle_stripe_subscription(o public.stripe_objects, s jsonb) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.settle_stripe_subscription(public.stripe_objects, jsonb) is
    'Of settle_stripe(): keeps subscriptions in step; why it could not, else null.';

-- A payment is known by its session: Medusa tells Stripe which, else it is Stripe's own id.
create function public.settle_stripe_payment(o public.stripe_objects, s jsonb) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.settle_stripe_payment(public.stripe_objects, jsonb) is
    'Of settle_stripe(): keeps payments in step; why it could not, else null.';

-- Brings the shop's rows in step with one object. What is wrong with it is noted and harms nobody else; what passes is raised.
create function public.settle_stripe(of_object text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.settle_stripe(text) is 'Brings the shop''s rows in step with what Stripe told of one object, or notes why not.';

-- Whose a customer at Stripe is. Of what Stripe told at several times the latest that names somebody counts, in whatever order it
-- came; a link that was there before Stripe told anything is the shop's word, and stays.
create function public.assign_stripe_customer(of_object text, told_id text, told_email text, moment timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.assign_stripe_customer(text, text, text, timestamptz) is
    'Of take_stripe_event(): says whose a customer at Stripe is, by what was told at a moment.';

create function public.take_stripe_object(event jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.take_stripe_object(jsonb) is 'Of take_stripe_event(): what an event tells of its object.';

create function public.take_stripe_event(request jsonb, verified text[]) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
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
$$;
comment on function public.take_stripe_event(jsonb, text[]) is
    'Takes in an event of Stripe''s, once: keeps customers, subscriptions and payments in step, and tells workflows that listen at the path stripe. For the daemon''s own HTTP, which has verified it.';

do $$
declare
    door record;
    whole text;
begin
    for door in
        select t.signature, t.callers from (values
            ('stripe_amount(bigint, text)', ''), ('stripe_state(text, jsonb)', ''), ('stripe_latest(jsonb)', ''),
            ('customer_of_stripe(text, text)', ''), ('link_stripe_customer(uuid)', ''),
            ('settle_stripe_subscription(public.stripe_objects, jsonb)', ''),
            ('settle_stripe_payment(public.stripe_objects, jsonb)', ''), ('settle_stripe(text)', ''),
            ('assign_stripe_customer(text, text, text, timestamptz)', ''), ('take_stripe_object(jsonb)', ''), ('take_stripe_event(jsonb, text[])', 'thendo_engine')
        ) as t (signature, callers)
    loop
        execute format('revoke execute on function public.%s from public, anon, authenticated, service_role', door.signature);
        if door.callers <> '' then
            execute format('grant execute on function public.%s to %s', door.signature, door.callers);
        end if;
    end loop;

    -- Whoever is erased is erased here, too; first, as long as it is known who they are at Stripe.
    whole := pg_get_functiondef('public.erase_rows(jsonb)'::regprocedure);
    execute replace(whole, '    return query with gone as (delete from public.stripe_customers s',
        '    return query with gone as (delete from public.stripe_objects o
            where o.customer_id = p.customer or lower(o.email) = any (p.addresses)
               or (o.kind = ''unread'' and public.mentions(o.events, p.addresses))
               or o.stripe_customer in (select s.stripe_customer_id from public.stripe_customers s where s.customer_id = p.customer)
               or o.stripe_customer in (select k.id from public.stripe_objects k
                                         where k.kind = ''customer'' and (k.customer_id = p.customer or lower(k.email) = any (p.addresses)))
            returning 1)
        select ''what Stripe told'', count(*) from gone;
    return query with gone as (delete from public.stripe_customers s');
    if pg_get_functiondef('public.erase_rows(jsonb)'::regprocedure) = whole then
        raise exception 'erase_rows() is not as this migration knows it';
    end if;
end
$$;
