-- Goes before every other question: which relations belong to the schema, and who is told about in grants.
-- Of the partitions only the default ones: the daemon makes and drops the others. What an extension brought
-- is the extension's, and what the extension `vector` makes possible is there on some servers only.
with thendo_roles (role, place) as (
    select coalesce(r.oid, 0), t.place
      from unnest(array['public', 'anon', 'authenticated', 'service_role', 'thendo_engine', 'thendo_api'])
           with ordinality as t (name, place)
      left join pg_roles r on r.rolname = t.name
     where r.oid is not null or t.name = 'public'
), optional_types (type) as (
    select d.objid from pg_depend d
      join pg_extension e on e.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass
     where d.classid = 'pg_type'::regclass and d.deptype = 'e' and e.extname = 'vector'
), relations as (
    select c.oid, c.relname, c.relkind, c.relispartition, c.reloptions, c.reltoastrelid, c.relowner, c.relacl,
           c.relrowsecurity, c.relforcerowsecurity, c.relpartbound, c.relispopulated, c.reltype,
           format('public.%I', c.relname) as shown, parent.relname as parent,
           coalesce(parent.relname, c.relname) as family
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
      left join pg_inherits i on i.inhrelid = c.oid and c.relispartition
      left join pg_class parent on parent.oid = i.inhparent
     where c.relkind in ('r', 'p', 'v', 'm') and c.relname <> '_sqlx_migrations'
       and (not c.relispartition or pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT')
       and not exists (select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
), attributes as (
    select a.*, r.shown, r.family, r.parent, r.relkind, r.relispartition
      from pg_attribute a join relations r on r.oid = a.attrelid
     where a.attnum > 0 and not a.attisdropped and a.atttypid not in (select type from optional_types)
), functions as (
    select p.oid, p.proname, p.proowner, p.proacl,
           format('public.%I(%s)', p.proname, oidvectortypes(p.proargtypes)) as shown,
           -- Its signature speaks of a table's rows: it comes after the table.
           exists (select from relations r join pg_type t on t.oid = r.reltype
               where t.oid = p.prorettype or t.typarray = p.prorettype
                  or t.oid = any (coalesce(p.proallargtypes, p.proargtypes::oid[]))
                  or t.typarray = any (coalesce(p.proallargtypes, p.proargtypes::oid[]))) as of_rows
      from pg_proc p
      join pg_namespace n on n.oid = p.pronamespace and n.nspname = 'public'
     where p.prokind in ('f', 'p')
       -- It measures the distance of vectors.
       and p.prosrc !~ 'operator\("?\w+"?\.<->\)'
       and not coalesce(p.proallargtypes, p.proargtypes::oid[]) && array(select type from optional_types)
       and p.prorettype not in (select type from optional_types)
       and not exists (select from pg_depend d
            where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
)
