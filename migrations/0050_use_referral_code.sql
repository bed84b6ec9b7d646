-- A new customer comes with a code: counted once for each customer, however often it is told. For the service role.
create function public.use_referral_code(code text, customer_id uuid) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    found_code public.referral_codes;
begin
    -- The code's row first: it is what all uses of one code wait for.
    select r.* into found_code from public.referral_codes r
     where r.code = use_referral_code.code and r.is_active
       and (r.expires_at is null or r.expires_at > now()) and (r.most_uses is null or r.uses < r.most_uses)
       and r.customer_id <> use_referral_code.customer_id
       -- Two who bring each other brought nobody.
       and not exists (select from public.customers c where c.id = r.customer_id and c.referred_by = use_referral_code.customer_id)
       for update;
    if not found then
        return null;
    end if;
    update public.customers c set referred_by = found_code.customer_id
     where c.id = use_referral_code.customer_id and c.referred_by is null;
    if not found then
        return null;
    end if;
    update public.referral_codes r set uses = r.uses + 1 where r.id = found_code.id;
    return found_code.customer_id;
end
$$;
comment on function public.use_referral_code(text, uuid) is
    'Notes that a customer came with a code; the customer who passed it on, null if it does not count.';
