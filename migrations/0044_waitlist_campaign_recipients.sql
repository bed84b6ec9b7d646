-- Whom a campaign goes to, frozen when it starts, and what became of each mail.
create table public.waitlist_campaign_recipients (
    id          uuid primary key default gen_random_uuid(),
    campaign_id uuid not null references public.waitlist_campaigns (id) on delete cascade,
    waitlist_id uuid references public.product_waitlist (id) on delete set null,
    customer_id uuid references public.customers (id) on delete set null,
    email       text not null check (length(email) between 3 and 320),
    name        text,
    status      text not null default 'queued' check (status in ('queued', 'sending', 'sent', 'bounced', 'refused',
                'unknown', 'suppressed', 'cancelled')),
    sent_at     timestamptz,
    error       text,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.waitlist_campaign_recipients is 'One mail of a campaign.';
comment on column public.waitlist_campaign_recipients.status is
    'unknown: nobody can say whether it arrived; never repeated unasked. suppressed: the address wants no mail.';
comment on column public.waitlist_campaign_recipients.error is 'What the mail server said.';

-- Nobody is mailed twice in one campaign.
create unique index idx_waitlist_campaign_recipients_once
    on public.waitlist_campaign_recipients (campaign_id, lower(email));
create index idx_waitlist_campaign_recipients_queued
    on public.waitlist_campaign_recipients (campaign_id, created_at) where status = 'queued';
create index idx_waitlist_campaign_recipients_waitlist_id on public.waitlist_campaign_recipients (waitlist_id);
create index idx_waitlist_campaign_recipients_customer_id on public.waitlist_campaign_recipients (customer_id);
select public.audit('public.waitlist_campaign_recipients');
