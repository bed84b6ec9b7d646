-- How far an order is: paid, sent, refunded. The instants are stamped here, so that every writer's are there.
alter table public.orders
    add column payment_status     text not null default 'unpaid'
        check (payment_status in ('unpaid', 'authorized', 'paid', 'partially_refunded', 'refunded', 'failed')),
    add column fulfillment_status text not null default 'unfulfilled'
        check (fulfillment_status in ('unfulfilled', 'partially_fulfilled', 'fulfilled', 'delivered', 'returned')),
    add column refunded_total     bigint not null default 0 check (refunded_total between 0 and total),
    add column paid_at            timestamptz,
    add column fulfilled_at       timestamptz,
    add column cancelled_at       timestamptz;
comment on column public.orders.refunded_total is 'Given back so far, in the currency''s minor unit; never more than the total.';
comment on column public.orders.paid_at is 'When payment_status first became paid.';
comment on column public.orders.fulfilled_at is 'When fulfillment_status first became fulfilled.';
comment on column public.orders.cancelled_at is 'When status became cancelled; null again when that was taken back.';

create function public.stamp_order_progress() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.payment_status in ('paid', 'partially_refunded', 'refunded') then
        new.paid_at := coalesce(new.paid_at, clock_timestamp());
    end if;
    if new.fulfillment_status in ('fulfilled', 'delivered', 'returned') then
        new.fulfilled_at := coalesce(new.fulfilled_at, clock_timestamp());
    end if;
    new.cancelled_at := case when new.status = 'cancelled' then coalesce(new.cancelled_at, clock_timestamp()) end;
    return new;
end
$$;
comment on function public.stamp_order_progress() is 'Before-write trigger of orders: stamps the instants of its states.';

-- Only where there is something to stamp: a plain new order pays nothing.
create trigger stamp_new_order before insert on public.orders for each row
    when (new.payment_status <> 'unpaid' or new.fulfillment_status <> 'unfulfilled' or new.status = 'cancelled')
    execute function public.stamp_order_progress();
create trigger stamp_order_progress before update of status, payment_status, fulfillment_status on public.orders
    for each row execute function public.stamp_order_progress();
