-- Steps of the loyalty programme.
create table public.loyalty_tiers (
    id           uuid primary key default gen_random_uuid(),
    name         text not null unique,
    rank         integer not null unique,
    least_points bigint not null default 0 check (least_points >= 0),
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.loyalty_tiers is 'A tier of the loyalty programme: bronze, silver, gold.';
comment on column public.loyalty_tiers.rank is 'Order of the tiers, the lowest first.';
comment on column public.loyalty_tiers.least_points is 'Balance from which a customer belongs to it.';
select public.audit('public.loyalty_tiers');

alter table public.customers add column tier_id uuid references public.loyalty_tiers (id) on delete set null;
comment on column public.customers.tier_id is 'The customer''s tier; null: none yet.';
create index idx_customers_tier_id on public.customers (tier_id) where tier_id is not null;
select public.record_events_of('loyalty_tiers', 'loyalty', 'id');
-- The customers' triggers know the new column at once, and need not look it up with every statement.
select public.put_event_triggers(t) from public.event_tables t where t.table_name = 'customers';
