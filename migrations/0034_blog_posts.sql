-- Articles.
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
    created_by   uuid
);
comment on table public.blog_posts is 'An article of the blog.';

create index idx_blog_posts_published_at on public.blog_posts (published_at desc);

create trigger set_updated_at before update on public.blog_posts
    for each row execute function public.set_updated_at();
