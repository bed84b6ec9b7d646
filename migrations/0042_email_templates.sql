-- Mails to be used again and again.
create table public.email_templates (
    id         uuid primary key default gen_random_uuid(),
    name       text not null unique check (length(name) between 1 and 200),
    subject    text not null,
    html       text,
    text       text,
    consent    text not null default 'marketing' check (consent in ('transactional', 'marketing')),
    is_active  boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default auth.uid() references auth.users (id) on delete set null,
    constraint says_something check (num_nonnulls(html, text) > 0)
);
comment on table public.email_templates is 'A mail with places to fill in, in the expression language.';
comment on column public.email_templates.consent is
    'transactional: part of what was bought. marketing: only to those who agreed, with a way out.';

select public.audit('public.email_templates');
