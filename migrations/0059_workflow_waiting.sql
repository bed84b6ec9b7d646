-- Executions that rest, with all they need to go on. Unpartitioned: a wait may outlive every partition.
create table public.workflow_waiting (
    id          uuid primary key,
    event_at    timestamptz not null,
    event_id    uuid not null,
    workflow_id uuid not null,
    version     integer not null,
    lane        smallint not null,
    state       jsonb not null,
    started_at  timestamptz not null,
    waits_since timestamptz not null default now()
);
comment on table public.workflow_waiting is 'An execution that waits for a delivery, a time or an event.';
comment on column public.workflow_waiting.state is 'Context and steps so far, as the engine saved them.';

create index idx_workflow_waiting_workflow_id on public.workflow_waiting (workflow_id);
