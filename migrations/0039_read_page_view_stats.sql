-- The door to page_view_stats: admins read, nobody else.
create function public.read_page_view_stats(since date, until date default current_date, most_rows integer default 1000)
returns table (page_id uuid, view_date date, view_count bigint, unique_visitors bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not coalesce(public.is_admin(auth.uid()), false) then
        raise insufficient_privilege using message = 'only admins read page views';
    end if;
    return query
        select s.page_id, s.view_date, s.view_count, s.unique_visitors
          from public.page_view_stats s
         where s.view_date between since and until
         order by s.view_date desc, s.page_id
         limit least(greatest(most_rows, 0), 10000);
end
$$;
comment on function public.read_page_view_stats(date, date, integer) is
    'Views by page and day, newest first, at most 10,000 rows. For admins.';

