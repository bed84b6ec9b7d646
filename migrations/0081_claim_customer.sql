-- An account finds its customer: the one with its verified address, made by an order or an import before it signed up,
-- else a new one. From then on the policies know whose rows are its own.
create function public.claim_customer() returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account constant uuid := auth.uid();
    address constant text := public.verified_email();
begin
    if public.current_customer_id() is not null then
        return public.current_customer_id();
    end if;
    if address is null then
        raise insufficient_privilege using message = 'this account has no verified address',
            hint = 'have the address confirmed first: a customer belongs to whoever owns it';
    end if;
    insert into public.customers (user_id, email) values (account, address) on conflict do nothing;
    update public.customers c set user_id = account where lower(c.email) = address and c.user_id is null;
    return public.current_customer_id();
end
$$;
comment on function public.claim_customer() is
    'The customer of the request''s account, linked or made by its verified address; null if that is another account''s.';

create function public.update_my_profile(
    name text default null, phone text default null, locale text default null, preferences jsonb default null
) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    update public.customers c
       set name = coalesce($1, c.name), phone = coalesce($2, c.phone), locale = coalesce($3, c.locale),
           preferences = coalesce($4, c.preferences)
     where c.user_id = (select auth.uid())
$$;
comment on function public.update_my_profile(text, text, text, jsonb) is
    'What customers say of themselves; what is not given stays. Address, tier and links are the shop''s to change.';

revoke execute on function public.claim_customer() from public, anon, authenticated, service_role;
revoke execute on function public.update_my_profile(text, text, text, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.claim_customer() to authenticated;
grant execute on function public.update_my_profile(text, text, text, jsonb) to authenticated;
