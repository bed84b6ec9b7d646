-- Writes ledger lines that are not there yet and adds them to the balances. One row back per input whose customer is known.
-- $1 ids, $2 customers, $3 orders, $4 points, $5 reasons, $6 executions, $7 when they expire.
with known as materialized (
    select i.id, i.customer_id, o.id as order_id, i.points, i.reason, i.execution_id, i.expires_at
    from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::uuid[], $7::timestamptz[])
        as i (id, customer_id, order_id, points, reason, execution_id, expires_at)
    -- Looked up one by one, however few there were when this was planned.
    cross join lateral (select from public.customers c where c.id = i.customer_id limit 1) c
    left join lateral (select o.id from public.orders o where o.id = i.order_id limit 1) o on true
), entered as (
    insert into public.loyalty_ledger (id, customer_id, order_id, kind, points, reason, execution_id, expires_at)
    select id, customer_id, order_id, 'earned', points, reason, execution_id, expires_at from known where points <> 0
    on conflict (id) do nothing
    returning id, customer_id, points, expires_at
), balances as (
    insert into public.loyalty_points (customer_id, balance, next_expiry)
    select customer_id, sum(points), min(expires_at) from entered group by customer_id order by customer_id
    on conflict (customer_id) do update set balance = loyalty_points.balance + excluded.balance,
        next_expiry = least(loyalty_points.next_expiry, excluded.next_expiry)
    returning customer_id, balance
)
select known.id, entered.id is not null as entered_now,
       coalesce(balances.balance,
                (select p.balance from public.loyalty_points p where p.customer_id = known.customer_id), 0) as balance
from known
left join entered on entered.id = known.id
left join balances on balances.customer_id = known.customer_id
