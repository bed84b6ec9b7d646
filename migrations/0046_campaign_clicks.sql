-- Which links were followed.
create table public.campaign_clicks (
    id           bigint generated always as identity primary key,
    campaign_id  uuid not null references public.waitlist_campaigns (id) on delete cascade,
    recipient_id uuid not null references public.waitlist_campaign_recipients (id) on delete cascade,
    url          text not null,
    clicked_at   timestamptz not null default now(),
    user_agent   text,
    is_proxy     boolean not null default false,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.campaign_clicks is 'A recipient followed a link.';
comment on column public.campaign_clicks.url is 'One that the campaign itself contains.';
comment on column public.campaign_clicks.is_proxy is 'By a known proxy or scanner, not by a person.';

create index idx_campaign_clicks_campaign_id on public.campaign_clicks (campaign_id, clicked_at);
create index idx_campaign_clicks_recipient_id on public.campaign_clicks (recipient_id);
select public.audit('public.campaign_clicks');
