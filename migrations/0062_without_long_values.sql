-- A row too large for an event keeps its short values; the truncated mark tells the rest.
create function public.without_long_values(whole jsonb) returns jsonb
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(key, value) filter (where octet_length(value::text) <= 1024), '{}')
    from jsonb_each(whole)
$$;
comment on function public.without_long_values(jsonb) is 'The object without members over 1 KiB.';
