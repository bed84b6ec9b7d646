-- Notes on a project, which is an order.
create table public.project_comments (
    id         uuid primary key default gen_random_uuid(),
    order_id   uuid not null references public.orders (id) on delete cascade,
    user_id    uuid default auth.uid() references auth.users (id) on delete set null,
    body       text not null check (length(body) between 1 and 20000),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.project_comments is 'A note on a project, seen by its writer and admins.';
comment on column public.project_comments.order_id is 'The project.';
comment on column public.project_comments.user_id is 'Who wrote it; null once that account is gone: the note stays.';

create index idx_project_comments_order_id on public.project_comments (order_id, created_at);
create index idx_project_comments_user_id on public.project_comments (user_id);
select public.audit('public.project_comments');
