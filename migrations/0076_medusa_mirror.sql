-- One business order is one row of orders, wherever it was placed. What Medusa takes is mirrored there when its
-- transaction commits (by then its summary is written), so it fires order_created once and with the same payload as any
-- other; and Medusa's inventory is mirrored in product_stock.
create table public.medusa_mirror (
    single     boolean primary key default true check (single),
    orders     text not null default 'mirrored' check (orders in ('mirrored', 'linked', 'left')),
    stock      text not null default 'mirrored' check (stock in ('mirrored', 'left')),
    begun      boolean not null default false,
    updated_at timestamptz not null default now()
);
comment on table public.medusa_mirror is 'What is taken over from Medusa.';
comment on column public.medusa_mirror.orders is
    'mirrored: each of Medusa''s orders gets its row in orders. linked: the shop writes these rows itself, with medusa_order_id; they are only kept up to date. left: neither.';
comment on column public.medusa_mirror.begun is
    'Whether orders were ever mirrored. If not, those that are linked to Medusa''s the shop linked by itself.';
insert into public.medusa_mirror default values;
create trigger set_updated_at before update on public.medusa_mirror
    for each row execute function public.set_updated_at();

-- Medusa counts in major units, we in minor ones; how many make one differs by currency (ISO 4217).
create function public.minor_units(amount numeric, currency text) returns bigint
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select round(amount * case
        when upper(currency) in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV',
                                 'XAF', 'XOF', 'XPF') then 1
        when upper(currency) in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 1000
        else 100 end)::bigint
$$;
comment on function public.minor_units(numeric, text) is 'An amount in the currency''s minor unit: 25.5 EUR is 2550, 25 JPY is 25.';

-- The shop's customer for Medusa's: by its id, else by its address, else a new one.
create function public.customer_of_medusa(medusa_id text, address text) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    theirs public.customer;
    ours uuid;
    known_address text;
begin
    select c.id into ours from public.customers c where c.medusa_customer_id = medusa_id;
    if found then
        return ours;
    end if;
    select t.* into theirs from public.customer t where t.id = medusa_id;
    -- Someone without any address can't be mailed, but can order.
    known_address := lower(coalesce(nullif(address, ''), nullif(theirs.email, '')));
    if known_address is null or length(known_address) not between 3 and 320 then
        known_address := coalesce(medusa_id, gen_random_uuid()::text) || '@without-address.invalid';
    end if;
    insert into public.customers (email, name, phone, medusa_customer_id)
    select known_address, nullif(concat_ws(' ', theirs.first_name, theirs.last_name), ''), theirs.phone, medusa_id
     where not exists (select from public.customers c where lower(c.email) = known_address)
        on conflict do nothing;
    update public.customers c set medusa_customer_id = medusa_id
     where c.id = (select k.id from public.customers k where lower(k.email) = known_address and medusa_id is not null
                      and k.medusa_customer_id is null order by k.created_at limit 1)
       and not exists (select from public.customers k where k.medusa_customer_id = medusa_id);
    select c.id into ours from public.customers c
     where c.medusa_customer_id = medusa_id or lower(c.email) = known_address
     order by c.medusa_customer_id is not distinct from medusa_id desc, c.created_at limit 1;
    return ours;
end
$$;
comment on function public.customer_of_medusa(text, text) is 'The shop''s customer for one of Medusa''s; made if there is none.';

-- What Medusa knows of an order's money: its summary where Medusa made the tables, else its lines.
create function public.medusa_order_money(of_order text, out total numeric, out paid numeric, out refunded numeric)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    totals jsonb;
begin
    if to_regclass('public.order_summary') is not null then
        execute 'select s.totals from public.order_summary s where s.order_id = $1 and s.deleted_at is null
                  order by s.version desc limit 1' into totals using of_order;
    end if;
    if totals is null then
        select sum(i.quantity * i.unit_price) into total from public.order_item i
          join public."order" o on o.id = i.order_id and o.version = i.version
         where i.order_id = of_order and i.deleted_at is null;
    else
        -- Exact figures are in raw_…: {"value": "12.34"}.
        total := coalesce(totals -> 'raw_current_order_total' ->> 'value', totals ->> 'current_order_total',
                          totals -> 'raw_accounting_total' ->> 'value', totals ->> 'accounting_total')::numeric;
        paid := coalesce(totals -> 'raw_paid_total' ->> 'value', totals ->> 'paid_total')::numeric;
        refunded := coalesce(totals -> 'raw_refunded_total' ->> 'value', totals ->> 'refunded_total')::numeric;
    end if;
    -- Below zero is what Medusa owes, and no total.
    total := greatest(nullif(total, 'NaN'), 0);
    paid := coalesce(nullif(paid, 'NaN'), 0);
    refunded := coalesce(nullif(refunded, 'NaN'), 0);
end
$$;
comment on function public.medusa_order_money(text) is 'Total, paid and refunded of one of Medusa''s orders, in major units.';

create function public.mirror_medusa_order() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- to_jsonb, so that one function serves tables of different columns.
    order_key constant text := coalesce(to_jsonb(new) ->> 'order_id', to_jsonb(new) ->> 'id');
    placed public."order";
    money record;
    paid_as text;
    known boolean;
    how text := (select m.orders from public.medusa_mirror m);
    is_new boolean := tg_table_name = 'order' and tg_op = 'INSERT';
begin
    -- Most changes of an order are none to us.
    if tg_table_name = 'order' and tg_op = 'UPDATE' then
        if (new.status, new.is_draft_order, new.version, new.deleted_at)
           is not distinct from (old.status, old.is_draft_order, old.version, old.deleted_at) then
            return null;
        end if;
    end if;
    -- Two who change one order meet in its row here, and the second then sees what the first did.
    perform from public.orders s where s.medusa_order_id = order_key for update;
    known := found;
    select o.* into placed from public."order" o
     where o.id = order_key and o.deleted_at is null and not o.is_draft_order and o.status::text <> 'draft';
    if not found or how = 'left' then
        return null;
    end if;
    -- What orders can't hold must not stop Medusa's checkout.
    if placed.currency_code !~* '^[A-Z]{3}$' then
        raise warning 'the order % of Medusa is not mirrored: % is no currency of ISO 4217', order_key, placed.currency_code;
        return null;
    end if;
    select m.total, m.paid, m.refunded into money from public.medusa_order_money(order_key) m;
    paid_as := case when money.refunded > 0 and money.refunded >= money.paid then 'refunded'
                    when money.refunded > 0 then 'partially_refunded'
                    when money.paid > 0 and money.paid >= money.total then 'paid' end;
    -- An old order of Medusa's that changes was placed long ago: it fires nothing. A draft is placed when it is one no more.
    if not is_new and tg_table_name = 'order' then
        is_new := (to_jsonb(old) ->> 'is_draft_order')::boolean or to_jsonb(old) ->> 'status' = 'draft';
    end if;
    if not known and is_new and how = 'mirrored' then
        insert into public.orders (medusa_order_id, customer_id, total, currency, status, payment_status, created_at)
        values (order_key, public.customer_of_medusa(placed.customer_id, placed.email),
                public.minor_units(money.total, placed.currency_code), upper(placed.currency_code),
                case placed.status::text when 'completed' then 'completed' when 'canceled' then 'cancelled' else 'pending' end,
                coalesce(paid_as, 'unpaid'), placed.created_at)
        on conflict (medusa_order_id) do nothing;
        return null;
    end if;
    update public.orders s
       set total = changed.total, status = changed.status, payment_status = changed.payment_status,
           refunded_total = changed.refunded_total
      from (select o.id, greatest(public.minor_units(money.total, o.currency), o.refunded_total, refunds.amount) as total,
                   case placed.status::text when 'completed' then 'completed' when 'canceled' then 'cancelled'
                        else o.status end as status,
                   coalesce(paid_as, o.payment_status) as payment_status,
                   greatest(refunds.amount, o.refunded_total) as refunded_total
              from public.orders o
             cross join lateral (select public.minor_units(money.refunded, o.currency) as amount) refunds
             where o.medusa_order_id = order_key) changed
     where s.id = changed.id
       and (s.total, s.status, s.payment_status, s.refunded_total)
           is distinct from (changed.total, changed.status, changed.payment_status, changed.refunded_total);
    return null;
end
$$;
comment on function public.mirror_medusa_order() is
    'Deferred trigger of Medusa''s "order", order_summary and order_item: keeps the row of orders.';

create function public.mirror_medusa_fulfilment() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if (select m.orders from public.medusa_mirror m) = 'left' then
        return null;
    end if;
    update public.orders s set fulfillment_status = sent.status
      from (select case when sum(i.quantity) <= 0 then 'unfulfilled'
                        when sum(i.delivered_quantity) >= sum(i.quantity) then 'delivered'
                        when sum(i.fulfilled_quantity) >= sum(i.quantity) then 'fulfilled'
                        when sum(i.fulfilled_quantity) > 0 then 'partially_fulfilled'
                        else 'unfulfilled' end as status
              from public.order_item i join public."order" o on o.id = i.order_id and o.version = i.version
             where i.order_id = new.order_id and i.deleted_at is null) sent
     where s.medusa_order_id = new.order_id and s.fulfillment_status <> sent.status
       -- What came back is the shop's to say.
       and s.fulfillment_status <> 'returned';
    return null;
end
$$;
comment on function public.mirror_medusa_fulfilment() is
    'Deferred trigger of Medusa''s order_item: how much of an order was sent and has arrived.';

create function public.mirror_medusa_stock() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    touched text[];
begin
    if (select m.stock from public.medusa_mirror m) <> 'mirrored' then
        return null;
    end if;
    -- to_jsonb, so that one function serves both tables.
    if tg_op <> 'DELETE' then
        touched := array(select distinct to_jsonb(n) ->> tg_argv[0] from new_rows n);
    end if;
    if tg_op <> 'INSERT' then
        touched := touched || array(select distinct to_jsonb(o) ->> tg_argv[0] from old_rows o);
    end if;
    if cardinality(touched) > 0 and tg_argv[0] = 'inventory_item_id' then
        touched := array(select distinct l.variant_id from public.product_variant_inventory_item l
                          where l.inventory_item_id = any (touched));
    end if;
    if cardinality(touched) > 0 then
        perform public.take_medusa_stock(touched);
    end if;
    return null;
end
$$;
comment on function public.mirror_medusa_stock() is 'Statement trigger of Medusa''s inventory: keeps product_stock.';

-- A variant may need several items, and several of each: it can be sold as often as the scarcest allows. Rows are locked
-- first, in order: two who change the stock of one variant, each seeing its own, would lose one of the changes.
create function public.take_medusa_stock(variants text[] default null) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    known text[];
begin
    variants := coalesce(variants, array(select distinct l.variant_id from public.product_variant_inventory_item l));
    known := array(select s.variant_id from public.product_stock s where s.variant_id = any (variants)
                    order by s.variant_id for update);
    -- Once more if rows are new: another may have made them meanwhile.
    for turn in 1 .. case when cardinality(known) < cardinality(variants) then 2 else 1 end loop
        insert into public.product_stock as s (variant_id, product_id, available)
        select l.variant_id, max(v.product_id), min(floor(coalesce(i.free, 0) / greatest(l.required_quantity, 1)))::bigint
          from public.product_variant_inventory_item l
          left join public.product_variant v on v.id = l.variant_id
          left join lateral (
              select sum(n.stocked_quantity - n.reserved_quantity) as free from public.inventory_level n
               where n.inventory_item_id = l.inventory_item_id and n.deleted_at is null) i on true
         where l.deleted_at is null and l.variant_id = any (variants)
         group by l.variant_id order by l.variant_id
        on conflict (variant_id) do update set available = excluded.available
         where s.available is distinct from excluded.available;
    end loop;
    -- A variant whose last item was taken away is counted no more.
    delete from public.product_stock s where s.variant_id = any (known) and not exists (
        select from public.product_variant_inventory_item l where l.variant_id = s.variant_id and l.deleted_at is null);
end
$$;
comment on function public.take_medusa_stock(text[]) is 'Brings product_stock up to date with Medusa''s inventory: for some variants, or all.';

-- Attaches to what Medusa has by now; each `thendo migrate` calls it.
create function public.attach_medusa() returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    source text;
    operation text;
    made boolean := false;
begin
    -- Detached as a whole: `thendo migrate` is not to attach behind the shop's back.
    if exists (select from public.event_tables) and not exists (select from public.event_tables e where e.attached) then
        return false;
    end if;
    -- A shop that links its orders to Medusa's by itself goes on doing so.
    if exists (select from public.orders o where o.medusa_order_id is not null) then
        update public.medusa_mirror set orders = 'linked' where orders = 'mirrored' and not begun;
    end if;
    foreach source in array array['order', 'order_summary', 'order_item'] loop
        continue when to_regclass(format('public.%I', source)) is null
            or not has_table_privilege(to_regclass(format('public.%I', source)), 'trigger')
            -- Without a summary the lines make up the total.
            or (source = 'order_item' and to_regclass('public.order_summary') is not null)
            or exists (select from pg_catalog.pg_trigger t
                        where t.tgrelid = to_regclass(format('public.%I', source)) and t.tgname = 'mirror_medusa_order');
        execute format('create constraint trigger mirror_medusa_order after insert or update on public.%I
            deferrable initially deferred for each row execute function public.mirror_medusa_order()', source);
        update public.medusa_mirror set begun = true where not begun and orders = 'mirrored';
        made := true;
    end loop;
    if has_table_privilege(to_regclass('public.order_item'), 'trigger')
       and (select count(*) from pg_catalog.pg_attribute a where a.attrelid = to_regclass('public.order_item')
               and a.attname in ('fulfilled_quantity', 'delivered_quantity') and not a.attisdropped) = 2
       and not exists (select from pg_catalog.pg_trigger t where t.tgrelid = to_regclass('public.order_item')
                          and t.tgname like 'mirror_medusa_fulfilment%') then
        -- At the end of the transaction: by then all its lines are of the order's version.
        create constraint trigger mirror_medusa_fulfilment_insert after insert on public.order_item
            deferrable initially deferred for each row when (new.fulfilled_quantity > 0 or new.delivered_quantity > 0)
            execute function public.mirror_medusa_fulfilment();
        create constraint trigger mirror_medusa_fulfilment_update after update on public.order_item
            deferrable initially deferred for each row
            when ((new.fulfilled_quantity, new.delivered_quantity)
                  is distinct from (old.fulfilled_quantity, old.delivered_quantity))
            execute function public.mirror_medusa_fulfilment();
        made := true;
    end if;
    if to_regclass('public.inventory_level') is not null
       and to_regclass('public.product_variant_inventory_item') is not null
       and has_table_privilege(to_regclass('public.inventory_level'), 'trigger')
       and has_table_privilege(to_regclass('public.product_variant_inventory_item'), 'trigger') then
        foreach source in array array['inventory_level', 'product_variant_inventory_item'] loop
            continue when exists (select from pg_catalog.pg_trigger t
                where t.tgrelid = to_regclass(format('public.%I', source)) and t.tgname like 'mirror_medusa_stock%');
            foreach operation in array array['insert', 'update', 'delete'] loop
                execute format('create trigger %I after %s on public.%I referencing %s for each statement
                    execute function public.mirror_medusa_stock(%L)', 'mirror_medusa_stock_' || operation, operation, source,
                    case operation when 'insert' then 'new table as new_rows' when 'delete' then 'old table as old_rows'
                        else 'old table as old_rows new table as new_rows' end,
                    case source when 'inventory_level' then 'inventory_item_id' else 'variant_id' end);
            end loop;
            made := true;
        end loop;
        perform public.take_medusa_stock();
    end if;
    return made;
end
$$;
comment on function public.attach_medusa() is 'Attaches the mirrors to the tables that Medusa has, unless the shop is detached; whether one was new.';

create function public.detach_medusa() returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    attached record;
    removed integer := 0;
begin
    for attached in select t.tgname, t.tgrelid::regclass as source from pg_catalog.pg_trigger t
                     where t.tgname like 'mirror\_medusa\_%' and not t.tgisinternal loop
        execute format('drop trigger %I on %s', attached.tgname, attached.source);
        removed := removed + 1;
    end loop;
    return removed;
end
$$;
comment on function public.detach_medusa() is 'Removes the mirrors from Medusa''s tables; how many triggers that were.';

select public.attach_medusa();
