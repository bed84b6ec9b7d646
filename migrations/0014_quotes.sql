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

create function public.stamp_quote() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.status <> 'draft' then
        new.sent_at := coalesce(new.sent_at, clock_timestamp());
    end if;
    new.decided_at := case when new.status in ('accepted', 'declined') then coalesce(new.decided_at, clock_timestamp()) end;
    return new;
end
$$;
comment on function public.stamp_quote() is 'Before-write trigger of quotes: stamps the instants of its states.';
create trigger stamp_quote before insert or update of status on public.quotes
    for each row execute function public.stamp_quote();
