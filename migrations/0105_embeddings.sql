-- Embeddings are made by workflows (`embed_content`). Events have no vectors, so storing one is none.
-- As its owner: the engine need not know where pgvector lives.
create function public.store_embedding(post uuid, numbers real[]) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    at_home text;
    found_it boolean;
begin
    select n.nspname into at_home from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector';
    if at_home is null or not exists (select from pg_catalog.pg_attribute a
            where a.attrelid = 'public.blog_posts'::regclass and a.attname = 'embedding' and not a.attisdropped) then
        return 'the database has no pgvector: install it, and run `thendo migrate`';
    end if;
    if cardinality(numbers) <> 1536 then
        return format('the embedding has %s numbers, and posts have 1536: choose another model, or its `dimensions`', cardinality(numbers));
    end if;
    execute format('update public.blog_posts p set embedding = $2::%I.vector where p.id = $1 returning true', at_home) into found_it using post, numbers;
    return case when found_it then null else format('there is no post %s', post) end;
end
$$;
comment on function public.store_embedding(uuid, real[]) is 'Stores what a post is about; null, or why it could not. For the daemon.';
revoke execute on function public.store_embedding(uuid, real[]) from public, anon, authenticated, service_role;
grant execute on function public.store_embedding(uuid, real[]) to thendo_engine;
