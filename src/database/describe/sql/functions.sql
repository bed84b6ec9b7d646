-- The function, its comment, and who may execute it.
select kind, of, '' as name, text from (
    select f.shown, f.of_rows, 1 as part, case when f.of_rows then 'function-of-rows' else 'function' end as kind,
           f.shown as of, rtrim(pg_get_functiondef(f.oid), E'\n') || ';' as text
      from functions f
    union all
    select f.shown, f.of_rows, 2, 'comment-on-function', f.shown,
           format('comment on function %s is %L;', f.shown, obj_description(f.oid, 'pg_proc'))
      from functions f where obj_description(f.oid, 'pg_proc') is not null
    union all
    select f.shown, f.of_rows, 3, 'grants-on-function', f.shown,
           format('revoke all on function %s from public, anon, authenticated, service_role;', f.shown)
           || coalesce((
                select string_agg(format(E'\ngrant execute on function %s to %s;', f.shown,
                           case acl.grantee when 0 then 'public' else acl.grantee::regrole::text end), '' order by t.place)
                  from aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) acl
                  join thendo_roles t on t.role = acl.grantee
                 where acl.grantee <> f.proowner and acl.privilege_type = 'EXECUTE'), '')
      from functions f
) as found
order by of_rows, shown collate "C", part
