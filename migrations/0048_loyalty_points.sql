-- How many points a customer has. The lines that make it up are in loyalty_ledger.
create table public.loyalty_points (
    customer_id uuid primary key references public.customers (id) on delete cascade,
    balance     bigint not null default 0 check (balance >= 0),
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.loyalty_points is 'Points balance, one row per customer; always the sum of the ledger.';

select public.audit('public.loyalty_points');
