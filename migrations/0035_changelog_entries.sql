-- What is new in the product.
create table public.changelog_entries (
    id           uuid primary key default gen_random_uuid(),
    slug         text not null unique,
    version      text,
    title        text not null,
    body         text not null default '',
    category     text not null default 'changed' check (category in ('added', 'changed', 'fixed', 'removed', 'security')),
    status       text not null default 'draft' check (status in ('draft', 'published', 'archived')),
    published_at timestamptz,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.changelog_entries is 'An entry of the product''s changelog.';
comment on column public.changelog_entries.version is 'The release that it came with, as text.';
comment on column public.changelog_entries.published_at is 'Public from this instant on, once its status is published.';

create index idx_changelog_entries_published_at on public.changelog_entries (published_at desc);
select public.audit('public.changelog_entries');
