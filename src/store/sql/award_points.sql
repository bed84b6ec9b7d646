-- Writes ledger lines that are not there yet and adds them to the balances. One row back per input.
-- $1 ids, $2 customers, $3 orders, $4 points, $5 reasons, $6 executions.
with input as materialized (
    select i.id, i.customer_id, i.order_id, i.points, i.reason, i.execution_id from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::uuid[])
        as i (id, customer_id, order_id, points, reason, execution_id)
), known as materialized (
    select i.id, i.customer_id, o.id as order_id, i.points, i.reason, i.execution_id
    from input i
    join public.customers c on c.id = i.customer_id
    left join public.orders o on o.id = i.order_id
), entered as (
    insert into public.loyalty_ledger (id, customer_id, order_id, points, reason, execution_id)
    select id, customer_id, order_id, points, reason, execution_id from known
    on conflict (id) do nothing
    returning id, customer_id, points
), balances as (
    insert into public.loyalty_points (customer_id, balance)
    select customer_id, sum(points) from entered group by customer_id order by customer_id
    on conflict (customer_id) do update set balance = loyalty_points.balance + excluded.balance
    returning customer_id, balance
)
select input.id, entered.id is not null as entered_now, known.id is not null as customer_known,
       coalesce(balances.balance, former.balance, 0) as balance
from input
left join known on known.id = input.id
left join entered on entered.id = input.id
left join balances on balances.customer_id = input.customer_id
left join public.loyalty_points former on former.customer_id = input.customer_id
