, found as materialized (
    select f.id, c.id as customer_id, f.input ->> 'customer' as asked_for, f.input ->> 'tier' as tier, c.tier_id as former_id,
           t.id as tier_id, t.name, old.name as former, (f.input ->> 'only_up')::boolean and old.rank is not null and (t.rank is null or t.rank < old.rank) as is_down
    from fresh f
    left join lateral (select c.id, c.tier_id from public.customers c where c.id = (f.input ->> 'customer')::uuid limit 1) c on true
    -- The one that is named, else the highest that the balance reaches.
    left join lateral (
        select t.id, t.name, t.rank from public.loyalty_tiers t
        where case when f.input ->> 'tier' is null then t.least_points <= coalesce(
                  (select p.balance from public.loyalty_points p where p.customer_id = c.id), 0)
              else t.name = f.input ->> 'tier' end
        order by t.rank desc limit 1
    ) t on true
    left join lateral (select o.name, o.rank from public.loyalty_tiers o where o.id = c.tier_id limit 1) old on true
), moved as (
    update public.customers c set tier_id = (select w.tier_id from found w where w.customer_id = c.id)
    where c.id = any (array(select w.customer_id from found w
        where w.tier_id is distinct from w.former_id and not w.is_down and (w.tier is null or w.tier_id is not null)))
    returning c.id
), judged as (
    select w.id,
           case when w.customer_id is null then format('there is no customer %s', w.asked_for)
                when w.tier is not null and w.tier_id is null then format('there is no tier `%s` in loyalty_tiers', w.tier) end as refused,
           case when m.id is not null then format('%s → %s', coalesce(w.former, 'no tier'), coalesce(w.name, 'no tier'))
                when w.is_down then format('stays in %s, which is above %s', w.former, coalesce(w.name, 'none'))
                else format('is in %s already', coalesce(w.former, 'no tier')) end as why,
           jsonb_build_object('tier', case when m.id is null then w.former else w.name end, 'former', w.former,
               'changed', m.id is not null) as result,
           case when m.id is null then '[]'::jsonb else jsonb_build_array(jsonb_build_object('table', 'customers', 'key', w.customer_id,
               'before', jsonb_build_object('tier_id', w.former_id), 'after', jsonb_build_object('tier_id', w.tier_id))) end as changes
    from found w left join moved m on m.id = w.customer_id
)