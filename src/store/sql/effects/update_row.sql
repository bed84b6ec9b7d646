, written as materialized (
    select f.id, f.input ->> 'table' as table_name, w.refused, w.row_key, w.was, w.became
    from fresh f cross join lateral public.write_row(f.id, f.input) as w (refused, row_key, was, became)
), judged as (
    select w.id, w.refused,
           case when w.was = w.became then 'is so already' else format('%s %s: %s → %s', w.table_name, w.row_key, w.was, w.became) end as why,
           jsonb_build_object('row', w.row_key, 'changed', w.was <> w.became) as result,
           case when w.was = w.became then '[]'::jsonb else jsonb_build_array(jsonb_build_object('table', w.table_name, 'key', w.row_key,
               'before', w.was, 'after', w.became)) end as changes
    from written w
)