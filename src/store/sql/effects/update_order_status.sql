, found as materialized (
    select f.id, f.input ->> 'row' as asked_for, r.id as row_id, r.status as former, f.input ->> 'to' as status,
           r.status in (select jsonb_array_elements_text(f.input -> 'from')) as may
    from fresh f
    left join lateral (select r.id, r.status from public.orders r
                       where r.id = (f.input ->> 'row')::uuid limit 1) r on true
), moved as (
    update public.orders r set status = (select w.status from found w where w.row_id = r.id)
    where r.id = any (array(select w.row_id from found w where w.may))
    returning r.id
), judged as (
    select w.id,
           case when w.row_id is null then format('there is no order %s', w.asked_for)
                when not w.may and w.former <> w.status then format('the order is %s: it can''t become %s', w.former, w.status) end as refused,
           case when m.id is null then format('is %s already', w.former) else format('%s → %s', w.former, w.status) end as why,
           jsonb_build_object('order_id', w.row_id, 'status', w.status, 'former', w.former) as result,
           case when m.id is null then '[]'::jsonb else jsonb_build_array(jsonb_build_object('table', 'orders', 'key', w.row_id,
               'before', jsonb_build_object('status', w.former), 'after', jsonb_build_object('status', w.status))) end as changes
    from found w left join moved m on m.id = w.row_id
)