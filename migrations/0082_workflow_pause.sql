-- A workflow can be paused: out of force like a draft, and resumed with one word as it was. Events of the pause stay
-- recorded and start nothing, then or later: an event uses the version in force at its own time.
do $$
begin
    -- A shop whose own table was adopted may have gone without this check: it goes without the new one, too.
    if exists (select from pg_catalog.pg_constraint c
                where c.conrelid = 'public.workflows'::regclass and c.conname = 'workflows_status_check') then
        alter table public.workflows drop constraint workflows_status_check;
        alter table public.workflows add constraint workflows_status_check
            check (status in ('draft', 'published', 'paused', 'archived'));
    end if;
end
$$;
comment on column public.workflows.status is
    'draft: not running. published: compiled and run for every event from then on. paused: starts nothing until it is resumed. archived: not running, kept for its history.';
