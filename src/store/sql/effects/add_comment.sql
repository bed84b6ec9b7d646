, found as materialized (
    select f.id, o.id as order_id, f.input ->> 'order' as asked_for, f.input ->> 'body' as body
    from fresh f
    left join lateral (select o.id from public.orders o where o.id = (f.input ->> 'order')::uuid limit 1) o on true
), entered as (
    insert into public.project_comments (id, order_id, user_id, body)
    select w.id, w.order_id, null, w.body from found w where w.order_id is not null order by w.order_id
), judged as (
    select w.id, case when w.order_id is null then format('there is no order %s', w.asked_for) end as refused,
           'commented' as why, jsonb_build_object('comment_id', w.id) as result,
           jsonb_build_array(jsonb_build_object('table', 'project_comments', 'key', w.id,
               'after', jsonb_build_object('order_id', w.order_id, 'body', w.body))) as changes
    from found w
)