-- Claims share a lock that whoever puts a workflow in force, or takes it out, has alone for a moment. While somebody waits
-- for it in the lock's queue, no claim gets past: a daemon that froze in the middle of a batch would stop all others for as
-- long as an admin waits. So nobody waits there for long; claims go on in between.
create function public.lock_publishing() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    usual constant text := current_setting('lock_timeout');
    -- A batch that lost its daemon is ended by the server after ten seconds. The daemon itself tries again later.
    until constant timestamptz := clock_timestamp() + case when current_setting('role') = 'thendo_engine' then interval '0' else interval '20 seconds' end;
begin
    loop
        begin
            perform set_config('lock_timeout', '150ms', true);
            -- 1952998511 is 'thdo'; 1 the lock between publishing (exclusive) and claiming (shared).
            perform pg_advisory_xact_lock(1952998511, 1);
            perform set_config('lock_timeout', usual, true);
            return;
        exception when lock_not_available then
            if clock_timestamp() >= until then
                raise lock_not_available using message = 'a batch of a daemon is under way',
                    hint = 'try again; a daemon that hangs is parted from its batch after ten seconds';
            end if;
        end;
        perform pg_sleep(0.3);
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
