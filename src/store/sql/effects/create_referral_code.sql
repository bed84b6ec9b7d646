, found as materialized (
    select f.id, c.id as customer_id, f.input ->> 'customer' as asked_for, (f.input ->> 'most_uses')::integer as most_uses,
           (f.input ->> 'expires')::timestamptz as expires_at, has.id as has_id, has.code as has_code,
           -- Not to be guessed: the event's id is drawn by chance.
           coalesce(f.input ->> 'code', upper(substr(md5(f.id::text), 1, 10))) as code
    from fresh f
    left join lateral (select c.id from public.customers c where c.id = (f.input ->> 'customer')::uuid limit 1) c on true
    left join lateral (
        select r.id, r.code from public.referral_codes r
        where r.customer_id = c.id and r.is_active and (r.expires_at is null or r.expires_at > clock_timestamp())
          and (r.most_uses is null or r.uses < r.most_uses) and f.input ->> 'code' is null and not (f.input ->> 'another')::boolean
        order by r.created_at limit 1
    ) has on true
), entered as (
    insert into public.referral_codes (id, customer_id, code, most_uses, expires_at)
    select w.id, w.customer_id, w.code, w.most_uses, w.expires_at from found w
    where w.customer_id is not null and w.has_id is null order by w.customer_id
    on conflict (code) do nothing
    returning id
), judged as (
    select w.id,
           case when w.customer_id is null then format('there is no customer %s', w.asked_for)
                when w.has_id is null and e.id is null then format('the code `%s` is taken', w.code) end as refused,
           case when w.has_id is null then format('code %s', w.code) else format('has the code %s already', w.has_code) end as why,
           jsonb_build_object('code', coalesce(w.has_code, w.code), 'referral_code_id', coalesce(w.has_id, w.id),
               'created', w.has_id is null) as result,
           case when e.id is null then '[]'::jsonb else jsonb_build_array(jsonb_build_object('table', 'referral_codes', 'key', w.id,
               'after', jsonb_build_object('customer_id', w.customer_id, 'code', w.code, 'most_uses', w.most_uses,
                   'expires_at', w.expires_at))) end as changes
    from found w left join entered e on e.id = w.id
)