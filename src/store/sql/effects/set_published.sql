, asked_of as materialized (
    select f.id, f.input ->> 'what' as what, f.input ->> 'row' as asked_for, f.input ->> 'status' as status,
           case when f.input ->> 'row' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (f.input ->> 'row')::uuid end as row_id
    from fresh f
), found as materialized (
    select a.id, a.what, a.asked_for, a.status, coalesce(p.id, b.id, c.id) as row_id, coalesce(p.status, b.status, c.status) as former,
           coalesce(p.slug, b.slug, c.slug) as slug, coalesce(p.published_at, b.published_at, c.published_at) as published_at
    from asked_of a
    -- By its id, or by its slug.
    left join lateral (select r.id, r.status, r.slug, r.published_at from public.pages r
        where a.what = 'page' and (r.id = a.row_id or (a.row_id is null and r.slug = a.asked_for)) limit 1) p on true
    left join lateral (select r.id, r.status, r.slug, r.published_at from public.blog_posts r
        where a.what = 'post' and (r.id = a.row_id or (a.row_id is null and r.slug = a.asked_for)) limit 1) b on true
    left join lateral (select r.id, r.status, r.slug, r.published_at from public.changelog_entries r
        where a.what = 'changelog' and (r.id = a.row_id or (a.row_id is null and r.slug = a.asked_for)) limit 1) c on true
), moved_pages as (
    update public.pages r set status = (select w.status from found w where w.row_id = r.id order by w.id limit 1)
    where r.id = any (array(select w.row_id from found w where w.what = 'page' and w.former is distinct from w.status))
    returning r.id, r.published_at
), moved_posts as (
    update public.blog_posts r set status = (select w.status from found w where w.row_id = r.id order by w.id limit 1)
    where r.id = any (array(select w.row_id from found w where w.what = 'post' and w.former is distinct from w.status))
    returning r.id, r.published_at
), moved_entries as (
    update public.changelog_entries r set status = (select w.status from found w where w.row_id = r.id order by w.id limit 1)
    where r.id = any (array(select w.row_id from found w where w.what = 'changelog' and w.former is distinct from w.status))
    returning r.id, r.published_at
), moved as (
    select m.id, m.published_at from moved_pages m union all select m.id, m.published_at from moved_posts m
    union all select m.id, m.published_at from moved_entries m
), judged as (
    select w.id, case when w.row_id is null then format('there is no %s `%s`', w.what, w.asked_for) end as refused,
           case when m.id is null then format('is %s already', w.former) else format('%s → %s', w.former, w.status) end as why,
           jsonb_build_object('id', w.row_id, 'slug', w.slug, 'status', w.status, 'former', w.former,
               'published_at', coalesce(m.published_at, w.published_at)) as result,
           case when m.id is null then '[]'::jsonb else jsonb_build_array(jsonb_build_object(
               'table', case w.what when 'page' then 'pages' when 'post' then 'blog_posts' else 'changelog_entries' end, 'key', w.row_id,
               'before', jsonb_build_object('status', w.former, 'published_at', w.published_at),
               'after', jsonb_build_object('status', w.status, 'published_at', m.published_at))) end as changes
    from found w left join moved m on m.id = w.row_id
)