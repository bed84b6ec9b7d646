-- One section of a page, as blocks.
create table public.page_content (
    id         uuid primary key default gen_random_uuid(),
    page_id    uuid not null references public.pages (id) on delete cascade,
    section    text not null,
    content    jsonb not null default '{"blocks": []}' check (jsonb_typeof(content) = 'object'),
    status     text not null default 'draft' check (status in ('draft', 'published')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default auth.uid() references auth.users (id) on delete set null,
    unique (page_id, section)
);
comment on table public.page_content is 'Content of one section of a page.';
comment on column public.page_content.content is '{"blocks": [{"type", "props"}]}';

-- Answers @>: which sections hold such a block.
create index idx_page_content_content on public.page_content using gin (content jsonb_path_ops);
select public.audit('public.page_content');
