-- The daemon's own role: its sessions take it with SET ROLE, whatever user they log in as. It may do what the engine's
-- statements do, and no more (0080). A login of its own is made with: create role NAME login in role thendo_engine.
do $$
begin
    -- Roles belong to the whole server: another database may be making it right now.
    if not exists (select from pg_catalog.pg_roles where rolname = 'thendo_engine') then
        begin
            create role thendo_engine nologin noinherit;
        exception when duplicate_object or unique_violation then
            null;
        end;
    end if;
    -- Who migrates may also run the daemon.
    if not pg_catalog.pg_has_role(current_user, 'thendo_engine', 'member') then
        execute format('grant thendo_engine to %I', current_user);
    end if;
end
$$;
