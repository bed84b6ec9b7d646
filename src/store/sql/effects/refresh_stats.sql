, told as materialized (
    -- Once, whoever asks.
    select public.refresh_stats_soon() from fresh f limit 1
), judged as (
    select f.id, null::text as refused, 'the statistics are made anew within a minute' as why,
           jsonb_build_object('asked_at', clock_timestamp()) as result, '[]'::jsonb as changes
    from fresh f where (select count(*) from told) > 0
)