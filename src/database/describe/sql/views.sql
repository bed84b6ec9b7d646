-- Views, each after those that it reads. Up to 15 a view of one table names the table before each column,
-- later versions don't: here nobody does.
, reading as (
    select distinct w.ev_class as view, d.refobjid as read
      from pg_rewrite w
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
      join relations v on v.oid = w.ev_class and v.relkind in ('v', 'm')
      join relations o on o.oid = d.refobjid and o.relkind in ('v', 'm') and o.oid <> v.oid
), depth as (
    select r.oid, 1 + (select count(*) from (
        with recursive below (oid) as (
            select read from reading where view = r.oid
            union
            select n.read from reading n join below b on n.view = b.oid
        ) select oid from below) as all_below) as level
      from relations r where r.relkind in ('v', 'm')
), written as (
    select r.*, depth.level, rtrim(pg_get_viewdef(r.oid), ';') as definition
      from relations r join depth on depth.oid = r.oid
), alone as (
    select w.oid, (regexp_match(w.definition, '\n\s+FROM (?:\w+\.)?(\w+)(?: (\w+))?(?:\n|$)')) as named
      from written w
     where regexp_count(w.definition, '\n\s+FROM ') = 1 and w.definition !~ ' JOIN '
)
select case w.relkind when 'v' then 'view' else 'materialized-view' end as kind, w.shown as of, '' as name,
       format(E'create %s %s%s as\n%s%s;', case w.relkind when 'v' then 'view' else 'materialized view' end, w.shown,
           ' with (' || (select string_agg(o, ', ' order by o collate "C") from unnest(w.reloptions) o where w.relkind = 'v') || ')',
           case when a.named is null then w.definition
                else regexp_replace(w.definition, '\m' || coalesce(a.named[2], a.named[1]) || '\.', '', 'g') end,
           case when w.relkind = 'm' and not w.relispopulated then E'\n  with no data' else '' end) as text
  from written w left join alone a on a.oid = w.oid and a.named is not null
 order by w.level, w.shown collate "C"
