-- The shop's customers, and from now on every order belongs to one.
create table public.customers (
    id          uuid primary key default gen_random_uuid(),
    user_id     uuid unique,
    email       text not null unique check (length(email) between 3 and 320),
    name        text,
    phone       text,
    locale      text not null default 'en',
    preferences jsonb not null default '{}' check (jsonb_typeof(preferences) = 'object'),
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid
);
comment on table public.customers is 'A customer: who they are and what they prefer.';
comment on column public.customers.user_id is 'The account in auth.users, where the customer has one.';
comment on column public.customers.preferences is 'Free settings of the shop, an object.';

alter table public.orders
    add constraint orders_customer_id_fkey foreign key (customer_id) references public.customers (id) on delete restrict;

create trigger set_updated_at before update on public.customers
    for each row execute function public.set_updated_at();
