-- Takes due deliveries: committed before the first byte leaves. Destinations and their workflows take turns, from where
-- the last lease ended; a destination with enough under way is passed over.
-- $1 limit, $2 token, $3 lease in ms, $4 whether mails are repeatable, $5 most for one destination, $6 and $7 destinations
-- with something under way and how much, $8 and $9 destination and workflow that had the last turn.
-- One row back for each that was chosen; those that another daemon was quicker with are not `leased`, those whose
-- recipient is not to be mailed have a `stop`. At the end one without an id, if there are more turns than one look takes: how
-- far it came.
with recursive busy as materialized (
    select b.destination, greatest($5::bigint - b.under_way, 0) as room
      from unnest($6::text[], $7::bigint[]) as b (destination, under_way)
), behind (destination, workflow_id, n) as (
    (select d.destination, d.workflow_id, 1 from public.workflow_deliveries d
      where d.status = 'pending' and (d.destination, d.workflow_id) > ($8::text, $9::uuid)
      order by d.destination, d.workflow_id limit 1)
    union all
    -- Each step is one look into the index.
    select next.destination, next.workflow_id, g.n + 1 from behind g cross join lateral (
        select d.destination, d.workflow_id from public.workflow_deliveries d
         where d.status = 'pending' and (d.destination, d.workflow_id) > (g.destination,
               case when exists (select from busy b where b.destination = g.destination and b.room = 0)
                    then 'ffffffff-ffff-ffff-ffff-ffffffffffff' else g.workflow_id end)
         order by d.destination, d.workflow_id limit 1) next
     where g.n < 64
), before (destination, workflow_id, n) as (
    (select d.destination, d.workflow_id, 65 from public.workflow_deliveries d
      where d.status = 'pending' and (d.destination, d.workflow_id) <= ($8::text, $9::uuid)
      order by d.destination, d.workflow_id limit 1)
    union all
    select next.destination, next.workflow_id, g.n + 1 from before g cross join lateral (
        select d.destination, d.workflow_id from public.workflow_deliveries d
         where d.status = 'pending' and (d.destination, d.workflow_id) <= ($8::text, $9::uuid)
           and (d.destination, d.workflow_id) > (g.destination,
               case when exists (select from busy b where b.destination = g.destination and b.room = 0)
                    then 'ffffffff-ffff-ffff-ffff-ffffffffffff' else g.workflow_id end)
         order by d.destination, d.workflow_id limit 1) next
     where g.n < 128
), turns as materialized (
    select g.destination, g.workflow_id, g.n, coalesce(b.room, $5::bigint) as room
      from (select destination, workflow_id, n from behind union all select destination, workflow_id, n from before) g
      left join busy b on b.destination = g.destination
     where coalesce(b.room, $5::bigint) > 0
       and not exists (select from public.workflow_holds h
                        where h.workflow_id in (g.workflow_id, '00000000-0000-0000-0000-000000000000'))
), due as (
    select one.id, t.n, t.destination, t.room, row_number() over (partition by t.n order by one.due_at) as nth
      from turns t cross join lateral (
        select d.id, d.due_at from public.workflow_deliveries d
         where d.status = 'pending' and d.destination = t.destination and d.workflow_id = t.workflow_id
           and d.due_at <= statement_timestamp()
         order by d.due_at limit least($1::bigint, t.room)) one
), chosen as (
    select c.id, c.nth, c.n from (
        select w.id, w.nth, w.n, w.room, row_number() over (partition by w.destination order by w.nth, w.n) as of_destination
          from due w) c
     where c.of_destination <= c.room
     order by c.nth, c.n limit $1::bigint
), held as (
    select d.id from chosen c cross join lateral (
        -- By its key, not by way of all that are pending.
        select d.id from public.workflow_deliveries d
         where d.id = c.id and d.status is not distinct from 'pending' limit 1 for update skip locked) d
), leased as (
    update public.workflow_deliveries d
       set status = 'sending', attempt = d.attempt + 1, lease_token = $2,
           lease_until = clock_timestamp() + $3::bigint * interval '1 millisecond',
           first_attempt_at = coalesce(d.first_attempt_at, clock_timestamp()),
           repeatable = d.kind = 'http' or $4
     where d.id = any (array(select h.id from held h))
    returning d.id, d.execution_id, d.kind, d.payload, d.attempt, d.retry, d.destination, d.workflow_id,
              greatest(0, extract(epoch from clock_timestamp() - d.first_attempt_at) * 1000)::bigint as since_first_ms
)
select chosen.id, leased.id is not null as leased, leased.execution_id, leased.kind, leased.payload, leased.attempt, leased.retry,
       leased.destination, leased.workflow_id, leased.since_first_ms,
       -- What was so when it was handed over may be so no more.
       case when leased.kind = 'email' then (select s.stop from public.mail_stop(leased.payload ->> 'to',
                coalesce(leased.payload ->> 'consent', 'transactional'), leased.payload ? 'of_blog') s) end as stop,
       chosen.nth, chosen.n
  from chosen left join leased on leased.id = chosen.id
union all
select null, false, null, null, null, null, null, far.destination, far.workflow_id, null, null, null, null
  from (select b.destination, b.workflow_id, b.n from behind b where b.n = 64
        union all select b.destination, b.workflow_id, b.n from before b where b.n = 128
        order by n limit 1) far
 order by nth, n
