-- Where an account has things sent.
create table public.saved_addresses (
    id           uuid primary key default gen_random_uuid(),
    user_id      uuid not null default auth.uid() references auth.users (id) on delete cascade,
    label        text,
    name         text not null,
    company      text,
    line1        text not null,
    line2        text,
    postal_code  text,
    city         text not null,
    region       text,
    country_code text not null check (country_code ~ '^[A-Z]{2}$'),
    phone        text,
    is_default   boolean not null default false,
    constraint of_bounded_length check (length(concat(label, name, company, line1, line2, postal_code, city, region, phone)) <= 2000),
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.saved_addresses is 'An address that an account keeps for its orders.';
comment on column public.saved_addresses.label is 'What its owner calls it: home, office.';
comment on column public.saved_addresses.country_code is 'ISO 3166-1, two capital letters.';

create index idx_saved_addresses_user_id on public.saved_addresses (user_id);
-- Checked at a statement's end, which an index is not: one UPDATE may take it from one and give it to another.
alter table public.saved_addresses add constraint idx_saved_addresses_one_default
    exclude (user_id with =) where (is_default) deferrable initially immediate;
select public.audit('public.saved_addresses');
