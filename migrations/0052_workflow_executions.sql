-- What workflows did, written once, when an execution has ended. (One that rests is in workflow_waiting.)
-- Keyed by its event's time and its derived id: the same event run twice meets the same key.
create table public.workflow_executions (
    id          uuid not null,
    event_at    timestamptz not null,
    event_id    uuid not null,
    workflow_id uuid not null,
    version     integer not null,
    mode        text not null default 'live' check (mode in ('live', 'test', 'backtest')),
    status      text not null check (status in ('succeeded', 'failed', 'cancelled')),
    steps       jsonb not null,
    error       text,
    started_at  timestamptz not null,
    finished_at timestamptz not null,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid,
    primary key (event_at, id)
) partition by range (event_at);
comment on table public.workflow_executions is 'One ended run of one version of a workflow for one event.';
comment on column public.workflow_executions.id is 'Derived from event, workflow and replay number.';
comment on column public.workflow_executions.event_at is 'The event''s time: the partition it lives in.';
comment on column public.workflow_executions.steps is
    'List of {node, outcome, branch, why, result, changes, at}, in the order in which they happened.';
comment on column public.workflow_executions.error is 'Why it failed, in words.';
comment on column public.workflow_executions.created_by is
    'Who asked for it, where someone did. No foreign key: accounts go, and partitions take none that change them.';

-- Always there, so that no row is ever without a home.
create table public.workflow_executions_default partition of public.workflow_executions default;

create index idx_workflow_executions_workflow_id on public.workflow_executions (workflow_id, event_at desc);

create trigger set_updated_at before update on public.workflow_executions
    for each row execute function public.set_updated_at();
