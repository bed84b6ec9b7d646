-- Articles. Their embedding comes where the server has pgvector (0079).
create table public.blog_posts (
    id           uuid primary key default gen_random_uuid(),
    slug         text not null unique,
    title        text not null,
    excerpt      text,
    body         text not null default '',
    author       text,
    tags         text[] not null default '{}',
    status       text not null default 'draft' check (status in ('draft', 'published', 'archived')),
    published_at timestamptz,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.blog_posts is 'An article of the blog.';
comment on column public.blog_posts.published_at is 'Public from this instant on, once its status is published.';

create index idx_blog_posts_published_at on public.blog_posts (published_at desc);
create index idx_blog_posts_tags on public.blog_posts using gin (tags);
select public.audit('public.blog_posts');
