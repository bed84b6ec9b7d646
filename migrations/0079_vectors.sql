-- Semantic search, where the server has pgvector. Where it has none everything else works, and the first
-- `thendo migrate` after it was installed picks it up.
create function public.pick_up_vectors() returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $do$
declare
    at_home text;
    finds_enough text := '';
begin
    if exists (select from pg_catalog.pg_attribute a where a.attrelid = 'public.blog_posts'::regclass
                  and a.attname = 'embedding' and not a.attisdropped) then
        return false;
    end if;
    if not exists (select from pg_catalog.pg_extension where extname = 'vector') then
        if not exists (select from pg_catalog.pg_available_extensions where name = 'vector') then
            return false;
        end if;
        begin
            create extension vector with schema extensions;
        exception when insufficient_privilege then
            raise warning 'pgvector is installed on the server, but this user may not create it here'
                using hint = 'have a superuser run: create extension vector with schema extensions';
            return false;
        end;
    end if;
    select n.nspname into at_home from pg_catalog.pg_extension e
      join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector';
    execute format('alter table public.blog_posts add column embedding %I.vector(1536)', at_home);
    comment on column public.blog_posts.embedding is 'What the post is about, as a model of 1536 dimensions sees it.';
    -- hnsw: GIN can't index vectors. l2, because that is what <-> asks for.
    execute format('create index idx_blog_posts_embedding on public.blog_posts using hnsw (embedding %I.vector_l2_ops)', at_home);
    -- With their caller's rights: readers find what they may read. By itself the index gives 40 rows, and then those are
    -- dropped that the reader may not see: it is to go on until there are enough. (The call makes the settings known, so
    -- that others than superusers may name them.) In plpgsql, because the planner is to know how many rows are wanted:
    -- else it takes a tenth of all for granted, and reads all.
    execute format('select %1$I.vector_dims(''[1]''::%1$I.vector)', at_home);
    if current_setting('hnsw.iterative_scan', true) is not null then
        finds_enough := 'set hnsw.iterative_scan = ''strict_order'' set hnsw.ef_search = 100';
    end if;
    execute format($make$
create function public.search_content(embedding %1$I.vector, n integer default 5)
returns table (id uuid, slug text, title text, distance double precision)
language plpgsql stable
set search_path = pg_catalog, pg_temp %2$s
as $$
begin
    return query
    select p.id, p.slug, p.title, p.embedding operator(%1$I.<->) $1
      from public.blog_posts p where p.embedding is not null
     order by p.embedding operator(%1$I.<->) $1 limit least($2, 100);
end
$$$make$, at_home, finds_enough);
    execute format($make$
create function public.related_posts(post uuid, n integer default 5)
returns table (id uuid, slug text, title text, distance double precision)
language plpgsql stable
set search_path = pg_catalog, pg_temp %2$s
as $$
begin
    return query
    select p.id, p.slug, p.title, p.embedding operator(%1$I.<->) (select o.embedding from public.blog_posts o where o.id = $1)
      from public.blog_posts p
     where p.id <> $1 and p.embedding is not null
       and (select o.embedding from public.blog_posts o where o.id = $1) is not null
     order by p.embedding operator(%1$I.<->) (select o.embedding from public.blog_posts o where o.id = $1) limit least($2, 100);
end
$$$make$, at_home, finds_enough);
    execute format('comment on function public.search_content(%I.vector, integer) is ''Posts nearest to an embedding, nearest first, at most 100.''', at_home);
    comment on function public.related_posts(uuid, integer) is 'Posts most like a post, most alike first, at most 100.';
    execute format('revoke execute on function public.search_content(%I.vector, integer) from public', at_home);
    execute format('grant execute on function public.search_content(%I.vector, integer) to anon, authenticated, service_role', at_home);
    execute format('grant usage on schema %I to anon, authenticated, service_role', at_home);
    revoke execute on function public.related_posts(uuid, integer) from public;
    grant execute on function public.related_posts(uuid, integer) to anon, authenticated, service_role;
    return true;
end
$do$;
comment on function public.pick_up_vectors() is 'Adds embeddings to blog posts, where pgvector is there; whether it did.';

create function public.pick_up_optional() returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if public.pick_up_vectors() then
        return next 'vectors';
    end if;
    if public.attach_medusa() then
        return next 'Medusa';
    end if;
    -- Last, and it waits 200 ms at most for each lock: others wait for those of this transaction.
    perform public.prepare_partitions(2);
end
$$;
comment on function public.pick_up_optional() is 'What this server offers beyond the necessary, as far as it is new. Called by each `thendo migrate`.';
