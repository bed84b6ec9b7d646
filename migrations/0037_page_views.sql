-- Who looked at which page.
create table public.page_views (
    id         bigint generated always as identity primary key,
    page_id    uuid not null references public.pages (id) on delete cascade,
    user_id    uuid references auth.users (id) on delete set null,
    visitor    text,
    referrer   text,
    user_agent text,
    viewed_at  timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.page_views is 'One view of a page. Written by the backend.';
comment on column public.page_views.visitor is 'Tells visitors without an account apart: a random id of the browser, no address.';

create index idx_page_views_page_id on public.page_views (page_id, viewed_at);
create index idx_page_views_viewed_at on public.page_views using brin (viewed_at);
create index idx_page_views_user_id on public.page_views (user_id) where user_id is not null;
select public.audit('public.page_views');
