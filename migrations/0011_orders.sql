-- The shop's own order. Medusa's "order" is another table, linked by medusa_order_id.
create table public.orders (
    id              uuid primary key default gen_random_uuid(),
    customer_id     uuid not null,
    status          text not null default 'pending'
                    check (status in ('pending', 'processing', 'completed', 'cancelled', 'refunded')),
    total           bigint not null check (total >= 0),
    currency        text not null default 'EUR' check (currency ~ '^[A-Z]{3}$'),
    medusa_order_id text unique,
    note            text,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    created_by      uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.orders is 'An order placed in the shop.';
comment on column public.orders.total is 'In the currency''s minor unit: 25000 is 250.00.';
comment on column public.orders.currency is 'ISO 4217, upper case.';
comment on column public.orders.medusa_order_id is 'The same order in Medusa, where Medusa has it.';

-- Together they serve "orders of a customer" and "completed orders, newest first".
create index idx_orders_customer_id on public.orders (customer_id);
create index idx_orders_status_created_at on public.orders (status, created_at desc);
select public.audit('public.orders');
