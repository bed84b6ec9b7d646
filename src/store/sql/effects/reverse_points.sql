, wanted as materialized (
    select f.id, f.execution_id, (f.input ->> 'customer')::uuid as customer_id, (f.input ->> 'order')::uuid as order_id,
           (f.input ->> 'execution')::uuid as of_execution, (f.input ->> 'part')::numeric as part,
           (f.input ->> 'whole')::numeric as whole, f.input ->> 'reason' as reason, (f.input ->> 'gives_back')::boolean as gives_back
    from fresh f
), lines as materialized (
    -- Of each line so much as its share is, less what was reversed before.
    select w.id, l.id as line_id, l.order_id, l.created_at, l.points > 0 as is_earned,
           floor(abs(l.points) * w.part / w.whole)::bigint - coalesce(r.points, 0) as points
    from wanted w
    cross join lateral (
        select l.id, l.order_id, l.created_at, l.points from public.loyalty_ledger l
        where l.customer_id = w.customer_id and l.kind in ('earned', 'redeemed')
          and case when w.of_execution is null then l.order_id = w.order_id else l.execution_id = w.of_execution end
          and (l.points > 0 or w.gives_back)
    ) l
    left join lateral (
        -- A reversal may have been undone itself.
        select sum(abs(r.points) - coalesce(abs((select sum(u.points) from public.loyalty_ledger u where u.reverses = r.id)), 0))::bigint as points
        from public.loyalty_ledger r where r.reverses = l.id
    ) r on true
), known_balances as materialized (
    select w.id, coalesce(p.balance, 0) as balance,
           coalesce((select sum(l.points) from lines l where l.id = w.id and not l.is_earned and l.points > 0), 0)::bigint as back,
           coalesce((select sum(l.points) from lines l where l.id = w.id and l.is_earned and l.points > 0), 0)::bigint as due
    from wanted w
    -- Locked before, unless it was not there yet: then as it is by now.
    left join lateral (select p.balance from public.loyalty_points p where p.customer_id = w.customer_id limit 1 for update) p on true
), taken as materialized (
    -- What was spent since can't be taken back: the latest lines first, as far as the balance goes.
    select l.id, l.line_id, l.order_id, case when l.is_earned then - greatest(0, least(l.points,
               b.balance + b.back - coalesce(sum(l.points) over (partition by l.id, l.is_earned order by l.created_at desc, l.line_id
                   rows between unbounded preceding and 1 preceding), 0))) else l.points end::bigint as points
    from lines l join known_balances b on b.id = l.id
    where l.points > 0
), entered as (
    insert into public.loyalty_ledger (customer_id, order_id, kind, points, reason, execution_id, reverses)
    select w.customer_id, t.order_id, 'reversed', t.points, w.reason, w.execution_id, t.line_id
    from wanted w join taken t on t.id = w.id
    where t.points <> 0
    returning id, customer_id, points
), sums as materialized (
    select e.customer_id, sum(e.points)::bigint as points, - coalesce(sum(e.points) filter (where e.points < 0), 0)::bigint as taken
    from entered e group by e.customer_id
), balances as (
    update public.loyalty_points p
    set balance = p.balance + (select s.points from sums s where s.customer_id = p.customer_id)
    where p.customer_id = any (array(select s.customer_id from sums s))
), judged as (
    select w.id, null::text as refused,
           case when s.points is null then 'no points to reverse'
                else format('%s points: %s → %s%s', s.points, b.balance, b.balance + s.points,
                    case when b.due > s.taken then format('; %s were spent already', b.due - s.taken) else '' end) end as why,
           jsonb_build_object('points', coalesce(s.points, 0), 'balance', b.balance + coalesce(s.points, 0),
               'missing', b.due - coalesce(s.taken, 0)) as result,
           case when s.points is null then '[]'::jsonb else
               (select jsonb_agg(jsonb_build_object('table', 'loyalty_ledger', 'key', e.id,
                    'after', jsonb_build_object('points', e.points))) from entered e where e.customer_id = w.customer_id)
               || jsonb_build_object('table', 'loyalty_points', 'key', w.customer_id,
                    'before', jsonb_build_object('balance', b.balance), 'after', jsonb_build_object('balance', b.balance + s.points)) end as changes
    from wanted w join known_balances b on b.id = w.id left join sums s on s.customer_id = w.customer_id
)