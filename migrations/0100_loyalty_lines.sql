-- What a line of the ledger is about: only what was earned can be reversed or expire, and only once.
alter table public.loyalty_ledger
    add column kind text not null default 'earned' check (kind in ('earned', 'redeemed', 'reversed', 'expired')),
    add column reverses uuid references public.loyalty_ledger (id) on delete cascade,
    add column expires_at timestamptz,
    add constraint a_reversal_says_of_what check ((kind = 'reversed') = (reverses is not null)),
    add constraint what_was_earned_expires check (expires_at is null or kind = 'earned');
comment on column public.loyalty_ledger.reverses is 'The line that it reverses, or a part of it.';
comment on column public.loyalty_ledger.expires_at is 'When what is not spent by then is lost; null: never.';
create index idx_loyalty_ledger_reverses on public.loyalty_ledger (reverses) where reverses is not null;

-- The past, without events of it.
alter table public.loyalty_ledger disable trigger user;
update public.loyalty_ledger l set kind = 'redeemed' where l.points < 0;
alter table public.loyalty_ledger enable trigger user;
select public.put_event_triggers(t) from public.event_tables t where t.table_name = 'loyalty_ledger';

-- Who spends points need not say more than that.
create function public.kind_of_ledger_line() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    new.kind := 'redeemed';
    return new;
end
$$;
comment on function public.kind_of_ledger_line() is 'Before-insert trigger of loyalty_ledger: points below zero were not earned.';
create trigger kind_of_ledger_line before insert on public.loyalty_ledger
    for each row when (new.points < 0 and new.kind = 'earned') execute function public.kind_of_ledger_line();

-- The customers to look at are found by it, however long the ledger is.
alter table public.loyalty_points add column next_expiry timestamptz;
comment on column public.loyalty_points.next_expiry is 'When points of this customer may next expire; null: never.';
create index idx_loyalty_points_next_expiry on public.loyalty_points (next_expiry) where next_expiry is not null;
select public.put_event_triggers(t) from public.event_tables t where t.table_name = 'loyalty_points';

create or replace function public.keep_balances() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- In two steps: checks judge the row that is proposed, even where it would be added to one that is there, so points
    -- could never be spent. Locked in key order, as the engine does.
    insert into public.loyalty_points (customer_id)
    select distinct l.customer_id from new_lines l order by l.customer_id on conflict do nothing;
    perform from public.loyalty_points p where p.customer_id in (select l.customer_id from new_lines l)
      order by p.customer_id for no key update;
    update public.loyalty_points p
       set balance = p.balance + entered.points, next_expiry = least(p.next_expiry, entered.next_expiry)
      from (select l.customer_id, sum(l.points) as points, min(l.expires_at) as next_expiry
              from new_lines l group by l.customer_id) entered
     where p.customer_id = entered.customer_id;
    return null;
end
$$;

-- What is spent is taken from what expires first. So of a customer's points that have expired, those are lost that are more
-- than what was spent, and lost, before.
create function public.expire_points(most integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    moment constant timestamptz := clock_timestamp();
    due uuid[];
begin
    select array_agg(found.customer_id) into due from (
        select p.customer_id from public.loyalty_points p where p.next_expiry <= moment
         order by p.next_expiry limit most for update skip locked) found;
    with lines as materialized (
        select l.customer_id, l.kind, l.expires_at,
               abs(l.points) - coalesce((select sum(abs(r.points)) from public.loyalty_ledger r where r.reverses = l.id), 0) as points
          from public.loyalty_ledger l where l.customer_id = any (due) and l.kind <> 'reversed'
    ), sums as materialized (
        select l.customer_id, min(l.expires_at) filter (where l.expires_at > moment) as next_expiry,
               coalesce(sum(l.points) filter (where l.expires_at <= moment), 0)
                   - coalesce(sum(l.points) filter (where l.kind in ('redeemed', 'expired')), 0) as lost
          from lines l group by l.customer_id
    ), balances as materialized (
        select p.customer_id, s.next_expiry, greatest(0, least(p.balance, s.lost))::bigint as lost
          from public.loyalty_points p left join sums s on s.customer_id = p.customer_id where p.customer_id = any (due)
    ), entered as (
        insert into public.loyalty_ledger (customer_id, kind, points, reason)
        select b.customer_id, 'expired', - b.lost, 'points expired' from balances b where b.lost > 0
    )
    update public.loyalty_points p set balance = p.balance - coalesce(b.lost, 0), next_expiry = b.next_expiry
      from balances b where p.customer_id = b.customer_id;
    return coalesce(cardinality(due), 0);
end
$$;
comment on function public.expire_points(integer) is
    'Takes points away that have expired, from so many customers at most; of how many it looked at. For the daemon.';
revoke execute on function public.expire_points(integer), public.kind_of_ledger_line() from public, anon, authenticated, service_role;
grant execute on function public.expire_points(integer) to thendo_engine;

-- Balances are the sums of their lines. This is how one sees it.
create function public.audit_loyalty() returns table (customer_id uuid, balance bigint, points bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(p.customer_id, l.customer_id), coalesce(p.balance, 0), coalesce(l.points, 0)
      from public.loyalty_points p
      full join (select g.customer_id, sum(g.points)::bigint as points from public.loyalty_ledger g group by g.customer_id) l
        on l.customer_id = p.customer_id
     where coalesce(p.balance, 0) <> coalesce(l.points, 0)
$$;
comment on function public.audit_loyalty() is 'Customers whose balance is not the sum of their ledger: always none.';
revoke execute on function public.audit_loyalty() from public, anon, authenticated, service_role;
grant execute on function public.audit_loyalty() to service_role, thendo_engine;
