-- The shop's customers: who they are and what they prefer.
create table public.customers (
    id                 uuid primary key default gen_random_uuid(),
    user_id            uuid unique references auth.users (id) on delete set null,
    medusa_customer_id text unique,
    email              text not null unique check (length(email) between 3 and 320),
    name               text,
    phone              text,
    locale             text not null default 'en',
    preferences        jsonb not null default '{}' check (jsonb_typeof(preferences) = 'object'),
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    created_by         uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.customers is 'A customer: who they are and what they prefer.';
comment on column public.customers.user_id is 'The account, where the customer has one.';
comment on column public.customers.medusa_customer_id is 'The same customer in Medusa: cus_….';
comment on column public.customers.locale is 'Language and region: en, de-AT.';
comment on column public.customers.preferences is 'Free settings of the shop, an object.';

-- One address is one customer, however it is written.
create unique index idx_customers_lower_email on public.customers (lower(email));
select public.audit('public.customers');
