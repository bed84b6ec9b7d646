-- Every line that ever changed a balance. The id is the effect's: an award done twice is one line.
create table public.loyalty_ledger (
    id           uuid primary key,
    customer_id  uuid not null references public.customers (id) on delete cascade,
    order_id     uuid references public.orders (id) on delete set null,
    points       bigint not null check (points <> 0),
    reason       text not null,
    execution_id uuid,
    created_at   timestamptz not null default now()
);
comment on table public.loyalty_ledger is 'Points earned and spent, line by line. Never changed, only reversed.';
comment on column public.loyalty_ledger.points is 'Positive: earned. Negative: spent or reversed.';

create index idx_loyalty_ledger_customer_id on public.loyalty_ledger (customer_id, created_at desc);
create index idx_loyalty_ledger_order_id on public.loyalty_ledger (order_id);
