-- Every line that ever changed a balance. The id is the effect's: an award done twice is one line.
create table public.loyalty_ledger (
    id           uuid primary key default gen_random_uuid(),
    customer_id  uuid not null references public.customers (id) on delete cascade,
    order_id     uuid references public.orders (id) on delete set null,
    points       bigint not null check (points <> 0),
    reason       text not null,
    execution_id uuid,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.loyalty_ledger is 'Points earned and spent, line by line. Never changed, only reversed.';
comment on column public.loyalty_ledger.points is 'Positive: earned. Negative: spent or reversed.';
comment on column public.loyalty_ledger.execution_id is 'The workflow execution that did it, if one did.';

create index idx_loyalty_ledger_customer_id on public.loyalty_ledger (customer_id, created_at desc);
create index idx_loyalty_ledger_order_id on public.loyalty_ledger (order_id);
select public.audit('public.loyalty_ledger');

-- Whoever enters a line, the balance follows. The engine does both in one statement of its own, which also answers with
-- the balance; the name of its role (0078) says so.
create function public.keep_balances() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- In two steps: checks judge the row that is proposed, even where it would be added to one that is there, so points
    -- could never be spent. Locked in key order, as the engine does.
    insert into public.loyalty_points (customer_id)
    select distinct l.customer_id from new_lines l order by l.customer_id on conflict do nothing;
    perform from public.loyalty_points p where p.customer_id in (select l.customer_id from new_lines l)
      order by p.customer_id for no key update;
    update public.loyalty_points p set balance = p.balance + entered.points
      from (select l.customer_id, sum(l.points) as points from new_lines l group by l.customer_id) entered
     where p.customer_id = entered.customer_id;
    return null;
end
$$;
comment on function public.keep_balances() is 'After-insert trigger of loyalty_ledger: keeps loyalty_points its sum.';
create trigger keep_balances after insert on public.loyalty_ledger referencing new table as new_lines
    for each statement when (current_user <> 'thendo_engine') execute function public.keep_balances();
