-- Who comes to the API, and what they did there. Keys, links and sessions are kept as SHA-256 of 256 random bits: what is
-- stored opens nothing.
create table public.api_keys (
    id           uuid primary key default gen_random_uuid(),
    name         text not null check (char_length(name) between 1 and 100),
    hash         bytea not null unique check (octet_length(hash) = 32),
    -- Its beginning, by which people tell their keys apart.
    prefix       text not null,
    scopes       text[] not null check (cardinality(scopes) between 1 and 10),
    created_at   timestamptz not null default now(),
    created_by   text not null default '',
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
comment on table public.api_keys is 'Keys of programs that use the API.';
comment on column public.api_keys.last_used_at is 'To the minute.';
create unique index api_keys_name on public.api_keys (name) where revoked_at is null;

create table public.api_links (
    hash       bytea primary key check (octet_length(hash) = 32),
    created_at timestamptz not null default now(),
    created_by text not null default '',
    expires_at timestamptz not null,
    used_at    timestamptz
);
comment on table public.api_links is 'Links that begin a session: each once, and for minutes.';

create table public.api_sessions (
    hash       bytea primary key check (octet_length(hash) = 32),
    who        text not null,
    account    uuid,
    began_at   timestamptz not null default now(),
    seen_at    timestamptz not null default now(),
    expires_at timestamptz not null,
    ended_at   timestamptz
);
comment on table public.api_sessions is 'Sessions of people in browsers.';
comment on column public.api_sessions.account is
    'Whose it is: it counts as long as the account is an admin''s. Null: whoever had the link. No foreign key: accounts go.';
comment on column public.api_sessions.seen_at is 'To the minute.';

create table public.api_audit (
    id      uuid primary key default gen_random_uuid(),
    at      timestamptz not null default clock_timestamp(),
    who     text not null,
    account uuid,
    act     text not null,
    target  text not null default '',
    detail  jsonb not null default '{}'
);
comment on table public.api_audit is 'Who did what, by the API or the command line. Lines are added, never changed.';
comment on column public.api_audit.account is 'No foreign key: accounts go, lines stay.';
create index api_audit_at on public.api_audit (at desc, id desc);

do $$
declare
    door record;
    each_action text;
begin
    for door in
        select t.table_name from (values ('api_keys'), ('api_links'), ('api_sessions'), ('api_audit')) as t (table_name)
    loop
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', door.table_name);
        execute format('alter table public.%I enable row level security', door.table_name);
    end loop;
    -- The API reads what it lists, and writes what its operations write.
    for door in
        select t.table_name, t.actions from (values
            ('api_keys',            '{select,insert,update}'::text[]),
            ('api_links',           '{select,update}'),
            ('api_sessions',        '{select,insert,update}'),
            ('api_audit',           '{select,insert}'),
            ('workflows',           '{select,insert,update}'),
            ('workflow_versions',   '{select}'),
            ('workflow_triggers',   '{select}'),
            ('workflow_waiting',    '{select}'),
            ('workflow_holds',      '{select}'),
            ('workflow_schedules',  '{select}'),
            ('workflow_alerts',     '{select}'),
            ('email_templates',     '{select}')
        ) as t (table_name, actions)
    loop
        foreach each_action in array door.actions loop
            execute format('grant %s on public.%I to thendo_api', each_action, door.table_name);
            execute format('create policy api_%s on public.%I for %1$s to thendo_api %3$s', each_action, door.table_name,
                case each_action when 'insert' then 'with check (true)' when 'update' then 'using (true) with check (true)' else 'using (true)' end);
        end loop;
    end loop;
end
$$;
grant usage on schema public to thendo_api;
grant execute on function public.put_in_force(uuid, bigint, text, jsonb, jsonb), public.mark_checked(uuid, bigint, text, jsonb),
    public.is_admin(uuid) to thendo_api;

-- That a secret is stored, not what it is.
create function public.missing_secrets(names text[]) returns setof text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select n.name from unnest($1) as n (name)
     where not exists (select from public.workflow_secrets s where s.name = n.name) order by n.name
$$;
comment on function public.missing_secrets(text[]) is 'Those of these names under which no secret is stored.';
revoke execute on function public.missing_secrets(text[]) from public, anon, authenticated, service_role;
grant execute on function public.missing_secrets(text[]) to thendo_api;

-- What the API keeps of itself goes when its time is over: lines of the audit after so many days (0: never), links and
-- sessions a month after their end. How many rows.
create function public.prune_api(audit_days integer, most integer) returns integer
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    with lines as (
        delete from public.api_audit where id in (
            select a.id from public.api_audit a
             where audit_days > 0 and a.at < now() - make_interval(days => audit_days) order by a.at limit most)
        returning 1
    ), links as (
        delete from public.api_links where hash in (
            select l.hash from public.api_links l where l.expires_at < now() - interval '30 days' limit most)
        returning 1
    ), sessions as (
        delete from public.api_sessions where hash in (
            select s.hash from public.api_sessions s where s.expires_at < now() - interval '30 days' limit most)
        returning 1
    )
    select ((select count(*) from lines) + (select count(*) from links) + (select count(*) from sessions))::integer
$$;
comment on function public.prune_api(integer, integer) is 'Removes what the API keeps for a time only. For the daemon.';
revoke execute on function public.prune_api(integer, integer) from public, anon, authenticated, service_role;
grant execute on function public.prune_api(integer, integer) to thendo_engine;
