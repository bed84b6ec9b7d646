-- What is old goes: months of events and executions as whole partitions, what fell into the default partitions and finished
-- deliveries in small batches. Each piece is a short transaction of its own, so functions do one piece and are called again.

-- Several daemons share what is done from time to time: one of them has the turn.
create function public.take_turn(at_task text, at_least_every interval) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    moment constant timestamptz := clock_timestamp();
begin
    insert into public.maintenance (task, last_run_at) values (at_task, '-infinity') on conflict do nothing;
    -- A clock that was set back must not put it off for ever.
    update public.maintenance m set last_run_at = moment
     where m.task = at_task and (m.last_run_at <= moment - at_least_every or m.last_run_at > moment + interval '1 hour');
    return found;
end
$$;
comment on function public.take_turn(text, interval) is
    'Whether the caller is to do the task now: nobody took this turn within the interval. For the daemon.';

-- The queue refers to events by their time and id: what is queued, and everything after it, stays.
create function public.events_needed_since() returns timestamptz
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(min(q.event_at), 'infinity') from public.workflow_queue q
$$;
comment on function public.events_needed_since() is 'No event from this instant on may be deleted. Executions that rest have their event with them.';

-- Detaching takes a lock that nobody works beside, for an instant; dropping, which may take longer, needs none of that.
-- So the two are apart, and what was detached has another name.
create function public.detach_expired(parent text, keep interval) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '200ms'
as $$
declare
    expired constant timestamptz := case parent
        when 'workflow_events' then least(clock_timestamp() - keep, public.events_needed_since())
        when 'workflow_executions' then clock_timestamp() - keep end;
    child text;
begin
    select c.relname into child
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = to_regclass('public.' || parent) and c.relname ~ ('^' || parent || '_[0-9]{4}_[0-9]{2}$')
       and (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') at time zone 'UTC' <= expired
     order by c.relname limit 1;
    if child is null then
        return null;
    end if;
    begin
        execute format('lock table only public.%I in access exclusive mode', parent);
        execute format('alter table public.%I detach partition public.%I', parent, child);
        execute format('alter table public.%I rename to %I', child, child || '_detached');
    exception when lock_not_available then
        return ''; -- Writers behind it would wait in vain: another time.
    end;
    return child;
end
$$;
comment on function public.detach_expired(text, interval) is
    'Detaches the oldest month that is wholly older than this: its name; empty if its table is in use; null if there is none. For the daemon.';

create function public.drop_detached() returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '200ms'
as $$
declare
    gone text;
begin
    select c.relname into gone from pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and not c.relispartition
       and c.relname ~ '^workflow_(events|executions)_[0-9]{4}_[0-9]{2}_detached$'
     order by c.relname limit 1;
    if gone is not null then
        execute format('drop table public.%I', gone);
    end if;
    return gone;
exception when lock_not_available or undefined_table then
    return null; -- Somebody reads it, or another daemon was first.
end
$$;
comment on function public.drop_detached() is 'Drops a month that was detached: its name; null if there is none, or it is in use. For the daemon.';

-- An execution that waited longer than its month is kept falls into the default partition when it ends, and is kept there
-- for as long after its end. Ids of deliveries begin with the time of their event: the oldest are found by them.
create function public.delete_expired(from_table text, keep interval, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    expired constant timestamptz := clock_timestamp() - keep;
    needed timestamptz;
    deleted integer;
begin
    case from_table
    when 'workflow_events' then
        needed := least(expired, public.events_needed_since());
        delete from public.workflow_events_default e where e.ctid = any (array(
            select d.ctid from public.workflow_events_default d where d.at < needed order by d.at limit most for update skip locked));
    when 'workflow_executions' then
        delete from public.workflow_executions_default x where x.ctid = any (array(
            select d.ctid from public.workflow_executions_default d where d.event_at < expired and d.finished_at < expired
             order by d.event_at limit most for update skip locked));
    when 'workflow_deliveries' then
        delete from public.workflow_deliveries g where g.ctid = any (array(
            select d.ctid from public.workflow_deliveries d
             where d.id < (lpad(to_hex(greatest(0, extract(epoch from expired) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
               and d.finished_at < expired
               -- One that rests may still ask what became of it, and who tries a failed one again must not send again what
               -- was sent. Ids of all attempts and of what they sent begin with the time of their event.
               and not exists (select from public.workflow_waiting w where w.id
                   between (left(d.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(d.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
               and not exists (select from public.workflow_dead_letters l where l.id
                   between (left(d.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(d.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
             order by d.id limit most for update skip locked));
    when 'workflow_dead_letters' then
        delete from public.workflow_dead_letters g where g.ctid = any (array(
            select l.ctid from public.workflow_dead_letters l where l.failed_at < expired
             order by l.failed_at limit most for update skip locked));
    end case;
    get diagnostics deleted = row_count;
    return deleted;
end
$$;
comment on function public.delete_expired(text, interval, integer) is
    'Deletes some of what is older than this from workflow_events or workflow_executions (their default partitions) workflow_deliveries (those that are finished) or workflow_dead_letters; how many. For the daemon.';

revoke execute on function public.take_turn(text, interval), public.events_needed_since(), public.detach_expired(text, interval),
    public.drop_detached(), public.delete_expired(text, interval, integer) from public, anon, authenticated, service_role;
grant execute on function public.take_turn(text, interval), public.detach_expired(text, interval), public.drop_detached(),
    public.delete_expired(text, interval, integer) to thendo_engine;
