-- Medusa's customer; the shop's own is customers, linked by customers.medusa_customer_id.
do $$
begin
    if to_regclass('public.customer') is not null then
        return;
    end if;
    create table public.customer (
        id           text primary key default 'cus_' || replace(gen_random_uuid()::text, '-', ''),
        email        text,
        first_name   text,
        last_name    text,
        company_name text,
        phone        text,
        has_account  boolean not null default false,
        metadata     jsonb,
        created_at   timestamptz not null default now(),
        updated_at   timestamptz not null default now(),
        deleted_at   timestamptz,
        created_by   text
    );
    comment on table public.customer is 'A customer as Medusa has it. The shop''s own is in customers.';
    comment on column public.customer.has_account is 'Guests have none; a guest and an account may share an address.';
    create unique index idx_customer_email on public.customer (email, has_account) where deleted_at is null;
    perform public.audit('public.customer');
end
$$;
