-- What someone means to buy.
do $$
begin
    if to_regclass('public.cart') is not null then
        return;
    end if;
    create table public.cart (
        id               text primary key default 'cart_' || replace(gen_random_uuid()::text, '-', ''),
        region_id        text,
        customer_id      text references public.customer (id) on delete set null,
        sales_channel_id text,
        email            text,
        currency_code    text not null,
        metadata         jsonb,
        completed_at     timestamptz,
        created_at       timestamptz not null default now(),
        updated_at       timestamptz not null default now(),
        deleted_at       timestamptz,
        created_by       text
    );
    comment on table public.cart is 'A shopping cart, as Medusa has it.';
    comment on column public.cart.completed_at is 'When it became an order; null while it is open.';
    comment on column public.cart.currency_code is 'ISO 4217, lower case.';
    create index idx_cart_customer_id on public.cart (customer_id);
    create index idx_cart_open on public.cart (updated_at) where completed_at is null and deleted_at is null;
    perform public.audit('public.cart');
end
$$;
