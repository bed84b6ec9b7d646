-- Takes in a subscription, once however often it is told. For the service role.
create function public.create_subscription(
    customer_id uuid, plan text, stripe_subscription_id text default null, status text default null,
    current_period_start timestamptz default null, current_period_end timestamptz default null,
    amount bigint default null, currency text default null, stripe_event_at timestamptz default null
) returns uuid
language sql
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function public.create_subscription(uuid, text, text, text, timestamptz, timestamptz, bigint, text, timestamptz) is
    'Makes a subscription, or brings the one with that Stripe id up to date with what is told; null if that is another customer''s, or a later event of Stripe was told already.';
