-- What needs all tables: foreign keys, sequences' owners, policies.
select kind, of, name, text from (
    select 1 as part, 'foreign-key' as kind, r.family, r.shown as of, c.conname::text as name,
           format(E'alter table %s\n    add constraint %I %s;', r.shown, c.conname, pg_get_constraintdef(c.oid)) as text
      from relations r join pg_constraint c on c.conrelid = r.oid and c.contype = 'f' and c.conparentid = 0
    union all
    select 2, 'sequence-owner', a.family, a.shown, a.attname::text,
           format('alter sequence public.%I owned by %s.%I;', s.relname, a.shown, a.attname)
      from pg_depend d
      join pg_class s on s.oid = d.objid and s.relkind = 'S'
      join attributes a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
     where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype = 'a'
    union all
    select 3, 'policy', r.family, r.shown, p.polname::text,
           format(E'create policy %I on %s%s\n    for %s to %s', p.polname, r.shown,
               case when p.polpermissive then '' else ' as restrictive' end,
               case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
               (select string_agg(case role when 0 then 'public' else role::regrole::text end, ', '
                           order by case role when 0 then 'public' else role::regrole::text end collate "C")
                  from unnest(p.polroles) role))
           || coalesce(E'\n    using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
           || coalesce(E'\n    with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') || ';'
      from relations r join pg_policy p on p.polrelid = r.oid
) as found
order by part, of collate "C", name collate "C"
