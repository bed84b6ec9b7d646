select * from (
    -- The daemon takes them with SET ROLE: who migrates must be able to. From 16 on who makes a role is not in it.
    select 1 as part, 'role' as kind, r.rolname::text as of, '' as name, replace($text$do $$
declare
    since_16 constant boolean := current_setting('server_version_num')::integer >= 160000;
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'thendo_engine') then
        create role thendo_engine nologin noinherit;
    end if;
    if not pg_catalog.pg_has_role(current_user, 'thendo_engine', case when since_16 then 'set' else 'member' end) then
        execute 'grant thendo_engine to current_user' || case when since_16 then ' with set true, inherit false' else '' end;
    end if;
end
$$;$text$, 'thendo_engine', r.rolname) as text
      from pg_roles r where r.rolname in ('thendo_engine', 'thendo_api')
       -- Roles are the server's: one counts where something of this database is granted to it.
       and exists (select from pg_shdepend d join pg_database b on b.oid = d.dbid and b.datname = current_database()
            where d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid)
    union all
    select 2, 'extension', e.extname::text, '',
           case when n.nspname in ('public', 'pg_catalog') then '' else format(E'create schema if not exists %I;\n', n.nspname) end
           || format('create extension if not exists %I with schema %I;', e.extname, n.nspname)
      from pg_extension e join pg_namespace n on n.oid = e.extnamespace
     -- Only what the schema calls by name: a hosted database has many more.
     where e.extname in ('pgcrypto', 'citext', 'pg_trgm', 'btree_gin', 'btree_gist', 'unaccent')
    union all
    select 3, 'grants', 'schema', 'public',
           'revoke all on schema public from public, anon, authenticated, service_role;'
           || coalesce(string_agg(format(E'\ngrant %s on schema public to %s;', given.privileges,
                  case given.grantee when 0 then 'public' else given.grantee::regrole::text end), '' order by given.place), '')
      from (
        select acl.grantee, t.place, string_agg(lower(acl.privilege_type), ', ' order by acl.privilege_type desc) as privileges
          from pg_namespace n
          cross join aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) acl
          join thendo_roles t on t.role = acl.grantee
         where n.nspname = 'public' and acl.grantee <> n.nspowner
         group by acl.grantee, t.place
      ) given
    union all
    select 4, 'type', format('public.%I', t.typname), '',
           case t.typtype when 'e' then
               format(E'create type public.%I as enum (%s);', t.typname,
                   (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid))
           else
               format('create domain public.%I as %s%s%s%s;', t.typname, format_type(t.typbasetype, t.typtypmod),
                   case when t.typnotnull then ' not null' else '' end, ' default ' || t.typdefault,
                   (select string_agg(format(' constraint %I %s', c.conname, pg_get_constraintdef(c.oid)), '' order by c.conname)
                      from pg_constraint c where c.contypid = t.oid and c.contype = 'c'))
           end
      from pg_type t join pg_namespace n on n.oid = t.typnamespace and n.nspname = 'public'
     where t.typtype in ('e', 'd') and not exists (select from pg_depend d
            where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
    union all
    select 5, 'sequence', format('public.%I', c.relname), '',
           format('create sequence public.%I as %s increment by %s minvalue %s maxvalue %s start with %s cache %s%s;', c.relname,
               format_type(s.seqtypid, null), s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache,
               case when s.seqcycle then ' cycle' else '' end)
      from pg_sequence s join pg_class c on c.oid = s.seqrelid
      join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
     where not exists (select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('i', 'e'))
) as found
order by part, of collate "C", name collate "C"
