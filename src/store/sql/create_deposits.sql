-- Asks for deposits that are not asked for yet. One row back per input.
-- $1 ids, $2 orders, $3 amounts, $4 currencies, $5 due dates, $6 executions.
with input as materialized (
    select i.id, i.order_id, i.amount, i.currency, i.due_date, i.execution_id from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::timestamptz[], $6::uuid[])
        as i (id, order_id, amount, currency, due_date, execution_id)
), known as materialized (
    select i.id, i.order_id, i.amount, i.currency, i.due_date, i.execution_id, o.currency as order_currency from input i
    -- Looked up one by one, however few there were when this was planned.
    cross join lateral (select o.id, o.currency from public.orders o where o.id = i.order_id limit 1) o
), entered as (
    insert into public.deposits (id, order_id, amount, currency, due_date, execution_id)
    select id, order_id, amount, currency, due_date, execution_id from known where currency = order_currency
    order by order_id
    on conflict (id) do nothing
    returning id
)
select input.id, entered.id is not null as entered_now, known.id is not null as order_known, known.order_currency
from input
left join known on known.id = input.id
left join entered on entered.id = input.id
