-- What the daemon may do with stored secrets: fetch those that are named, as they are encrypted. It lists none and writes
-- none, and without the installation's key nobody reads what it is given.
create function public.use_secrets(names text[])
returns table (name text, ciphertext bytea, nonce bytea, key_id text)
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    -- When it was last used is told to the minute, and nobody waits for somebody else to write it down.
    with worth_telling as (
        select s.id from public.workflow_secrets s
         where s.name = any ($1) and coalesce(s.last_used_at < statement_timestamp() - interval '1 minute', true)
         order by s.id for no key update skip locked
    ), told as (
        update public.workflow_secrets s set last_used_at = statement_timestamp()
          from worth_telling w where s.id = w.id
    )
    select s.name, s.ciphertext, s.nonce, s.key_id from public.workflow_secrets s where s.name = any ($1)
$$;
comment on function public.use_secrets(text[]) is
    'Secrets by their names, encrypted; those that are not stored are left out. For the daemon, right before it sends something.';
revoke execute on function public.use_secrets(text[]) from public, anon, authenticated, service_role;
grant execute on function public.use_secrets(text[]) to thendo_engine;
