-- Who wants a product that is out of stock.
create table public.product_waitlist (
    id          uuid primary key default gen_random_uuid(),
    product_id  text not null,
    variant_id  text,
    customer_id uuid references public.customers (id) on delete set null,
    email       text not null check (length(email) between 3 and 320),
    name        text check (length(name) <= 300),
    status      text not null default 'waiting' check (status in ('waiting', 'notified', 'converted', 'cancelled')),
    notified_at timestamptz,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.product_waitlist is 'A sign-up to hear when a product is back in stock. It belongs to its address.';
comment on column public.product_waitlist.product_id is 'Medusa''s id of the product: text, prod_….';
comment on column public.product_waitlist.status is
    'waiting, notified: told that it is back, converted: bought it, cancelled: by its owner.';

create unique index idx_product_waitlist_once
    on public.product_waitlist (product_id, coalesce(variant_id, ''), lower(email)) where status = 'waiting';
create index idx_product_waitlist_email on public.product_waitlist (lower(email));
create index idx_product_waitlist_customer_id on public.product_waitlist (customer_id);
select public.audit('public.product_waitlist');
