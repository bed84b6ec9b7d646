-- Who wants a product that is out of stock.
create table public.product_waitlist (
    id          uuid primary key default gen_random_uuid(),
    product_id  text not null,
    variant_id  text,
    customer_id uuid references public.customers (id) on delete set null,
    email       text not null check (length(email) between 3 and 320),
    name        text check (length(name) <= 300),
    status      text not null default 'waiting' check (status in ('waiting', 'notified', 'converted', 'cancelled')),
    notified_at timestamptz,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.product_waitlist is 'A sign-up to hear when a product is back in stock. It belongs to its address.';
comment on column public.product_waitlist.product_id is 'Medusa''s id of the product: text, prod_….';
comment on column public.product_waitlist.status is
    'waiting, notified: told that it is back, converted: bought it, cancelled: by its owner.';

create unique index idx_product_waitlist_once
    on public.product_waitlist (product_id, coalesce(variant_id, ''), lower(email)) where status = 'waiting';
create index idx_product_waitlist_email on public.product_waitlist (lower(email));
create index idx_product_waitlist_customer_id on public.product_waitlist (customer_id);

-- The line is first come, first served. Whoever waits again stands at its end; a place is not carried to another product.
-- (Its name is behind set_created and set_updated_at, which have their say first.)
create function public.keep_waitlist_order() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if (new.product_id, new.variant_id) is distinct from (old.product_id, old.variant_id)
       and current_user in ('anon', 'authenticated') then
        raise insufficient_privilege using message = 'a place on the waitlist is for one product',
            hint = 'Cancel this one and join the waitlist of the other product.';
    end if;
    if new.status = 'waiting' and old.status <> 'waiting' then
        new.created_at := clock_timestamp();
        new.notified_at := null;
    elsif new.status = 'notified' and old.status <> 'notified' then
        new.notified_at := coalesce(new.notified_at, clock_timestamp());
    end if;
    return new;
end
$$;
comment on function public.keep_waitlist_order() is
    'Before-update trigger of product_waitlist: whoever waits again is last; stamps notified_at.';
select public.audit('public.product_waitlist');
create trigger waitlist_order before update of status, product_id, variant_id on public.product_waitlist
    for each row execute function public.keep_waitlist_order();
