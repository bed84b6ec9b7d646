-- How the shop arranges its products, beside Medusa's own catalogue.
create table public.product_categories (
    id          uuid primary key default gen_random_uuid(),
    parent_id   uuid references public.product_categories (id) on delete set null check (parent_id <> id),
    name        text not null,
    slug        text not null unique,
    description text,
    position    integer not null default 0,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.product_categories is 'A category of the shop.';
comment on column public.product_categories.slug is 'Its place in the URL.';
comment on column public.product_categories.position is 'Order beside its sisters, smallest first.';

create index idx_product_categories_parent_id on public.product_categories (parent_id, position);
select public.audit('public.product_categories');

-- A menu that is drawn from a ring never ends. Moves within the tree wait for each other: two of them, each fine by
-- itself, could make one.
create function public.keep_category_tree() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.parent_id is null then
        return new;
    end if;
    perform pg_advisory_xact_lock('public.product_categories'::regclass::oid::int, 0);
    if exists (
        with recursive above (id, parent_id) as (
            select c.id, c.parent_id from public.product_categories c where c.id = new.parent_id
            union select c.id, c.parent_id from public.product_categories c join above a on c.id = a.parent_id
        ) select from above a where new.id in (a.id, a.parent_id))
    then
        raise check_violation using message = format('the category %s would be below itself', new.slug),
            hint = 'Move the other one out of it first.';
    end if;
    return new;
end
$$;
comment on function public.keep_category_tree() is 'Before-write trigger of product_categories: no category is below itself.';
create trigger keep_category_tree before insert or update of parent_id on public.product_categories
    for each row execute function public.keep_category_tree();

create table public.product_category_mappings (
    product_id  text not null,
    category_id uuid not null references public.product_categories (id) on delete cascade,
    position    integer not null default 0,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null,
    primary key (product_id, category_id)
);
comment on table public.product_category_mappings is 'Which product is in which category.';
comment on column public.product_category_mappings.product_id is
    'Medusa''s id of the product: prod_…. No foreign key: the table is Medusa''s, which deletes and restores as it likes.';

create index idx_product_category_mappings_category_id on public.product_category_mappings (category_id, position);
select public.audit('public.product_category_mappings');
