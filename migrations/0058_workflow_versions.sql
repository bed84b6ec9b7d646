-- Numbered versions of a workflow. They never change; an event uses the one in force at its own time.
create table public.workflow_versions (
    workflow_id uuid not null references public.workflows (id) on delete cascade,
    number      integer not null check (number > 0),
    hash        text not null,
    definition  jsonb not null,
    active_from timestamptz not null,
    active_to   timestamptz check (active_to >= active_from),
    created_at  timestamptz not null default now(),
    created_by  uuid,
    primary key (workflow_id, number)
);
comment on table public.workflow_versions is 'A published version of a workflow and when it was in force.';
comment on column public.workflow_versions.hash is 'Of its meaning: moving a box makes no new version.';
comment on column public.workflow_versions.active_to is 'Null while it is in force.';

create unique index idx_workflow_versions_one_in_force on public.workflow_versions (workflow_id) where active_to is null;

-- One row, raised with every change of what is in force: each claim reads it.
create table public.workflow_plan_epoch (
    single boolean primary key default true check (single),
    epoch  bigint not null
);
comment on table public.workflow_plan_epoch is 'Tells every daemon that the versions in force changed.';
insert into public.workflow_plan_epoch (epoch) values (1);
