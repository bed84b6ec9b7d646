-- Which fulfilments belong to which order: a link between two modules of Medusa.
do $$
begin
    if to_regclass('public.order_fulfillment') is not null then
        return;
    end if;
    create table public.order_fulfillment (
        id             text not null unique default 'ordful_' || replace(gen_random_uuid()::text, '-', ''),
        order_id       text not null references public."order" (id) on delete cascade,
        fulfillment_id text not null,
        created_at     timestamptz not null default now(),
        updated_at     timestamptz not null default now(),
        deleted_at     timestamptz,
        created_by     text,
        primary key (order_id, fulfillment_id)
    );
    comment on table public.order_fulfillment is 'That an order is fulfilled by a shipment, as Medusa has it.';
    comment on column public.order_fulfillment.fulfillment_id is 'Medusa''s id of the shipment: ful_….';
    perform public.audit('public.order_fulfillment');
end
$$;
