-- Whose rows a request may see: policies compare customer_id with it.
create function public.current_customer_id() returns uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select c.id from public.customers c where c.user_id = (select auth.uid())
$$;
comment on function public.current_customer_id() is 'The customer of the request''s account; null without one.';
