-- Money on its way.
do $$
begin
    if to_regclass('public.payment') is not null then
        return;
    end if;
    create table public.payment (
        id                    text primary key default 'pay_' || replace(gen_random_uuid()::text, '-', ''),
        amount                numeric not null check (amount >= 0),
        currency_code         text not null,
        provider_id           text not null,
        data                  jsonb,
        metadata              jsonb,
        captured_at           timestamptz,
        canceled_at           timestamptz,
        payment_collection_id text not null,
        payment_session_id    text not null,
        created_at            timestamptz not null default now(),
        updated_at            timestamptz not null default now(),
        deleted_at            timestamptz,
        created_by            text
    );
    comment on table public.payment is 'A payment, as Medusa has it.';
    comment on column public.payment.amount is 'In the currency''s major unit: 25 is 25.00.';
    comment on column public.payment.data is 'What the provider needs; may hold its secrets, so it enters no event.';
    comment on column public.payment.captured_at is 'When the money was taken; null while it is only authorised.';
    create index idx_payment_payment_collection_id on public.payment (payment_collection_id);
    create index idx_payment_payment_session_id on public.payment (payment_session_id);
    perform public.audit('public.payment');
end
$$;
