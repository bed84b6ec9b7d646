-- How many of what, for each version of an order.
do $$
begin
    if to_regclass('public.order_item') is not null then
        return;
    end if;
    create table public.order_item (
        id                 text primary key default 'orditem_' || replace(gen_random_uuid()::text, '-', ''),
        order_id           text not null references public."order" (id) on delete cascade,
        version            integer not null default 1,
        item_id            text not null,
        quantity           numeric not null check (quantity >= 0),
        fulfilled_quantity numeric not null default 0,
        shipped_quantity   numeric not null default 0,
        delivered_quantity numeric not null default 0,
        returned_quantity  numeric not null default 0,
        unit_price         numeric,
        metadata           jsonb,
        created_at         timestamptz not null default now(),
        updated_at         timestamptz not null default now(),
        deleted_at         timestamptz,
        created_by         text
    );
    comment on table public.order_item is 'A line of an order with its quantities, as Medusa has it.';
    comment on column public.order_item.item_id is 'The line item: what was ordered and under which title.';
    comment on column public.order_item.unit_price is 'In the currency''s major unit: 25 is 25.00.';
    create index idx_order_item_order_id on public.order_item (order_id, version);
    perform public.audit('public.order_item');
end
$$;
