-- What customers say of products. Public once an admin approved it.
create table public.reviews (
    id                   uuid primary key default gen_random_uuid(),
    product_id           text not null,
    customer_id          uuid not null references public.customers (id) on delete cascade,
    order_id             uuid references public.orders (id) on delete set null,
    rating               smallint not null check (rating between 1 and 5),
    title                text check (length(title) <= 300),
    body                 text not null default '' check (length(body) <= 20000),
    author_name          text check (length(author_name) <= 300),
    status               text not null default 'pending' check (status in ('pending', 'approved', 'rejected')),
    is_verified_purchase boolean not null default false,
    moderated_at         timestamptz,
    moderated_by         uuid references auth.users (id) on delete set null,
    created_at           timestamptz not null default now(),
    updated_at           timestamptz not null default now(),
    created_by           uuid default auth.uid() references auth.users (id) on delete set null,
    unique (product_id, customer_id)
);
comment on table public.reviews is 'A customer''s review of a product.';
comment on column public.reviews.product_id is 'Medusa''s id of the product: prod_….';
comment on column public.reviews.rating is 'Stars, 1 to 5.';
comment on column public.reviews.author_name is 'The name shown beside it.';
comment on column public.reviews.moderated_at is 'When it was last approved or rejected; by whom is in moderated_by.';

create index idx_reviews_approved on public.reviews (product_id, created_at desc) where status = 'approved';
create index idx_reviews_pending on public.reviews (created_at) where status = 'pending';
create index idx_reviews_customer_id on public.reviews (customer_id);
create index idx_reviews_order_id on public.reviews (order_id);
create index idx_reviews_moderated_by on public.reviews (moderated_by) where moderated_by is not null;
select public.audit('public.reviews');

create function public.stamp_moderation() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        -- An import may say when and by whom.
        if new.status <> 'pending' then
            new.moderated_at := coalesce(new.moderated_at, clock_timestamp());
            new.moderated_by := coalesce(new.moderated_by, auth.uid());
        end if;
    elsif new.status is distinct from old.status then
        new.moderated_at := case when new.status <> 'pending' then clock_timestamp() end;
        new.moderated_by := case when new.status <> 'pending' then auth.uid() end;
    end if;
    return new;
end
$$;
comment on function public.stamp_moderation() is 'Before-write trigger of reviews: who decided, and when.';
create trigger stamp_moderation before insert or update of status on public.reviews
    for each row execute function public.stamp_moderation();
