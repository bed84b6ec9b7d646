-- Right before mails are sent: who may not be, and why. A marketing mail that may go is counted for its recipient, if there is
-- a cap and it was not counted at an earlier attempt. `later`: another one to the same address is in hand just now.
-- $1 ids, $2 addresses, $3 consents, $4 whether about the blog, $5 whether to be counted, $6 the cap (0: none), $7 its days.
with input as materialized (
    select i.id, i.address, i.consent, i.counts, i.nth, public.mail_hash(i.address) as hash,
           public.mail_stop(i.address, i.consent, i.of_blog) as stop
      from unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::boolean[]) with ordinality
        as i (id, address, consent, of_blog, counts, nth)
), candidates as materialized (
    select distinct on (i.hash) i.id, i.hash from input i
     where $6::bigint > 0 and i.counts and i.consent = 'marketing' and i.stop is null
     order by i.hash, i.nth
), counted as (
    insert into public.marketing_mails as m (address_hash, sent_at)
    select c.hash, array[clock_timestamp()] from candidates c order by c.hash
    on conflict (address_hash) do update
       set sent_at = array(select t from unnest(m.sent_at) t
                            where t > clock_timestamp() - $7::bigint * interval '1 day' order by t) || clock_timestamp()
     where (select count(*) from unnest(m.sent_at) t
             where t > clock_timestamp() - $7::bigint * interval '1 day') < $6::bigint
    returning m.address_hash
)
select i.id, case
           when i.stop is not null then i.stop
           when $6::bigint = 0 or not i.counts or i.consent <> 'marketing' then null
           when c.id is null then 'later'
           when n.address_hash is null then 'capped'
       end as stop
  from input i
  left join candidates c on c.id = i.id
  left join counted n on n.address_hash = c.hash
