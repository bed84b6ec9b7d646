-- Who opens a campaign's mail and follows its links is noted by the daemon itself, unless the template says otherwise.
alter table public.email_templates add column tracks boolean not null default true;
comment on column public.email_templates.tracks is 'Whether campaigns that send it note who opens their mails and follows their links.';
select public.put_event_triggers(t) from public.event_tables t where t.table_name = 'email_templates';
comment on column public.waitlist_campaigns.content is
    'The template as it was when the campaign started: {"subject", "html", "text", "consent", "template", "tracks"}.';

create or replace function public.campaign_content(subject text, template public.email_templates) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('subject', coalesce(subject, (template).subject), 'html', (template).html, 'text', (template).text,
        'consent', (template).consent, 'template', (template).name, 'tracks', (template).tracks)
$$;

grant insert on public.campaign_opens, public.campaign_clicks to thendo_engine;
create policy engine_insert on public.campaign_opens for insert to thendo_engine with check (true);
create policy engine_insert on public.campaign_clicks for insert to thendo_engine with check (true);
