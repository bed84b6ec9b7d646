-- What is sold of a product: a size, a colour, a licence.
do $$
begin
    if to_regclass('public.product_variant') is not null then
        return;
    end if;
    create table public.product_variant (
        id               text primary key default 'variant_' || replace(gen_random_uuid()::text, '-', ''),
        title            text not null,
        sku              text,
        barcode          text,
        allow_backorder  boolean not null default false,
        manage_inventory boolean not null default true,
        variant_rank     integer default 0,
        metadata         jsonb,
        product_id       text references public.product (id) on delete cascade,
        created_at       timestamptz not null default now(),
        updated_at       timestamptz not null default now(),
        deleted_at       timestamptz,
        created_by       text
    );
    comment on table public.product_variant is 'A variant of a product, with its own SKU, as Medusa has it.';
    comment on column public.product_variant.manage_inventory is 'Whether its stock is counted.';
    create unique index idx_product_variant_sku on public.product_variant (sku) where deleted_at is null;
    create index idx_product_variant_product_id on public.product_variant (product_id);
    perform public.audit('public.product_variant');
end
$$;
