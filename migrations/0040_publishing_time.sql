-- What is published has an instant from which it is public: the one given, else now.
create function public.stamp_publication() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.status = 'published' and new.published_at is null then
        new.published_at := clock_timestamp();
    end if;
    return new;
end
$$;
comment on function public.stamp_publication() is 'Before-write trigger of what can be published: stamps published_at.';

create trigger stamp_publication before insert or update of status, published_at on public.pages
    for each row when (new.status = 'published') execute function public.stamp_publication();
create trigger stamp_publication before insert or update of status, published_at on public.blog_posts
    for each row when (new.status = 'published') execute function public.stamp_publication();
create trigger stamp_publication before insert or update of status, published_at on public.changelog_entries
    for each row when (new.status = 'published') execute function public.stamp_publication();
