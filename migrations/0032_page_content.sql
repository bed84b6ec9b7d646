-- One section of a page, as blocks.
create table public.page_content (
    id         uuid primary key default gen_random_uuid(),
    page_id    uuid not null references public.pages (id) on delete cascade,
    section    text not null,
    content    jsonb not null default '{"blocks": []}' check (jsonb_typeof(content) = 'object'),
    status     text not null default 'draft' check (status in ('draft', 'published')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid,
    unique (page_id, section)
);
comment on table public.page_content is 'Content of one section of a page.';
comment on column public.page_content.content is '{"blocks": [{"type", "props"}]}';

create trigger set_updated_at before update on public.page_content
    for each row execute function public.set_updated_at();
