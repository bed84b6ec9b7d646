-- Tokens of other services, encrypted with a key that the database never keeps. Key and tokens are handed over
-- by COPY into a view, which holds nothing: what COPY brings is in no statement, no parameter and no log, and it is
-- forgotten when the transaction ends.
--   begin;
--   copy public.token_handover (key_id, key, access_token, refresh_token) from stdin (format binary);
--   select public.store_google_calendar_tokens(…);
--   commit;
create view public.token_handover as
    select null::text as key_id, null::text as key, null::text as former_key,
           null::text as access_token, null::text as refresh_token, null::text as client_secret
     where false;
comment on view public.token_handover is
    'Takes a key and tokens by COPY, for the functions called after it in the same transaction. Always empty.';
revoke all on public.token_handover from public;

create function public.take_tokens() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- By assignment: a statement's plan has its values in it, and auto_explain logs plans.
    kept text;
begin
    kept := set_config('thendo.token_key_id', coalesce(new.key_id, ''), true);
    kept := set_config('thendo.token_key', coalesce(new.key, ''), true);
    kept := set_config('thendo.token_former_key', coalesce(new.former_key, ''), true);
    kept := set_config('thendo.access_token', coalesce(new.access_token, ''), true);
    kept := set_config('thendo.refresh_token', coalesce(new.refresh_token, ''), true);
    kept := set_config('thendo.client_secret', coalesce(new.client_secret, ''), true);
    return null;
end
$$;
comment on function public.take_tokens() is 'Instead-of-insert trigger of token_handover: keeps it for this transaction.';
create trigger take_tokens instead of insert on public.token_handover
    for each row execute function public.take_tokens();

-- What was handed over under that name.
create function public.handed_over(name text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    given text := nullif(current_setting('thendo.' || name, true), '');
begin
    if given is null then
        raise invalid_parameter_value using message = format('no %s was handed over in this transaction', replace(name, '_', ' ')),
            hint = 'copy it into public.token_handover first, in the same transaction';
    end if;
    return given;
end
$$;
comment on function public.handed_over(text) is 'What was copied into token_handover in this transaction; an error if nothing was.';

create table public.oauth_providers (
    id                      uuid primary key default gen_random_uuid(),
    name                    text not null unique,
    client_id               text not null,
    client_secret_encrypted bytea,
    key_id                  text,
    authorize_url           text not null check (authorize_url ~ '^https://'),
    token_url               text not null check (token_url ~ '^https://'),
    scopes                  text[] not null default '{}',
    is_enabled              boolean not null default false,
    created_at              timestamptz not null default now(),
    updated_at              timestamptz not null default now(),
    created_by              uuid default auth.uid() references auth.users (id) on delete set null,
    check ((client_secret_encrypted is null) = (key_id is null))
);
comment on table public.oauth_providers is 'A service that people connect their account with.';
comment on column public.oauth_providers.client_secret_encrypted is 'By pgp_sym_encrypt, AES-256: see store_oauth_client_secret().';
comment on column public.oauth_providers.key_id is 'The name of the key that encrypted it; never the key.';
select public.audit('public.oauth_providers');

create table public.google_calendar_tokens (
    id                      uuid primary key default gen_random_uuid(),
    user_id                 uuid not null unique default auth.uid() references auth.users (id) on delete cascade,
    access_token_encrypted  bytea not null,
    refresh_token_encrypted bytea,
    key_id                  text not null,
    scope                   text,
    calendar_id             text not null default 'primary',
    expires_at              timestamptz not null,
    created_at              timestamptz not null default now(),
    updated_at              timestamptz not null default now(),
    created_by              uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.google_calendar_tokens is 'The key to an account''s Google calendar.';
comment on column public.google_calendar_tokens.access_token_encrypted is 'By pgp_sym_encrypt, AES-256.';
comment on column public.google_calendar_tokens.refresh_token_encrypted is 'By pgp_sym_encrypt, AES-256.';
comment on column public.google_calendar_tokens.key_id is 'The name of the key that encrypted them; never the key.';
comment on column public.google_calendar_tokens.expires_at is 'Of the access token.';
select public.audit('public.google_calendar_tokens');

-- They run with their caller's rights, so that the policies decide whose tokens they are. pgcrypto may be in any
-- schema: Supabase has it in extensions. In plpgsql, because auto_explain logs what a function in SQL is called with.
do $do$
declare
    crypto text := (select n.nspname from pg_catalog.pg_extension e
                      join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pgcrypto');
begin
    execute format($make$
create function public.encrypted(secret text, key text) returns bytea
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return %1$I.pgp_sym_encrypt(secret, key, 'cipher-algo=aes256');
end
$$$make$, crypto);
    execute format($make$
create function public.decrypted(secret bytea, key text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return %1$I.pgp_sym_decrypt(secret, key);
end
$$$make$, crypto);
    execute format('grant usage on schema %I to authenticated, service_role', crypto);
end
$do$;
comment on function public.encrypted(text, text) is 'By pgp_sym_encrypt, AES-256. Called by functions only: a parameter may be logged.';
comment on function public.decrypted(bytea, text) is 'The reverse of encrypted(); an error with another key.';

-- As its owner, and the only way in: a client that wrote the bytes itself could write what can't be decrypted.
create function public.store_google_calendar_tokens(expires_at timestamptz, scope text default null, for_user uuid default auth.uid())
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('role') in ('anon', 'authenticated')
       and not coalesce(for_user = auth.uid() or public.is_admin(auth.uid()), false) then
        raise insufficient_privilege using message = 'these would be the tokens of another account';
    end if;
    insert into public.google_calendar_tokens as t
        (user_id, access_token_encrypted, refresh_token_encrypted, key_id, scope, expires_at)
    values (for_user, public.encrypted(public.handed_over('access_token'), public.handed_over('token_key')),
            public.encrypted(nullif(current_setting('thendo.refresh_token', true), ''), public.handed_over('token_key')),
            public.handed_over('token_key_id'), $2, $1)
    -- Google gives a refresh token only the first time. One of an older key could not be read with this one's.
    on conflict (user_id) do update
       set access_token_encrypted = excluded.access_token_encrypted,
           refresh_token_encrypted = case when t.key_id = excluded.key_id
               then coalesce(excluded.refresh_token_encrypted, t.refresh_token_encrypted)
               else excluded.refresh_token_encrypted end,
           key_id = excluded.key_id, scope = coalesce(excluded.scope, t.scope), expires_at = excluded.expires_at;
end
$$;
comment on function public.store_google_calendar_tokens(timestamptz, text, uuid) is
    'Keeps the tokens handed over in this transaction, encrypted. For their owner and the service role.';

create function public.read_google_calendar_tokens(of_user uuid default auth.uid())
returns table (access_token text, refresh_token text, expires_at timestamptz)
language sql
set search_path = pg_catalog, pg_temp
as $$
    select public.decrypted(t.access_token_encrypted, public.handed_over('token_key')),
           public.decrypted(t.refresh_token_encrypted, public.handed_over('token_key')), t.expires_at
      from public.google_calendar_tokens t where t.user_id = $1
$$;
comment on function public.read_google_calendar_tokens(uuid) is
    'An account''s tokens, with the key handed over in this transaction. For their owner and the service role.';

create function public.store_oauth_client_secret(of_provider text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update public.oauth_providers p
       set client_secret_encrypted = public.encrypted(public.handed_over('client_secret'), public.handed_over('token_key')),
           key_id = public.handed_over('token_key_id')
     where p.name = of_provider;
    if not found then
        raise no_data_found using message = format('no OAuth provider is named %s', of_provider);
    end if;
end
$$;
comment on function public.store_oauth_client_secret(text) is
    'Keeps the client secret handed over in this transaction, encrypted. For admins and the service role.';

create function public.read_oauth_client_secret(of_provider text) returns text
language sql
set search_path = pg_catalog, pg_temp
as $$
    select public.decrypted(p.client_secret_encrypted, public.handed_over('token_key'))
      from public.oauth_providers p where p.name = $1
$$;
comment on function public.read_oauth_client_secret(text) is
    'A provider''s client secret, with the key handed over in this transaction. For the service role.';

create function public.anew(secret bytea) returns bytea
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return public.encrypted(public.decrypted(secret, public.handed_over('token_former_key')), public.handed_over('token_key'));
end
$$;
comment on function public.anew(bytea) is 'What the former key encrypted, encrypted with the new one; both handed over in this transaction.';

-- All or nothing: a row of a third key stops it, and nothing is half rotated.
create function public.rotate_token_key() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    new_id  text := public.handed_over('token_key_id');
    rotated bigint;
    more    bigint;
begin
    -- What is stored meanwhile with the former key would be left behind.
    lock table public.google_calendar_tokens, public.oauth_providers in share row exclusive mode;
    update public.google_calendar_tokens t
       set access_token_encrypted = public.anew(t.access_token_encrypted),
           refresh_token_encrypted = public.anew(t.refresh_token_encrypted),
           key_id = new_id
     where t.key_id <> new_id;
    get diagnostics rotated = row_count;
    update public.oauth_providers p
       set client_secret_encrypted = public.anew(p.client_secret_encrypted),
           key_id = new_id
     where p.key_id <> new_id;
    get diagnostics more = row_count;
    return rotated + more;
end
$$;
comment on function public.rotate_token_key() is
    'Encrypts everything anew, from the former key to the new one, both handed over in this transaction. For the service role.';
