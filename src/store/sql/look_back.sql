-- What happened since executions began to rest for it, oldest first. One pass over the events since the earliest.
-- $1 numbers, $2 tables, $3 operations, $4 keys, $5 since when; $6, $7 and $8 behind which event and number; $9 limit.
with looks as materialized (
    select n, table_name, operation, key, since from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
        as l (n, table_name, operation, key, since)
)
select looks.n, e.at, e.id, e.table_name, e.operation::text as operation, e.row_data, e.old_data
from public.workflow_events e
-- The keys of an event are read once, however many look.
cross join lateral (
    select '*' as key
    union all select 'row:' || left(e.row_data ->> 'id', 200)
    union all select 'customer:' || (e.row_data ->> case e.table_name when 'customers' then 'id' else 'customer_id' end)
    offset 0
) keys
join looks on looks.table_name = e.table_name and looks.operation = e.operation::text and looks.key = keys.key and looks.since <= e.at
where e.at >= (select greatest(min(l.since), $6) from looks l) and (e.at, e.id, looks.n) > ($6, $7, $8)
  and (e.table_name, e.operation::text) in (select l.table_name, l.operation from looks l)
order by e.at, e.id, looks.n
limit $9::bigint
