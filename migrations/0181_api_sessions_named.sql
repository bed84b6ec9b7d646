-- A session is named without what opens it, so that an admin can end another's.
alter table public.api_sessions add column id uuid not null default gen_random_uuid();
create unique index api_sessions_id on public.api_sessions (id);
comment on column public.api_sessions.id is 'What it is called; it opens nothing.';
