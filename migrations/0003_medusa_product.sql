-- Medusa's tables, as Medusa v2 has them in kind, for a shop without Medusa. Where Medusa made them already
-- they are left alone (0003 to 0010). Its ids are texts with a prefix, and it deletes by deleted_at.
do $$
begin
    if to_regclass('public.product') is not null then
        return;
    end if;
    create table public.product (
        id          text primary key default 'prod_' || replace(gen_random_uuid()::text, '-', ''),
        title       text not null,
        handle      text not null,
        subtitle    text,
        description text,
        status      text not null default 'draft' check (status in ('draft', 'proposed', 'published', 'rejected')),
        thumbnail   text,
        metadata    jsonb,
        created_at  timestamptz not null default now(),
        updated_at  timestamptz not null default now(),
        deleted_at  timestamptz,
        created_by  text
    );
    comment on table public.product is 'The product catalogue, as Medusa has it.';
    comment on column public.product.handle is 'Its place in the URL.';
    comment on column public.product.deleted_at is 'When it was deleted; the row stays.';
    comment on column public.product.created_by is 'Medusa''s id of whoever made it.';
    create unique index idx_product_handle on public.product (handle) where deleted_at is null;
    perform public.audit('public.product');
end
$$;
