, wanted as materialized (
    select f.id, f.execution_id, (f.input ->> 'order')::uuid as order_id, (f.input ->> 'amount')::bigint as amount,
           (f.input ->> 'percent')::numeric as percent, f.input ->> 'currency' as currency, (f.input ->> 'due')::timestamptz as due_date
    from fresh f
), found as materialized (
    select w.id, w.execution_id, w.order_id, w.due_date, coalesce(w.currency, o.currency) as currency,
           coalesce(w.amount, ceil(o.total * w.percent / 100)::bigint) as amount,
           o.currency as order_currency, o.status, o.payment_status, coalesce(d.asked, 0) as asked,
           case when o.payment_status in ('paid', 'partially_refunded', 'refunded') then 0
                else greatest(0, o.total - o.refunded_total - coalesce(d.asked, 0)) end as owed
    from wanted w
    left join lateral (select o.id, o.currency, o.status, o.payment_status, o.total, o.refunded_total
                       from public.orders o where o.id = w.order_id limit 1) o on true
    -- What was paid or is still to be paid by other deposits.
    left join lateral (select sum(d.amount) as asked from public.deposits d
                       where d.order_id = w.order_id and d.status in ('pending', 'paid')) d on true
), entered as (
    insert into public.deposits (id, order_id, amount, currency, due_date, execution_id)
    select w.id, w.order_id, w.amount, w.currency, w.due_date, w.execution_id
    from found w
    where w.currency = w.order_currency and w.status not in ('cancelled', 'refunded') and w.amount between 1 and w.owed
    returning id
), judged as (
    select w.id,
           case when w.order_currency is null then format('there is no order %s', w.order_id)
                when w.currency <> w.order_currency
                    then format('the order is in %s, the deposit in %s', w.order_currency, w.currency)
                when w.status in ('cancelled', 'refunded') then format('the order is %s', w.status)
                when w.payment_status in ('paid', 'partially_refunded', 'refunded') then 'the order is paid: nothing is owed'
                when w.amount <= 0 then 'there is nothing to pay: the order''s total is not above zero'
                when w.amount > w.owed then format('a deposit of %s is more than the %s that are owed; deposits of %s are asked for already',
                    public.money_text(w.amount, w.currency), public.money_text(w.owed, w.currency),
                    public.money_text(w.asked, w.currency)) end as refused,
           format('%s until %s', public.money_text(w.amount, w.currency),
               to_char(w.due_date at time zone 'UTC', 'YYYY-MM-DD')) as why,
           jsonb_build_object('deposit_id', w.id, 'amount', w.amount, 'currency', w.currency, 'due_date', w.due_date) as result,
           jsonb_build_array(jsonb_build_object('table', 'deposits', 'key', w.id, 'after', jsonb_build_object('order_id', w.order_id,
               'amount', w.amount, 'currency', w.currency, 'due_date', w.due_date, 'status', 'pending'))) as changes
    from found w
)