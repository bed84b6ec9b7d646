-- What workflows need to speak to other services. Encrypted by the daemon: the database can't read them.
create table public.workflow_secrets (
    id           uuid primary key default gen_random_uuid(),
    name         text not null unique check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    ciphertext   bytea not null,
    nonce        bytea not null,
    key_id       text not null,
    last_used_at timestamptz,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.workflow_secrets is 'A secret that workflows name: {{ secret("stripe") }}.';
comment on column public.workflow_secrets.key_id is 'The name of the key that encrypted it; never the key.';
comment on column public.workflow_secrets.nonce is 'Used once with that key.';

select public.audit('public.workflow_secrets');
