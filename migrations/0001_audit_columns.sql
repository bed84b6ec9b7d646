-- Every table tells when a row was made, when it last changed and who made it.
-- The second is kept by this trigger function, so that no writer can forget it.
create function public.set_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := clock_timestamp();
    return new;
end
$$;
comment on function public.set_updated_at() is 'Before-update trigger of every audited table: keeps updated_at.';
