-- What the API needs to draft campaigns, to show some of whom one would go to, and how its mails are opened. What it adds is
-- a draft, for it may not say otherwise; what one sends is frozen when it starts.
grant select (template_id, subject, product_id, variant_id, audience, rate_per_minute, limit_to_stock, quiet_hours, content),
    insert (name, template_id, subject, product_id, variant_id, audience, rate_per_minute, limit_to_stock, quiet_hours),
    update (name, template_id, subject, product_id, variant_id, audience, rate_per_minute, limit_to_stock, quiet_hours, scheduled_at)
    on public.waitlist_campaigns to thendo_api;
create policy api_insert on public.waitlist_campaigns for insert to thendo_api with check (true);
grant select (id, campaign_id, recipient_id, opened_at, is_proxy) on public.campaign_opens to thendo_api;
create policy api_select on public.campaign_opens for select to thendo_api using (true);
grant select (id, campaign_id, recipient_id, clicked_at, is_proxy, url) on public.campaign_clicks to thendo_api;
create policy api_select on public.campaign_clicks for select to thendo_api using (true);

create function public.campaign_sample(campaign uuid, most integer)
returns table (email text, name text, customer_id uuid, joined_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select b.email, b.name, b.customer_id, b.joined_at
      from (select distinct on (lower(a.email)) a.email, a.name, a.customer_id, a.joined_at from public.waitlist_campaigns c,
                   public.campaign_audience(c.audience, c.product_id, c.variant_id) a
             where c.id = campaign order by lower(a.email), a.joined_at) b
     order by b.joined_at, lower(b.email) limit least(most, 200)
$$;
comment on function public.campaign_sample(uuid, integer) is 'The first to whom a campaign would go, if it started now.';
revoke execute on function public.campaign_sample(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function public.campaign_sample(uuid, integer) to thendo_api;
