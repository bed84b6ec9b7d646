-- Every table tells when a row was made, when it last changed and who made it. These triggers keep what no
-- writer may forget or forge. (Keys that set created_by to null act as the tables' owner, and may.)
--
-- The search_path of this and every function ends in pg_temp. Left out, even with an empty path, temporary types are
-- found before all others, and a caller's domain named text or jsonb would run its check as the function's owner.
create function public.set_updated_at() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    new.updated_at := clock_timestamp();
    if current_user in ('anon', 'authenticated') then
        new.created_at := old.created_at;
        new.created_by := old.created_by;
    end if;
    return new;
end
$$;
comment on function public.set_updated_at() is
    'Before-update trigger of every audited table: keeps updated_at, and created_at and created_by from clients.';

create function public.set_created() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    new.created_at := now();
    new.updated_at := new.created_at;
    new.created_by := auth.uid();
    return new;
end
$$;
comment on function public.set_created() is
    'Before-insert trigger of every audited table, for clients only: when and by whom is not theirs to say.';

-- Gives a table its audit trail. created_by is indexed only where it is known: rows of programs cost nothing.
create function public.audit(audited regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('create trigger set_updated_at before update on %s for each row execute function public.set_updated_at()',
        audited);
    -- Programs may say when and by whom (an import); they pay no call.
    execute format('create trigger set_created before insert on %s for each row
        when (current_user in (''anon'', ''authenticated'')) execute function public.set_created()', audited);
    execute format('create index %I on %s (created_by) where created_by is not null',
        'idx_' || (select c.relname from pg_catalog.pg_class c where c.oid = audited) || '_created_by', audited);
end
$$;
comment on function public.audit(regclass) is 'For migrations: the triggers and the index of a table''s audit columns.';
