-- How many points a customer has. The lines that make it up are in loyalty_ledger.
create table public.loyalty_points (
    customer_id uuid primary key references public.customers (id) on delete cascade,
    balance     bigint not null default 0 check (balance >= 0),
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid
);
comment on table public.loyalty_points is 'Points balance, one row per customer; always the sum of the ledger.';

create trigger set_updated_at before update on public.loyalty_points
    for each row execute function public.set_updated_at();
