-- What the API needs to list campaigns, and to have them rest, go on and end. Of whom they go to it learns how many there are.
grant update, select (id, name, status, scheduled_at, started_at, finished_at, error, created_at)
    on public.waitlist_campaigns to thendo_api;
create policy api_select on public.waitlist_campaigns for select to thendo_api using (true);
create policy api_update on public.waitlist_campaigns for update to thendo_api using (true) with check (true);
grant select (id, campaign_id, status) on public.waitlist_campaign_recipients to thendo_api;
create policy api_select on public.waitlist_campaign_recipients for select to thendo_api using (true);

create function public.campaign_size(campaign uuid) returns bigint
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(distinct lower(a.email)) from public.waitlist_campaigns c,
           public.campaign_audience(c.audience, c.product_id, c.variant_id) a where c.id = campaign
$$;
comment on function public.campaign_size(uuid) is 'How many a campaign would go to, if it started now.';
revoke execute on function public.campaign_size(uuid) from public, anon, authenticated, service_role;
grant execute on function public.campaign_size(uuid) to thendo_api;
