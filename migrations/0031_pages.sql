-- Pages of the shop's site; their sections are in page_content.
create table public.pages (
    id           uuid primary key default gen_random_uuid(),
    slug         text not null unique,
    title        text not null,
    description  text,
    status       text not null default 'draft' check (status in ('draft', 'published', 'archived')),
    published_at timestamptz,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.pages is 'A page of the site.';
comment on column public.pages.slug is 'Its place in the URL.';
comment on column public.pages.description is 'For search engines and previews.';

create index idx_pages_status on public.pages (status);
select public.audit('public.pages');
