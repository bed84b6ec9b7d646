-- Who is an admin. Kept here and not in the token, whose user_metadata its bearer can edit.
create table public.user_roles (
    id         uuid primary key default gen_random_uuid(),
    user_id    uuid not null references auth.users (id) on delete cascade,
    role       text not null check (role in ('admin', 'customer')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default auth.uid() references auth.users (id) on delete set null,
    unique (user_id, role)
);
comment on table public.user_roles is 'Roles of accounts. Written by the service role only.';

select public.audit('public.user_roles');
