-- Who opens a campaign's mail and follows its links is noted by the daemon itself, unless the template says otherwise.
alter table public.email_templates add column tracks boolean not null default true;
comment on column public.email_templates.tracks is 'Whether campaigns that send it note who opens their mails and follows their links.';
select public.put_event_triggers(t) from public.event_tables t where t.table_name = 'email_templates';
comment on column public.waitlist_campaigns.content is
    'The template as it was when the campaign started: {"subject", "html", "text", "consent", "template", "tracks"}.';

-- Freezes whom it goes to and what they get. Null, or why it can't start: then it has failed.
create or replace function public.start_campaign(campaign uuid) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    starting public.waitlist_campaigns;
    template public.email_templates;
    fault text;
begin
    select c.* into starting from public.waitlist_campaigns c
     where c.id = campaign and c.status = 'scheduled' and coalesce(c.scheduled_at, '-infinity') <= clock_timestamp() for no key update;
    if not found then
        return null;
    end if;
    select t.* into template from public.email_templates t where t.id = starting.template_id;
    fault := case
        when template.id is null then 'its template is gone'
        when not template.is_active then format('the template `%s` is not active', template.name)
        when coalesce(starting.audience ->> 'from', '') not in ('waitlist', 'customers', 'subscribers')
            then 'its audience says from whom it is in none of: waitlist, customers, subscribers' end;
    if fault is not null then
        update public.waitlist_campaigns c set status = 'failed', error = fault where c.id = campaign;
        return fault;
    end if;
    insert into public.waitlist_campaign_recipients (campaign_id, waitlist_id, customer_id, email, name, position)
    select campaign, a.waitlist_id, a.customer_id, a.email, a.name, row_number() over (order by a.joined_at, lower(a.email))
      from (select distinct on (lower(b.email)) b.waitlist_id, b.customer_id, b.email, b.name, b.joined_at
              from public.campaign_audience(starting.audience, starting.product_id, starting.variant_id) b
             order by lower(b.email), b.joined_at) a
    on conflict do nothing;
    update public.waitlist_campaigns c
       set status = 'sending', started_at = coalesce(c.started_at, clock_timestamp()), next_at = clock_timestamp(), is_settled = false,
           content = jsonb_build_object('subject', coalesce(c.subject, template.subject), 'html', template.html, 'text', template.text,
               'consent', template.consent, 'template', template.name,
               'tracks', template.tracks)
     where c.id = campaign;
    return null;
end
$$;

grant insert on public.campaign_opens, public.campaign_clicks to thendo_engine;
create policy engine_insert on public.campaign_opens for insert to thendo_engine with check (true);
create policy engine_insert on public.campaign_clicks for insert to thendo_engine with check (true);
