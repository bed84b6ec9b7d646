-- What the daemons do from time to time, shared among them.
create table public.maintenance (
    task        text primary key,
    last_run_at timestamptz not null default now(),
    took_ms     integer not null default 0
);
comment on table public.maintenance is 'When a task was last done.';
comment on column public.maintenance.took_ms is 'How long it took, in milliseconds.';

-- Runs as its owner: only an owner may refresh. Readers are not held up.
create function public.refresh_page_view_stats(at_least_every interval) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    began timestamptz := clock_timestamp();
begin
    insert into public.maintenance (task, last_run_at) values ('refresh_page_view_stats', '-infinity') on conflict do nothing;
    perform from public.maintenance m
      where m.task = 'refresh_page_view_stats' and m.last_run_at <= began - at_least_every for update skip locked;
    if not found then
        return false;
    end if;
    refresh materialized view concurrently public.page_view_stats;
    update public.maintenance m
       set last_run_at = began, took_ms = extract(epoch from clock_timestamp() - began) * 1000
     where m.task = 'refresh_page_view_stats';
    return true;
end
$$;
comment on function public.refresh_page_view_stats(interval) is
    'Refreshes page_view_stats unless that was done within the interval or is being done; whether it did. For the daemon.';
