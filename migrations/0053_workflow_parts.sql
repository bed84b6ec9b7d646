-- What the versions in force consist of, node by node: how admins and triggers ask what listens to what.
-- Written by the daemon when it puts a version in force or takes one out, and by nobody else.
create table public.workflow_triggers (
    id          uuid primary key default gen_random_uuid(),
    workflow_id uuid not null references public.workflows (id) on delete cascade,
    version     integer not null,
    node_id     text not null,
    kind        text not null,
    label       text,
    config      jsonb not null default '{}',
    table_name  text,
    operations  text[] not null default '{}' check (operations <@ array['insert', 'update', 'delete']),
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null,
    unique nulls not distinct (workflow_id, node_id, table_name)
);
comment on table public.workflow_triggers is 'Which changes of which table start a workflow in force.';
comment on column public.workflow_triggers.node_id is 'The node''s id in the definition.';
comment on column public.workflow_triggers.kind is 'order_created, …: see the catalogue of nodes.';
comment on column public.workflow_triggers.table_name is 'Null for a trigger that no table starts.';
comment on column public.workflow_triggers.config is 'The node''s settings, as drawn.';

-- What record_event() asks for tables that record only what is subscribed to.
create index idx_workflow_triggers_table_name on public.workflow_triggers (table_name);
select public.audit('public.workflow_triggers');

create table public.workflow_conditions (
    id          uuid primary key default gen_random_uuid(),
    workflow_id uuid not null references public.workflows (id) on delete cascade,
    version     integer not null,
    node_id     text not null,
    kind        text not null,
    label       text,
    config      jsonb not null default '{}',
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null,
    unique (workflow_id, node_id)
);
comment on table public.workflow_conditions is 'Conditions of the workflows in force.';
comment on column public.workflow_conditions.node_id is 'The node''s id in the definition.';
comment on column public.workflow_conditions.config is 'The node''s settings, as drawn.';
create index idx_workflow_conditions_kind on public.workflow_conditions (kind);
create index idx_workflow_conditions_config on public.workflow_conditions using gin (config jsonb_path_ops);
select public.audit('public.workflow_conditions');

create table public.workflow_actions (
    id          uuid primary key default gen_random_uuid(),
    workflow_id uuid not null references public.workflows (id) on delete cascade,
    version     integer not null,
    node_id     text not null,
    kind        text not null,
    label       text,
    config      jsonb not null default '{}',
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null,
    unique (workflow_id, node_id)
);
comment on table public.workflow_actions is 'Actions of the workflows in force.';
comment on column public.workflow_actions.node_id is 'The node''s id in the definition.';
comment on column public.workflow_actions.config is 'The node''s settings, as drawn.';
create index idx_workflow_actions_kind on public.workflow_actions (kind);
create index idx_workflow_actions_config on public.workflow_actions using gin (config jsonb_path_ops);
select public.audit('public.workflow_actions');
