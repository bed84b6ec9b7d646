, found as materialized (
    select f.id, f.execution_id, f.input, t.id as template_id, t.is_active,
           -- A batch has no time to count more.
           (select count(distinct lower(a.email)) from (select a.email from public.campaign_audience(f.input -> 'audience',
                f.input ->> 'product', f.input ->> 'variant') a limit 5001) a) as recipients
    from fresh f
    left join lateral (select t.id, t.is_active from public.email_templates t where t.name = f.input ->> 'template' limit 1) t on true
), entered as (
    insert into public.waitlist_campaigns (id, name, template_id, subject, product_id, variant_id, audience, status, rate_per_minute,
        limit_to_stock, scheduled_at, quiet_hours, execution_id)
    select w.id, w.input ->> 'name', w.template_id, w.input ->> 'subject', w.input ->> 'product', w.input ->> 'variant',
           w.input -> 'audience', 'scheduled', (w.input ->> 'rate_per_minute')::integer, (w.input ->> 'limit_to_stock')::boolean,
           (w.input ->> 'at')::timestamptz, nullif(w.input -> 'quiet_hours', 'null'), w.execution_id
    from found w where w.is_active
), judged as (
    select w.id,
           case when w.template_id is null then format('there is no template `%s`: add a row of that name to `email_templates`', w.input ->> 'template')
                when not w.is_active then format('the template `%s` is not active', w.input ->> 'template') end as refused,
           format('a campaign to %s by now', case when w.recipients > 5000 then 'more than 5000' else w.recipients::text end) as why,
           jsonb_build_object('campaign_id', w.id, 'recipients', w.recipients) as result,
           jsonb_build_array(jsonb_build_object('table', 'waitlist_campaigns', 'key', w.id, 'after', jsonb_build_object('name', w.input -> 'name',
               'audience', w.input -> 'audience', 'status', 'scheduled'))) as changes
    from found w
)