, found as materialized (
    select f.id, f.input ->> 'slug' as slug, f.input ->> 'version' as version, f.input ->> 'title' as title,
           f.input ->> 'body' as body, f.input ->> 'category' as category, f.input ->> 'status' as status
    from fresh f
), entered as (
    insert into public.changelog_entries (id, slug, version, title, body, category, status)
    select w.id, w.slug, w.version, w.title, w.body, w.category, w.status from found w order by w.slug
    on conflict (slug) do nothing
    returning id, published_at
), judged as (
    select w.id, case when e.id is null then format('there is an entry `%s` already', w.slug) end as refused,
           format('entry `%s`, %s', w.slug, w.status) as why,
           jsonb_build_object('entry_id', w.id, 'slug', w.slug, 'status', w.status, 'published_at', e.published_at) as result,
           jsonb_build_array(jsonb_build_object('table', 'changelog_entries', 'key', w.id, 'after', jsonb_build_object('slug', w.slug,
               'version', w.version, 'title', w.title, 'body', w.body, 'category', w.category, 'status', w.status))) as changes
    from found w left join entered e on e.id = w.id
)