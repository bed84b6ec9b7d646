-- A waitlist place belongs to an address, whether or not it has an account; so only an address that was verified
-- counts. The account's own row says whether it was: what else a token says of it, its bearer may have written.
create function public.verified_email() returns text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select lower(u.email) from auth.users u
     where u.id = (select auth.uid()) and u.email_confirmed_at is not null
       and lower(u.email) = lower((select auth.jwt() ->> 'email'))
$$;
comment on function public.verified_email() is
    'The address of the request''s token, lower case, if its account has verified it; else null.';
