-- Makes an account an admin. For the service role: no admin makes another.
create function public.grant_admin(user_id uuid) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into public.user_roles (user_id, role) values ($1, 'admin') on conflict do nothing
$$;
comment on function public.grant_admin(uuid) is 'Makes an account an admin; one that is stays one.';
