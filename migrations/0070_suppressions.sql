-- Addresses that get no mail: looked up before every one. By hash, so that one who was erased stays suppressed.
create table public.suppressions (
    id           uuid primary key default gen_random_uuid(),
    address_hash bytea not null unique check (length(address_hash) = 32),
    email        text,
    reason       text not null check (reason in ('unsubscribed', 'bounced', 'complained', 'by_hand', 'erased')),
    detail       text,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.suppressions is 'An address that is not to be mailed.';
comment on column public.suppressions.address_hash is 'sha256(convert_to(lower(email), ''UTF8'')).';
comment on column public.suppressions.email is 'For people to read; null once the person was erased.';
comment on column public.suppressions.detail is 'What the mail server or the person said.';

create index idx_suppressions_email on public.suppressions (lower(email)) where email is not null;
select public.audit('public.suppressions');

-- Whoever gives an address need not know how it is hashed.
create function public.hash_suppressed() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    new.address_hash := sha256(convert_to(lower(new.email), 'UTF8'));
    return new;
end
$$;
comment on function public.hash_suppressed() is 'Before-write trigger of suppressions: the hash is the address''s.';
create trigger hash_suppressed before insert or update of email, address_hash on public.suppressions
    for each row when (new.email is not null) execute function public.hash_suppressed();
select public.record_events_of('suppressions', 'marketing', 'id');
