-- A workflow can be paused: out of force like a draft, and resumed with one word as it was. Events of the pause stay
-- recorded and start nothing, then or later: an event uses the version in force at its own time.
alter table public.workflows drop constraint workflows_status_check;
alter table public.workflows add constraint workflows_status_check
    check (status in ('draft', 'published', 'paused', 'archived'));
comment on column public.workflows.status is
    'draft: not running. published: compiled and run for every event from then on. paused: starts nothing until it is resumed. archived: not running, kept for its history.';
