-- Who wants the blog by mail.
create table public.subscribers (
    id           uuid primary key default gen_random_uuid(),
    email        text not null check (length(email) between 3 and 320),
    name         text,
    customer_id  uuid references public.customers (id) on delete set null,
    status       text not null default 'pending' check (status in ('pending', 'subscribed', 'unsubscribed')),
    confirmed_at timestamptz,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.subscribers is 'A subscription to the blog by mail.';
comment on column public.subscribers.status is 'pending: signed up, the address not yet confirmed.';

create unique index idx_subscribers_email on public.subscribers (lower(email));
create index idx_subscribers_customer_id on public.subscribers (customer_id);
select public.audit('public.subscribers');
select public.record_events_of('subscribers', 'marketing', 'customer_id');
