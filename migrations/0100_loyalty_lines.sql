-- What a line of the ledger is about: only what was earned can be reversed or expire, and only once.
alter table public.loyalty_ledger
    add column kind text not null default 'earned' check (kind in ('earned', 'redeemed', 'reversed', 'expired')),
    add column reverses uuid references public.loyalty_ledger (id) on delete cascade,
    add column expires_at timestamptz,
    add constraint a_reversal_says_of_what check ((kind <> 'reversed' or reverses is not null) and (reverses is null or kind in ('reversed', 'expired'))),
    add constraint what_was_earned_expires check (expires_at is null or kind = 'earned');
comment on column public.loyalty_ledger.reverses is 'The line that it reverses, or that has expired; or a part of it.';
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

-- What is spent is taken from what expires first, of what there was at that time. So the lines are gone through as they came:
-- what is left of each that has expired is lost, and its loss names it, so that no refund takes it once more.
create function public.expire_points(most integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '300ms'
as $$
declare
    moment constant timestamptz := clock_timestamp();
    due uuid[];
    each_customer uuid;
    line record;
    lots uuid[];
    ends timestamptz[];
    left_of bigint[];
    to_take bigint;
    nth integer;
    lost bigint;
    next_one timestamptz;
begin
    if current_user <> 'thendo_engine' then
        raise insufficient_privilege using message = 'expire_points() is the daemon''s: for others keep_balances() would count twice';
    end if;
    select array_agg(found.customer_id) into due from (
        select p.customer_id from public.loyalty_points p where p.next_expiry <= moment
         order by p.next_expiry limit most for update skip locked) found;
    foreach each_customer in array coalesce(due, '{}') loop
        lots := '{}'; ends := '{}'; left_of := '{}'; lost := 0; next_one := null;
        for line in select l.id, l.kind, l.points, l.reverses, l.expires_at from public.loyalty_ledger l
                     where l.customer_id = each_customer order by l.created_at, l.points desc, l.id loop
            if line.points > 0 then
                -- Points that were given back don't expire.
                lots := lots || line.id; ends := ends || coalesce(line.expires_at, 'infinity'); left_of := left_of || line.points;
                continue;
            end if;
            to_take := - line.points;
            nth := array_position(lots, line.reverses);
            if nth is not null then
                left_of[nth] := left_of[nth] - least(left_of[nth], to_take);
                continue;
            end if;
            for nth in select i.n from unnest(ends) with ordinality as i (ends_at, n) order by i.ends_at, i.n loop
                exit when to_take = 0;
                continue when left_of[nth] = 0;
                declare
                    taken constant bigint := least(left_of[nth], to_take);
                begin
                    left_of[nth] := left_of[nth] - taken;
                    to_take := to_take - taken;
                end;
            end loop;
        end loop;
        for nth in 1 .. coalesce(cardinality(lots), 0) loop
            continue when left_of[nth] = 0 or ends[nth] = 'infinity';
            if ends[nth] > moment then
                next_one := least(next_one, ends[nth]);
                continue;
            end if;
            insert into public.loyalty_ledger (customer_id, kind, points, reason, reverses)
            values (each_customer, 'expired', - left_of[nth], 'points expired', lots[nth]);
            lost := lost + left_of[nth];
        end loop;
        update public.loyalty_points p set balance = p.balance - lost, next_expiry = next_one where p.customer_id = each_customer;
    end loop;
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
