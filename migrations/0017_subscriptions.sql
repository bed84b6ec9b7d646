-- Recurring billing, as Stripe tells it.
create table public.subscriptions (
    id                     uuid primary key default gen_random_uuid(),
    customer_id            uuid not null,
    stripe_subscription_id text unique,
    stripe_price_id        text,
    plan                   text not null,
    status                 text not null default 'active' check (status in ('incomplete', 'incomplete_expired',
                           'trialing', 'active', 'past_due', 'canceled', 'unpaid', 'paused')),
    amount                 bigint check (amount >= 0),
    currency               text not null default 'EUR' check (currency ~ '^[A-Z]{3}$'),
    current_period_start   timestamptz,
    current_period_end     timestamptz,
    cancel_at_period_end   boolean not null default false,
    canceled_at            timestamptz,
    stripe_event_at        timestamptz,
    created_at             timestamptz not null default now(),
    updated_at             timestamptz not null default now(),
    created_by             uuid default auth.uid() references auth.users (id) on delete set null,
    check (current_period_end >= current_period_start)
);
comment on table public.subscriptions is 'A subscription of a customer, in step with Stripe.';
comment on column public.subscriptions.status is 'Stripe''s own words.';
comment on column public.subscriptions.amount is 'Per period, in the currency''s minor unit.';
comment on column public.subscriptions.stripe_event_at is 'Stripe''s time of the last event taken in: older ones change nothing.';

create index idx_subscriptions_customer_id on public.subscriptions (customer_id);
create index idx_subscriptions_current_period_end on public.subscriptions (current_period_end)
    where status in ('trialing', 'active', 'past_due');
select public.audit('public.subscriptions');
