-- What the shop calls its customers: VIP, wholesale, press.
create table public.customer_tags (
    customer_id uuid not null references public.customers (id) on delete cascade,
    tag         text not null check (length(tag) between 1 and 100),
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default auth.uid() references auth.users (id) on delete set null,
    primary key (customer_id, tag)
);
comment on table public.customer_tags is 'A word that the shop attached to a customer.';

create index idx_customer_tags_tag on public.customer_tags (tag);
select public.audit('public.customer_tags');
select public.record_events_of('customer_tags', 'customers', 'customer_id', 'all', '{customer_id,tag}');
