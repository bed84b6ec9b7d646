-- The API's role writes the columns that its operations write, and no others: neither when something was made, nor by whom, nor
-- what the daemon says of a workflow.
revoke insert, update on public.api_keys, public.api_sessions, public.workflows, public.workflow_secrets from thendo_api;
revoke update on public.api_links, public.waitlist_campaigns from thendo_api;
revoke insert on public.api_audit from thendo_api;
grant insert (name, hash, prefix, scopes, created_by, expires_at), update (last_used_at, revoked_at) on public.api_keys to thendo_api;
grant update (used_at) on public.api_links to thendo_api;
grant insert (hash, who, account, expires_at), update (seen_at, ended_at) on public.api_sessions to thendo_api;
grant insert (who, account, act, target, detail) on public.api_audit to thendo_api;
grant insert (name, description, definition), update (name, description, definition, draft, status) on public.workflows to thendo_api;
grant insert (name, ciphertext, nonce, key_id), update (ciphertext, nonce, key_id, last_used_at) on public.workflow_secrets to thendo_api;
grant update (status) on public.waitlist_campaigns to thendo_api;

-- Any session can set what put_in_force() and mark_checked() tell workflow_edited() by; they work as the table's owner, and others
-- don't. workflow_edited() itself can't tell: it works as the owner, too. This comes before it.
create function public.checking_is_the_owners() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not pg_has_role((select c.relowner from pg_class c where c.oid = tg_relid), 'usage') then
        raise insufficient_privilege using message = format('%I may not say what was found of a workflow', current_user),
            hint = 'leave thendo.checking alone: put_in_force() and mark_checked() set it';
    end if;
    return new;
end
$$;
comment on function public.checking_is_the_owners() is
    'Before-update trigger of workflows: what was found of one is written by functions of the owner alone.';
revoke execute on function public.checking_is_the_owners() from public, anon, authenticated, service_role;
create trigger checking_is_the_owners before update on public.workflows
    for each row when (current_setting('thendo.checking', true) = 'on') execute function public.checking_is_the_owners();

-- Undo notes who did it in its own transaction, which is the engine's.
create function public.note_undo(who text, account uuid, execution uuid) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into public.api_audit (who, account, act, target) values ($1, $2, 'execution.undo', $3::text)
$$;
comment on function public.note_undo(text, uuid, uuid) is 'A line of the audit: who undid an execution. For the daemon and the command line, as the engine.';
revoke execute on function public.note_undo(text, uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function public.note_undo(text, uuid, uuid) to thendo_engine;

-- Who comes to the API is not a workflow's to write, whatever rows.allow says.
do $$
declare
    was constant text := pg_get_functiondef('public.allow_rows(jsonb)'::regprocedure);
    became constant text := replace(was, $q$wish.table_name like 'workflow%' or$q$, $q$wish.table_name like 'workflow%' or wish.table_name like 'api\_%' or$q$);
begin
    if became = was then
        raise exception 'allow_rows() is another one';
    end if;
    execute became;
end
$$;
