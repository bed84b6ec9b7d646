-- What others put off until the commit (constraints and constraint triggers that are deferred) is checked with each
-- statement from here on, in this transaction: a batch that takes its effects one by one must know which of them breaks
-- it. The slots of flow control are handed on at the commit all the same: an execution that goes on is taken out of its
-- rest and laid back in one transaction, and keeps its slot.
create function public.check_constraints_at_once() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    others constant text := (
        select string_agg(distinct format('%I.%I', n.nspname, c.conname), ', ')
          from pg_constraint c join pg_namespace n on n.oid = c.connamespace
         where c.condeferrable and has_schema_privilege(n.oid, 'usage')
           and c.conname not in ('hand_on_slot_of_deleted', 'hand_on_slot_of_updated'));
begin
    if others is not null then
        execute 'set constraints ' || others || ' immediate';
    end if;
end
$$;
comment on function public.check_constraints_at_once() is
    'Has all that is put off until the commit checked with each statement of this transaction; but for slots of flow control.';
revoke execute on function public.check_constraints_at_once() from public, anon, authenticated, service_role;
grant execute on function public.check_constraints_at_once() to thendo_engine;

-- The server keeps notifications for the slowest of all listeners, thendo's or not. If one of them never ends its
-- transaction, 8 GB of them are kept, and from then on every transaction that notifies is refused at its commit: an order
-- would be refused for the sake of a hint. So nobody of ours notifies while half of that is full: daemons find what is
-- due by looking, as they do whenever a notification is lost.
do $$
declare
    of_ours record;
    asks    constant text := 'pg_notification_queue_usage() < 0.5';
begin
    for of_ours in
        select p.oid, pg_get_functiondef(p.oid) as whole from pg_proc p
         where p.pronamespace = 'public'::regnamespace and p.prosrc ~ '\mpg_notify\(''thendo_'
           and p.proname in ('record_event', 'start_workflows', 'tell_executions', 'start_times', 'hand_on_slot',
                             'release_workflow', 'workflow_edited', 'keep_schedule')
    loop
        execute replace(regexp_replace(of_ours.whole, '(perform pg_notify\([^;]*);', '\1 where ' || asks || ';', 'g'),
            'and pg_try_advisory_xact_lock_shared(1952998511, 0) then',
            'and pg_try_advisory_xact_lock_shared(1952998511, 0) and ' || asks || ' then');
    end loop;
end
$$;
