-- From now on what the first phase made belongs to a customer. Orders and quotes are accounts of the shop and
-- keep their customer from being deleted (`thendo customer erase` makes the customer nameless instead).
alter table public.orders
    add constraint orders_customer_id_fkey foreign key (customer_id) references public.customers (id) on delete restrict;
alter table public.quotes
    add constraint quotes_customer_id_fkey foreign key (customer_id) references public.customers (id) on delete restrict;
alter table public.subscriptions
    add constraint subscriptions_customer_id_fkey foreign key (customer_id) references public.customers (id) on delete restrict;
alter table public.enrollments
    add constraint enrollments_customer_id_fkey foreign key (customer_id) references public.customers (id) on delete cascade;
alter table public.stripe_customers
    add constraint stripe_customers_customer_id_fkey foreign key (customer_id) references public.customers (id) on delete cascade;
