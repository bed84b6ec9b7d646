, found as materialized (
    select f.id, c.id as customer_id, f.input ->> 'customer' as asked_for, f.input ->> 'tag' as tag, t.tag is not null as has
    from fresh f
    left join lateral (select c.id from public.customers c where c.id = (f.input ->> 'customer')::uuid limit 1) c on true
    left join lateral (select t.tag from public.customer_tags t where t.customer_id = c.id and t.tag = f.input ->> 'tag' limit 1) t on true
), gone as (
    delete from public.customer_tags t
    where (t.customer_id, t.tag) in (select w.customer_id, w.tag from found w where w.has)
), judged as (
    select w.id, case when w.customer_id is null then format('there is no customer %s', w.asked_for) end as refused,
           case when w.has then format('the tag `%s` is gone', w.tag) else format('had no tag `%s`', w.tag) end as why,
           jsonb_build_object('tag', w.tag, 'changed', w.has) as result,
           case when w.has then jsonb_build_array(jsonb_build_object('table', 'customer_tags', 'key', format('%s %s', w.customer_id, w.tag),
               'before', jsonb_build_object('customer_id', w.customer_id, 'tag', w.tag))) else '[]'::jsonb end as changes
    from found w
)