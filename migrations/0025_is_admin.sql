-- What the policies ask. It runs as its owner: with the caller's rights it would ask the policies of
-- user_roles, which ask it.
create function public.is_admin(user_id uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from public.user_roles r where r.user_id = $1 and r.role = 'admin')
       -- Who the admins are, is told to themselves and to programs.
       and ($1 = (select auth.uid()) or current_setting('role') not in ('anon', 'authenticated')
            or exists (select from public.user_roles r where r.user_id = (select auth.uid()) and r.role = 'admin'))
$$;
comment on function public.is_admin(uuid) is 'Whether the account is an admin; for clients of others than themselves, only admins are told. In policies: (select public.is_admin((select auth.uid()))).';
