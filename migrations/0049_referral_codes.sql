-- Customers bring customers.
create table public.referral_codes (
    id          uuid primary key default gen_random_uuid(),
    customer_id uuid not null references public.customers (id) on delete cascade,
    code        text not null unique check (code ~ '^[A-Za-z0-9_-]{4,64}$'),
    uses        integer not null default 0 check (uses >= 0),
    most_uses   integer check (most_uses > 0),
    expires_at  timestamptz,
    is_active   boolean not null default true,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null,
    check (uses <= most_uses)
);
comment on table public.referral_codes is 'A code in a link that a customer passes on.';
comment on column public.referral_codes.most_uses is 'Null: as often as one likes.';

create index idx_referral_codes_customer_id on public.referral_codes (customer_id);
select public.audit('public.referral_codes');

alter table public.customers
    add column referred_by uuid references public.customers (id) on delete set null check (referred_by <> id);
comment on column public.customers.referred_by is 'The customer whose code this one came with.';
create index idx_customers_referred_by on public.customers (referred_by) where referred_by is not null;
