-- Part of an order's total, asked for before the work begins.
create table public.deposits (
    -- A workflow that makes one derives the id from its execution and node: doing it twice meets this key.
    id           uuid primary key default gen_random_uuid(),
    order_id     uuid not null references public.orders (id) on delete restrict,
    amount       bigint not null check (amount > 0),
    currency     text not null default 'EUR' check (currency ~ '^[A-Z]{3}$'),
    due_date     timestamptz not null,
    status       text not null default 'pending' check (status in ('pending', 'paid', 'waived', 'refunded')),
    paid_at      timestamptz,
    execution_id uuid,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.deposits is 'A deposit asked for on an order.';
comment on column public.deposits.amount is 'In the currency''s minor unit: 12500 is 125.00.';
comment on column public.deposits.due_date is 'Until when it is to be paid.';
comment on column public.deposits.paid_at is 'When status first became paid.';
comment on column public.deposits.execution_id is 'The workflow execution that asked for it, if one did.';

create index idx_deposits_order_id on public.deposits (order_id);
create index idx_deposits_due_date on public.deposits (due_date) where status = 'pending';
select public.audit('public.deposits');

-- Raised where the row is written, so that no workflow or checkout asks for euros on an order in dollars.
create function public.check_deposit() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    currency_of_order constant text := (select o.currency from public.orders o where o.id = new.order_id);
begin
    if new.currency <> currency_of_order then
        raise check_violation using message = format('a deposit in %s on an order in %s', new.currency, currency_of_order),
            hint = 'A deposit is in the currency of its order.';
    end if;
    if new.status = 'paid' then
        new.paid_at := coalesce(new.paid_at, clock_timestamp());
    end if;
    return new;
end
$$;
comment on function public.check_deposit() is 'Before-write trigger of deposits: the order''s currency; stamps paid_at.';
create trigger check_deposit before insert or update of status, currency, order_id on public.deposits
    for each row execute function public.check_deposit();
