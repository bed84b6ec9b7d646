-- An order with its deposit, both or neither: half of it, rounded up, due in 7 days.
-- Runs with its caller's rights, so that the policies decide: admins and the service role may.
create function public.create_project_order(customer_id uuid, amount integer)
returns table (order_id uuid, deposit_amount integer)
language sql
set search_path = pg_catalog, pg_temp
as $$
    with placed as (
        insert into public.orders (customer_id, total, status) values ($1, $2, 'pending') returning id, currency
    ), asked as (
        insert into public.deposits (order_id, amount, currency, due_date)
        select placed.id, $2 - $2 / 2, placed.currency, now() + interval '7 days' from placed
        returning deposits.order_id, deposits.amount
    )
    select asked.order_id, asked.amount::integer from asked
$$;
comment on function public.create_project_order(uuid, integer) is
    'Places an order over amount (minor units) and asks for half of it, rounded up, within 7 days.';
