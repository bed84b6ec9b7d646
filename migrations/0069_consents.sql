-- Who agreed to what, and when they took it back. Rows are added, never changed: the last one counts.
create table public.consents (
    id          uuid primary key default gen_random_uuid(),
    email       text not null check (length(email) between 3 and 320),
    customer_id uuid references public.customers (id) on delete set null,
    purpose     text not null check (purpose in ('marketing', 'analytics', 'profiling')),
    decision    text not null check (decision in ('granted', 'withdrawn')),
    source      text not null,
    created_at  timestamptz not null default clock_timestamp(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.consents is 'One decision of an address about one purpose.';
comment on column public.consents.source is 'Where it was given: checkout, account page, import of ….';

create index idx_consents_email on public.consents (lower(email), purpose, created_at desc);
create index idx_consents_customer_id on public.consents (customer_id);
select public.audit('public.consents');
select public.record_events_of('consents', 'customers', 'customer_id');
