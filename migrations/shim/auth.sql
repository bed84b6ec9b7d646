-- What Supabase's hosted `auth` offers, for a plain PostgreSQL. Applied before the migrations, and only
-- where auth.users does not exist; it is no migration of its own, so that both kinds have the same history.

-- Roles belong to the whole server: they may be there, or another database may be making them right now.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['anon', 'authenticated', 'service_role'] loop
        if not exists (select 1 from pg_catalog.pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin noinherit %s', wanted,
                    case wanted when 'service_role' then 'bypassrls' else '' end);
            exception
                when duplicate_object or unique_violation then
                    null;
                when insufficient_privilege then
                    -- An owner who may create roles, but none that passes by row security.
                    if wanted <> 'service_role' then
                        raise;
                    end if;
                    execute 'create role service_role nologin noinherit';
                    raise notice 'service_role was created without bypassrls: a superuser can add it';
            end;
        end if;
    end loop;
end
$$;

create schema if not exists auth;

create table auth.users (
    id                 uuid primary key default gen_random_uuid(),
    email              text unique,
    email_confirmed_at timestamptz,
    raw_user_meta_data jsonb not null default '{}',
    created_at         timestamptz not null default now()
);
comment on table auth.users is 'Accounts. On Supabase its own table stands here.';

-- Without a search_path of their own, as on Supabase: so the planner can inline them. They name nothing but built-ins.
create function auth.uid() returns uuid
language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid
$$;
comment on function auth.uid() is 'The account of the request, null without one.';

create function auth.role() returns text
language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
    )
$$;
comment on function auth.role() is 'The role of the request, null without one.';

create function auth.jwt() returns jsonb
language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
$$;
comment on function auth.jwt() is 'The claims of the request, null without any.';

grant usage on schema auth to anon, authenticated, service_role;
