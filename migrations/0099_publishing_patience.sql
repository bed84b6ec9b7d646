-- An admin waits a little for the lock, lets claims pass for as long, and waits longer the next time: batches that end are
-- waited for before long, and for one that doesn't the others lose half of their time, until it is ended by the server after
-- ten seconds.
create or replace function public.lock_publishing() returns void
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

-- As before, but in the order in which everyone takes the two.
create or replace function public.workflow_deleted() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Before the epoch: that lock is the first for everyone.
    perform public.release_workflow(h.workflow_id, true, 'its deletion') from public.workflow_holds h
      where h.workflow_id <> '00000000-0000-0000-0000-000000000000'
        and not exists (select from public.workflows w where w.id = h.workflow_id);
    update public.workflow_plan_epoch set epoch = epoch + 1;
    return null;
end
$$;
