-- What the API needs to remove a person: it learns ids and how many rows, and nothing of what is in them. And to make the
-- links that sign in.
create function public.customers_at(address text) returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select c.id from public.customers c where lower(c.email) = lower(btrim(address)) order by c.created_at, c.id limit 100
$$;
comment on function public.customers_at(text) is 'Customers with this address, however it is capitalised.';

create function public.rows_that_stay(of_customer uuid) returns table (what text, row_count bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select kept.what, kept.row_count from (values
        (1, 'orders', (select count(*) from public.orders o where o.customer_id = of_customer)),
        (2, 'deposits', (select count(*) from public.deposits d join public.orders o on o.id = d.order_id
                          where o.customer_id = of_customer)),
        (3, 'lines of the points ledger', (select count(*) from public.loyalty_ledger l where l.customer_id = of_customer)),
        (4, 'quotes', (select count(*) from public.quotes q where q.customer_id = of_customer)),
        (5, 'subscriptions', (select count(*) from public.subscriptions s where s.customer_id = of_customer))
    ) as kept (place, what, row_count) where kept.row_count > 0 order by kept.place
$$;
comment on function public.rows_that_stay(uuid) is 'What of a customer stays, without a name, when they are erased: how many rows.';

revoke execute on function public.customers_at(text), public.rows_that_stay(uuid) from public, anon, authenticated, service_role;
grant execute on function public.customers_at(text), public.rows_that_stay(uuid), public.erase_customer(uuid, text) to thendo_api;

grant insert (hash, created_by, expires_at) on public.api_links to thendo_api;
create policy api_insert on public.api_links for insert to thendo_api with check (true);
