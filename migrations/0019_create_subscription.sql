-- Takes in a subscription, once however often it is told. For the service role.
create function public.create_subscription(
    customer_id uuid, plan text, stripe_subscription_id text default null, status text default 'active',
    current_period_start timestamptz default null, current_period_end timestamptz default null,
    amount bigint default null, currency text default 'EUR'
) returns uuid
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into public.subscriptions as s
        (customer_id, plan, stripe_subscription_id, status, current_period_start, current_period_end, amount, currency)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (stripe_subscription_id) do update
       set plan = excluded.plan, status = excluded.status, current_period_start = excluded.current_period_start,
           current_period_end = excluded.current_period_end, amount = excluded.amount, currency = excluded.currency
     where s.customer_id = excluded.customer_id
    returning s.id
$$;
comment on function public.create_subscription(uuid, text, text, text, timestamptz, timestamptz, bigint, text) is
    'Makes a subscription, or brings the one with that Stripe id up to date; null if that is another customer''s.';
