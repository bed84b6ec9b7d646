-- The role that the HTTP API works as: what its operations need (0161), and no more. Its sessions take it with SET ROLE, as the
-- engine's do (0078). A login of its own for both is made with: create role NAME login in role thendo_engine, thendo_api.
do $$
declare
    since_16 constant boolean := current_setting('server_version_num')::integer >= 160000;
    tries integer := 0;
begin
    loop
        tries := tries + 1;
        begin
            if not exists (select from pg_catalog.pg_roles where rolname = 'thendo_api') then
                create role thendo_api nologin noinherit;
            end if;
            -- Who migrates may also run the daemon. From 16 on, who makes a role may not become it unless granted so.
            if not pg_catalog.pg_has_role(current_user, 'thendo_api', case when since_16 then 'set' else 'member' end) then
                execute 'grant thendo_api to current_user' || case when since_16 then ' with set true, inherit false' else '' end;
            end if;
            exit;
        exception when duplicate_object or unique_violation or internal_error then
            -- Roles belong to the whole server, locks to one database: another one is at it right now.
            if tries >= 20 then
                raise;
            end if;
            perform pg_catalog.pg_sleep(0.01 * tries);
        end;
    end loop;
exception when insufficient_privilege then
    raise insufficient_privilege using
        message = format('%I may neither create the role thendo_api nor become it', current_user),
        hint = format('as a superuser, or as who made the role: create role thendo_api nologin noinherit; grant thendo_api to %I', current_user);
end
$$;
