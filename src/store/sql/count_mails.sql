-- Right before marketing mails are sent: each is counted for its recipient. `capped`: they were sent as many as they may be;
-- `later`: another one to the same address is in hand just now.
-- $1 ids, $2 addresses, $3 the cap, $4 its days.
with input as materialized (
    select i.id, i.nth, public.mail_hash(i.address) as hash
      from unnest($1::uuid[], $2::text[]) with ordinality as i (id, address, nth)
), candidates as materialized (
    select distinct on (i.hash) i.id, i.hash from input i order by i.hash, i.nth
), counted as (
    insert into public.marketing_mails as m (address_hash, sent_at)
    select c.hash, array[clock_timestamp()] from candidates c order by c.hash
    on conflict (address_hash) do update
       set sent_at = array(select t from unnest(m.sent_at) t
                            where t > clock_timestamp() - $4::bigint * interval '1 day' order by t) || clock_timestamp()
     where (select count(*) from unnest(m.sent_at) t
             where t > clock_timestamp() - $4::bigint * interval '1 day') < $3::bigint
    returning m.address_hash
)
select i.id, case when c.id is null then 'later' else 'capped' end as stop
  from input i
  left join candidates c on c.id = i.id
  left join counted n on n.address_hash = c.hash
 where n.address_hash is null
