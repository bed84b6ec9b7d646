-- Who a customer is at Stripe.
create table public.stripe_customers (
    id                 uuid primary key default gen_random_uuid(),
    customer_id        uuid not null unique,
    stripe_customer_id text not null unique check (stripe_customer_id ~ '^cus_'),
    livemode           boolean not null default true,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    created_by         uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.stripe_customers is 'A customer''s reference at Stripe.';
comment on column public.stripe_customers.livemode is 'False for Stripe''s test mode.';

select public.audit('public.stripe_customers');
