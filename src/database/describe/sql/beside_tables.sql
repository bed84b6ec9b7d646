-- What stands beside a table, a view or a materialized view: comments, storage, indexes, triggers, doors.
select kind, of, name, text from (
    select 'comment' as kind, r.shown as of, '' as name,
           string_agg(format('comment on %s is %L;', said.what, said.text), E'\n' order by said.place) as text
      from relations r
      cross join lateral (
        select 0 as place, case r.relkind when 'v' then 'view ' when 'm' then 'materialized view ' else 'table ' end || r.shown as what,
               obj_description(r.oid, 'pg_class') as text
        union all
        select a.attnum, format('column %s.%I', r.shown, a.attname), col_description(r.oid, a.attnum)
          from attributes a where a.attrelid = r.oid and not a.relispartition
      ) said
     where said.text is not null
     group by r.shown
    union all
    select 'storage', r.shown, '',
           format('alter %s %s set (%s);', case r.relkind when 'm' then 'materialized view' else 'table' end, r.shown,
               string_agg(format('%s = %L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ' order by o collate "C"))
      from relations r
      left join pg_class toast on toast.oid = r.reltoastrelid
      cross join lateral (
        select unnest(r.reloptions) as o
        union all select 'toast.' || unnest(toast.reloptions)
      ) options
     where r.relkind in ('r', 'p', 'm') and o is not null
     group by r.shown, r.relkind
    union all
    select 'storage', a.shown, a.attname::text,
           format('alter table %s alter column %I set storage %s;', a.shown, a.attname,
               case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end)
      from attributes a join pg_type t on t.oid = a.atttypid
     where a.attstorage <> t.typstorage and a.relkind in ('r', 'p') and not a.relispartition
    union all
    select 'index', r.shown, i.relname::text, replace(pg_get_indexdef(x.indexrelid), ' ON ONLY ', ' ON ') || ';'
      from relations r
      join pg_index x on x.indrelid = r.oid and x.indisvalid
      join pg_class i on i.oid = x.indexrelid and not i.relispartition
     where not exists (select from pg_constraint c where c.conindid = x.indexrelid and c.contype in ('p', 'u', 'x'))
       and not exists (select from pg_attribute a where a.attrelid = x.indexrelid and a.atttypid in (select type from optional_types))
    union all
    select 'statistics', r.shown, s.stxname::text, pg_get_statisticsobjdef(s.oid) || ';'
      from relations r join pg_statistic_ext s on s.stxrelid = r.oid
    union all
    select 'trigger', r.shown, t.tgname::text, pg_get_triggerdef(t.oid) || ';'
      from relations r join pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal and t.tgparentid = 0
    union all
    select 'row-security', r.shown, '',
           format('alter table %s enable row level security;', r.shown)
           || case when r.relforcerowsecurity then format(E'\nalter table %s force row level security;', r.shown) else '' end
      from relations r where r.relrowsecurity
    union all
    select 'grants', r.shown, '',
           format('revoke all on %s from public, anon, authenticated, service_role;', r.shown)
           || coalesce(string_agg(format(E'\ngrant %s on %s to %s;', given.privileges, r.shown,
                  case given.grantee when 0 then 'public' else given.grantee::regrole::text end), ''
                  order by given.place, given.of_columns, given.privileges) filter (where given.grantee is not null), '')
      from relations r
      left join lateral (
        select acl.grantee, t.place, false as of_columns,
               string_agg(lower(acl.privilege_type), ', ' order by array_position(
                   array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'], acl.privilege_type)) as privileges
          from aclexplode(coalesce(r.relacl, acldefault('r', r.relowner))) acl
          join thendo_roles t on t.role = acl.grantee
         -- 17 knows one more, which older servers can't say.
         where acl.grantee <> r.relowner and acl.privilege_type <> 'MAINTAIN'
         group by acl.grantee, t.place
        union all
        select acl.grantee, t.place, true,
               format('%s (%s)', lower(acl.privilege_type), string_agg(quote_ident(a.attname), ', ' order by a.attnum))
          from attributes a
          cross join aclexplode(a.attacl) acl
          join thendo_roles t on t.role = acl.grantee
         where a.attrelid = r.oid and acl.grantee <> r.relowner
         group by acl.grantee, t.place, acl.privilege_type
      ) given on true
     group by r.shown
) as found
order by of collate "C", name collate "C"
