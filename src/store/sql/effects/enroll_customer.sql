, found as materialized (
    select f.id, c.id as customer_id, f.input ->> 'customer' as asked_for, f.input ->> 'product' as product_id,
           f.input ->> 'title' as title, o.id as order_id, (f.input ->> 'expires')::timestamptz as expires_at, has.id as has_id
    from fresh f
    left join lateral (select c.id from public.customers c where c.id = (f.input ->> 'customer')::uuid limit 1) c on true
    left join lateral (select o.id from public.orders o where o.id = (f.input ->> 'order')::uuid limit 1) o on true
    left join lateral (
        select e.id from public.enrollments e
        where e.customer_id = c.id and e.product_id = f.input ->> 'product' and e.status in ('active', 'paused') limit 1
    ) has on true
), entered as (
    insert into public.enrollments (id, customer_id, product_id, title, order_id, expires_at)
    select w.id, w.customer_id, w.product_id, w.title, w.order_id, w.expires_at from found w
    where w.customer_id is not null and w.has_id is null order by w.customer_id
    -- The shop itself may have been quicker.
    on conflict (customer_id, product_id) where (status in ('active', 'paused')) do nothing
    returning id
), judged as (
    select w.id, case when w.customer_id is null then format('there is no customer %s', w.asked_for) end as refused,
           case when e.id is null then format('is enrolled in `%s` already', w.title) else format('enrolled in `%s`', w.title) end as why,
           jsonb_build_object('enrollment_id', coalesce(e.id, w.has_id), 'created', e.id is not null) as result,
           case when e.id is null then '[]'::jsonb else jsonb_build_array(jsonb_build_object('table', 'enrollments', 'key', w.id,
               'after', jsonb_build_object('customer_id', w.customer_id, 'product_id', w.product_id, 'title', w.title,
                   'order_id', w.order_id, 'expires_at', w.expires_at))) end as changes
    from found w left join entered e on e.id = w.id
)