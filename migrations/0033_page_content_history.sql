-- Every state that a section was in. Written by a trigger only (0036).
create table public.page_content_history (
    id              uuid primary key default gen_random_uuid(),
    page_id         uuid not null references public.pages (id) on delete cascade,
    page_content_id uuid not null,
    version         integer not null check (version > 0),
    operation       text not null check (operation in ('insert', 'update', 'delete')),
    section         text not null,
    content         jsonb not null,
    status          text not null check (status in ('draft', 'published')),
    created_at      timestamptz not null default clock_timestamp(),
    updated_at      timestamptz not null default now(),
    created_by      uuid default auth.uid() references auth.users (id) on delete set null,
    unique (page_content_id, version)
);
comment on table public.page_content_history is 'Former and present states of sections: who changed what, and when.';
comment on column public.page_content_history.page_content_id is 'The section; it may be gone, so this is no foreign key.';
comment on column public.page_content_history.content is 'After the change; before it, for a delete.';
comment on column public.page_content_history.created_by is 'Who made the change.';

create index idx_page_content_history_page_id on public.page_content_history (page_id, created_at desc);
select public.audit('public.page_content_history');
