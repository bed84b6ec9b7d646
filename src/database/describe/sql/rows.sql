-- For each table a question that writes its rows as an insert, in the order of the primary key. Columns that
-- say when a row was made are left to their defaults.
select shown as of, format('select %L || string_agg(%L || concat_ws(%L, %s) || %L, %L order by %s) || %L from only %s having count(*) > 0',
    format(E'insert into %s (%s)%s\nvalues\n', shown, columns, case when serial is null then '' else ' overriding system value' end),
    '    (', ', ', literals, ')', E',\n', coalesce(key, 'ctid'),
    E'\non conflict do nothing;'
        || case when serial is null then ''
                else format(E'\nselect setval(%L, (select max(%I) from %s));', serial, serial_column, shown) end, shown) as question
from (
    select r.shown,
           string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns,
           string_agg(case when t.typcategory in ('N', 'B') then format('coalesce(%I::text, ''null'')', a.attname)
                           else format('quote_nullable(%I::text)', a.attname) end, ', ' order by a.attnum) as literals,
           (select string_agg(format('%I', k.attname), ', ' order by array_position(x.indkey::int2[], k.attnum))
              from pg_index x join pg_attribute k on k.attrelid = x.indrelid and k.attnum = any (x.indkey)
             where x.indrelid = r.oid and x.indisprimary) as key,
           max(pg_get_serial_sequence(r.shown, a.attname)) as serial,
           max(a.attname) filter (where pg_get_serial_sequence(r.shown, a.attname) is not null) as serial_column
      from relations r
      join attributes a on a.attrelid = r.oid and a.attgenerated = ''
      join pg_type t on t.oid = a.atttypid
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where r.relkind = 'r' and not r.relispartition
       and coalesce(pg_get_expr(d.adbin, d.adrelid), '') !~ '^(now|clock_timestamp|statement_timestamp)\(\)$'
     group by r.oid, r.shown
) as told
order by shown collate "C"
