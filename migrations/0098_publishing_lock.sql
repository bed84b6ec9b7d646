-- Claims share a lock that whoever puts a workflow in force, or takes it out, has alone for a moment. While somebody waits
-- for it in the lock's queue, no claim gets past: a daemon that froze in the middle of a batch would stop all others for as
-- long as an admin waits. So an admin waits a little, lets claims pass for as long, and waits longer the next time: batches
-- that end are waited for before long, and for one that doesn't the others lose half of their time, until it is ended by
-- the server after ten seconds.
create function public.lock_publishing() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    usual constant text := current_setting('lock_timeout');
    patience_ms integer := 150;
begin
    -- The daemon's own patience is short, and it comes again.
    if current_setting('role') = 'thendo_engine' then
        perform pg_advisory_xact_lock(1952998511, 1);
        return;
    end if;
    loop
        begin
            perform set_config('lock_timeout', patience_ms || 'ms', true);
            -- 1952998511 is 'thdo'; 1 the lock between publishing (exclusive) and claiming (shared).
            perform pg_advisory_xact_lock(1952998511, 1);
            perform set_config('lock_timeout', usual, true);
            return;
        exception when lock_not_available then
            -- 150 ms to 4.8 s, and as long in between: 14 s in all.
            if patience_ms > 4000 then
                raise lock_not_available using message = 'a batch of a daemon is under way',
                    hint = 'try again; a daemon that hangs is parted from its batch after ten seconds';
            end if;
        end;
        perform pg_sleep(patience_ms / 1000.0);
        patience_ms := patience_ms * 2;
    end loop;
end
$$;
comment on function public.lock_publishing() is
    'Waits until no batch is claimed, and keeps it so until the end of the transaction.';
revoke execute on function public.lock_publishing() from public, anon, authenticated, service_role;

do $$
declare
    of_ours record;
begin
    for of_ours in
        select p.oid, pg_get_functiondef(p.oid) as whole from pg_proc p
         where p.pronamespace = 'public'::regnamespace and p.proname <> 'lock_publishing'
           and p.prosrc like '%pg_advisory_xact_lock(1952998511, 1)%'
    loop
        execute replace(of_ours.whole, 'pg_advisory_xact_lock(1952998511, 1)', 'public.lock_publishing()');
    end loop;
end
$$;
