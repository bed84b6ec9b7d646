-- What admins drew. Writing a row is a full way in: the daemon compiles, versions and activates
-- a row whose status is 'published', and answers in the columns below "Written by the trigger and the daemon".
create table public.workflows (
    id            uuid primary key default gen_random_uuid(),
    name          text not null check (length(name) between 1 and 200),
    description   text,
    status        text not null default 'draft' check (status in ('draft', 'published', 'archived')),
    definition    jsonb not null default '{"nodes": [], "edges": []}'
                  check (jsonb_typeof(definition) = 'object' and definition ? 'nodes' and definition ? 'edges'),
    -- Written by the trigger and the daemon:
    revision      bigint not null default 1,
    health        text not null default 'unchecked' check (health in ('unchecked', 'valid', 'broken')),
    diagnostics   jsonb not null default '[]' check (jsonb_typeof(diagnostics) = 'array'),
    checked_at    timestamptz,
    live_version  integer,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    created_by    uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.workflows is 'A workflow: the draft that admins edit, and its state. Versions are in workflow_versions.';
comment on column public.workflows.status is
    'draft: not running. published: compiled and run for every event from then on. archived: not running, kept for its history.';
comment on column public.workflows.definition is 'React Flow JSON: {"nodes": […], "edges": […]}.';
comment on column public.workflows.revision is 'Rises with every edit of definition or status: which edit a verdict is about.';
comment on column public.workflows.health is
    'What the compiler said of the definition. broken: see diagnostics; the last version that compiled stays in force.';
comment on column public.workflows.diagnostics is 'List of {severity, code, node, edge, path, message, help}.';
comment on column public.workflows.live_version is 'Number of the version in force; null while none is.';

create index idx_workflows_status on public.workflows (status);

select public.audit('public.workflows');
