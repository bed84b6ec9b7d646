-- How many there are to sell. Where Medusa keeps an inventory, its figures are mirrored here (0076).
create table public.product_stock (
    variant_id text primary key,
    product_id text,
    available  bigint not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.product_stock is 'Pieces of a product''s variant that can be sold.';
comment on column public.product_stock.variant_id is 'Medusa''s id of the variant: variant_….';
comment on column public.product_stock.available is 'In stock and not reserved; below zero where more was sold than there was.';

create index idx_product_stock_product_id on public.product_stock (product_id);
select public.audit('public.product_stock');
select public.record_events_of('product_stock', 'products', 'variant_id', 'all', '{variant_id}');
