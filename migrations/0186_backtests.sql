-- Backtests that the API was asked for: a daemon takes them up one after the other. Whoever runs one says so again and again, so
-- that one whose daemon is gone is known for lost.
create table public.workflow_backtests (
    id          uuid primary key default gen_random_uuid(),
    status      text not null default 'queued' check (status in ('queued', 'running', 'done', 'failed', 'cancelled', 'lost')),
    workflow_id uuid,
    called      text not null,
    version     text not null,
    against     text,
    since       timestamptz not null,
    until       timestamptz not null,
    differences integer not null default 0 check (differences between 0 and 1000),
    in_database boolean not null default false,
    drawings    jsonb,
    asked_at    timestamptz not null default clock_timestamp(),
    asked_by    text not null default '',
    daemon      uuid,
    began_at    timestamptz,
    beat_at     timestamptz,
    ended_at    timestamptz,
    events      bigint not null default 0,
    reached     timestamptz,
    outcome     jsonb,
    error       text,
    constraint what_runs_beats check (status <> 'running' or (daemon is not null and began_at is not null and beat_at is not null)),
    constraint what_ended_has_its_time check ((ended_at is not null) = (status not in ('queued', 'running')))
);
comment on table public.workflow_backtests is 'Backtests as jobs: what is waited for, runs, and came out.';
comment on column public.workflow_backtests.workflow_id is 'The stored workflow that it belongs to; no key, for the answer stays when that goes.';
comment on column public.workflow_backtests.drawings is 'What is tried, as it was drawn when it was asked for; gone when it has ended.';
comment on column public.workflow_backtests.daemon is 'Who runs it: a number of its own, new with each start.';
comment on column public.workflow_backtests.beat_at is 'When that one last said that it runs; after 15 seconds of silence it is lost.';
comment on column public.workflow_backtests.reached is 'How far the events are read.';
create index idx_workflow_backtests_asked on public.workflow_backtests (asked_at desc, id desc);
create index idx_workflow_backtests_open on public.workflow_backtests (asked_at, id) where status in ('queued', 'running');
revoke all on public.workflow_backtests from public, anon, authenticated, service_role;
alter table public.workflow_backtests enable row level security;

-- The API asks and calls off; the daemon works.
grant select, insert (workflow_id, called, version, against, since, until, differences, in_database, drawings, asked_by),
    update (status, ended_at, drawings) on public.workflow_backtests to thendo_api;
create policy api_select on public.workflow_backtests for select to thendo_api using (true);
create policy api_insert on public.workflow_backtests for insert to thendo_api with check (true);
create policy api_update on public.workflow_backtests for update to thendo_api using (true) with check (true);
grant select, delete,
    update (status, daemon, began_at, beat_at, ended_at, events, reached, outcome, error, drawings)
    on public.workflow_backtests to thendo_engine;
create policy engine_select on public.workflow_backtests for select to thendo_engine using (true);
create policy engine_update on public.workflow_backtests for update to thendo_engine using (true) with check (true);
create policy engine_delete on public.workflow_backtests for delete to thendo_engine using (true);
