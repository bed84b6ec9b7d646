-- Which mails were opened. Privacy proxies open mails that nobody read: the figure is an upper bound.
create table public.campaign_opens (
    id           bigint generated always as identity primary key,
    campaign_id  uuid not null references public.waitlist_campaigns (id) on delete cascade,
    recipient_id uuid not null references public.waitlist_campaign_recipients (id) on delete cascade,
    opened_at    timestamptz not null default now(),
    user_agent   text,
    is_proxy     boolean not null default false,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.campaign_opens is 'A recipient''s mail was opened.';
comment on column public.campaign_opens.is_proxy is 'By a known proxy or scanner, not by a person.';

create index idx_campaign_opens_campaign_id on public.campaign_opens (campaign_id, opened_at);
create index idx_campaign_opens_recipient_id on public.campaign_opens (recipient_id);
select public.audit('public.campaign_opens');
