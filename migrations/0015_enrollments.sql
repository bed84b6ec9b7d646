-- Who takes part in which course or service.
create table public.enrollments (
    id           uuid primary key default gen_random_uuid(),
    customer_id  uuid not null,
    product_id   text not null,
    title        text not null,
    status       text not null default 'active' check (status in ('active', 'paused', 'completed', 'cancelled', 'expired')),
    progress     smallint not null default 0 check (progress between 0 and 100),
    order_id     uuid references public.orders (id) on delete set null,
    enrolled_at  timestamptz not null default now(),
    completed_at timestamptz,
    expires_at   timestamptz,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default auth.uid() references auth.users (id) on delete set null
);
comment on table public.enrollments is 'A customer''s place in a course or service.';
comment on column public.enrollments.product_id is 'Medusa''s id of what was bought: prod_….';
comment on column public.enrollments.progress is 'In percent.';

create unique index idx_enrollments_once on public.enrollments (customer_id, product_id)
    where status in ('active', 'paused');
create index idx_enrollments_customer_id on public.enrollments (customer_id, enrolled_at desc);
create index idx_enrollments_order_id on public.enrollments (order_id);
select public.audit('public.enrollments');
