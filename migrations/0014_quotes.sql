-- What a project would cost, before it is an order.
create table public.quotes (
    id          uuid primary key default gen_random_uuid(),
    customer_id uuid not null,
    title       text not null,
    description text,
    amount      bigint not null check (amount >= 0),
    currency    text not null default 'EUR' check (currency ~ '^[A-Z]{3}$'),
    status      text not null default 'draft' check (status in ('draft', 'sent', 'accepted', 'declined', 'expired')),
    valid_until timestamptz,
    sent_at     timestamptz,
    decided_at  timestamptz,
    order_id    uuid references public.orders (id) on delete set null,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.quotes is 'A quote for a project.';
comment on column public.quotes.amount is 'In the currency''s minor unit: 25000 is 250.00.';
comment on column public.quotes.decided_at is 'When the customer accepted or declined.';
comment on column public.quotes.order_id is 'The order that came of it.';

create index idx_quotes_customer_id on public.quotes (customer_id);
create index idx_quotes_order_id on public.quotes (order_id);
create index idx_quotes_open on public.quotes (valid_until) where status = 'sent';
select public.audit('public.quotes');
