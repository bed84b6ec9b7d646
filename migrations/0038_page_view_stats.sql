-- Views by page and day, counted once. It knows no row security, so nobody reads it but through 0039.
create materialized view public.page_view_stats as
select v.page_id,
       (v.viewed_at at time zone 'UTC')::date as view_date,
       count(*) as view_count,
       count(distinct coalesce(v.user_id::text, v.visitor)) as unique_visitors
  from public.page_views v
 group by v.page_id, (v.viewed_at at time zone 'UTC')::date;
comment on materialized view public.page_view_stats is
    'Views and unique visitors by page and day (UTC). Refreshed by the daemon, read through read_page_view_stats().';

-- Refreshing without a lock on its readers needs it.
create unique index idx_page_view_stats_page_id on public.page_view_stats (page_id, view_date);
create index idx_page_view_stats_view_date on public.page_view_stats (view_date);
revoke all on public.page_view_stats from public;
