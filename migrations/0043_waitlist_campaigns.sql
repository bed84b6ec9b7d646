-- Mailings to those who wait.
create table public.waitlist_campaigns (
    id              uuid primary key default gen_random_uuid(),
    name            text not null check (length(name) between 1 and 200),
    template_id     uuid references public.email_templates (id) on delete restrict,
    subject         text,
    product_id      text,
    variant_id      text,
    audience        jsonb not null default '{"from": "waitlist"}' check (jsonb_typeof(audience) = 'object'),
    status          text not null default 'draft'
                    check (status in ('draft', 'scheduled', 'sending', 'paused', 'sent', 'cancelled', 'failed')),
    rate_per_minute integer not null default 600 check (rate_per_minute between 1 and 600000),
    limit_to_stock  boolean not null default false,
    scheduled_at    timestamptz,
    started_at      timestamptz,
    finished_at     timestamptz,
    execution_id    uuid,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    created_by      uuid default auth.uid() references auth.users (id) on delete set null,
    constraint ready_to_go check (status in ('draft', 'cancelled') or template_id is not null)
);
comment on table public.waitlist_campaigns is 'A mailing to those on the waitlist, to customers or to subscribers.';
comment on column public.waitlist_campaigns.subject is 'Instead of the template''s.';
comment on column public.waitlist_campaigns.audience is 'Whom it goes to: {"from": "waitlist", …}. Frozen as recipients when it starts.';
comment on column public.waitlist_campaigns.rate_per_minute is 'At most so many mails a minute.';
comment on column public.waitlist_campaigns.limit_to_stock is 'First come, first served: no more mails than there are pieces.';
comment on column public.waitlist_campaigns.execution_id is 'The workflow execution that started it, if one did.';

create index idx_waitlist_campaigns_template_id on public.waitlist_campaigns (template_id);
create index idx_waitlist_campaigns_product_id on public.waitlist_campaigns (product_id);
create index idx_waitlist_campaigns_running on public.waitlist_campaigns (scheduled_at)
    where status in ('scheduled', 'sending');
select public.audit('public.waitlist_campaigns');
