, found as materialized (
    select f.id, f.execution_id, c.id as customer_id, f.input ->> 'customer' as asked_for, (f.input ->> 'points')::bigint as points,
           f.input ->> 'reason' as reason, o.id as order_id, coalesce(p.balance, 0) as balance
    from fresh f
    left join lateral (select c.id from public.customers c where c.id = (f.input ->> 'customer')::uuid limit 1) c on true
    -- Locked before, unless it was not there yet: then as it is by now.
    left join lateral (select p.balance from public.loyalty_points p
                       where p.customer_id = (f.input ->> 'customer')::uuid limit 1 for update) p on true
    left join lateral (select o.id from public.orders o where o.id = (f.input ->> 'order')::uuid limit 1) o on true
), entered as (
    insert into public.loyalty_ledger (id, customer_id, order_id, kind, points, reason, execution_id)
    select w.id, w.customer_id, w.order_id, 'redeemed', - w.points, w.reason, w.execution_id from found w
    where w.customer_id is not null and w.points <= w.balance
    returning id
), balances as (
    update public.loyalty_points p
    set balance = p.balance - (select w.points from found w join entered e on e.id = w.id where w.customer_id = p.customer_id)
    where p.customer_id = any (array(select w.customer_id from found w join entered e on e.id = w.id))
), judged as (
    select w.id,
           case when w.customer_id is null then format('there is no customer %s', w.asked_for)
                when w.points > w.balance then format('%s points are more than the balance of %s', w.points, w.balance) end as refused,
           format('%s points: %s → %s', - w.points, w.balance, w.balance - w.points) as why,
           jsonb_build_object('points', w.points, 'balance', w.balance - w.points) as result,
           jsonb_build_array(
               jsonb_build_object('table', 'loyalty_ledger', 'key', w.id, 'after', jsonb_build_object('points', - w.points)),
               jsonb_build_object('table', 'loyalty_points', 'key', w.customer_id,
                   'before', jsonb_build_object('balance', w.balance), 'after', jsonb_build_object('balance', w.balance - w.points))
           ) as changes
    from found w
)