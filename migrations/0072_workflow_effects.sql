-- Keys of effects that leave no row of their own to be recognised by: done once, however often they are tried.
create table public.workflow_effects (
    id           uuid primary key,
    execution_id uuid not null,
    node_id      text not null,
    kind         text not null,
    result       jsonb,
    done_at      timestamptz not null default now()
);
comment on table public.workflow_effects is 'An effect that was done.';
comment on column public.workflow_effects.id is 'Derived from execution, node and item.';
comment on column public.workflow_effects.result is 'What it gave, for whoever tries it again.';

create index idx_workflow_effects_execution_id on public.workflow_effects (execution_id);
