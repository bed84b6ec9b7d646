-- What is counted against the cap of marketing mails, and events of Stripe's that could not be read, go when they are old.
CREATE OR REPLACE FUNCTION public.delete_expired(from_table text, keep interval, most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    expired constant timestamptz := clock_timestamp() - keep;
    needed timestamptz;
    deleted integer;
    of_campaigns integer := 0;
begin
    case from_table
    when 'workflow_events' then
        needed := least(expired, public.events_needed_since());
        delete from public.workflow_events_default e where e.ctid = any (array(
            select d.ctid from public.workflow_events_default d where d.at < needed order by d.at limit most for update skip locked));
    when 'workflow_executions' then
        delete from public.workflow_executions_default x where x.ctid = any (array(
            select d.ctid from public.workflow_executions_default d where d.event_at < expired and d.finished_at < expired
             order by d.event_at limit most for update skip locked));
    when 'workflow_deliveries' then
        delete from public.workflow_deliveries g where g.ctid = any (array(
            select d.ctid from public.workflow_deliveries d
             where d.id < (lpad(to_hex(greatest(0, extract(epoch from expired) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
               and d.finished_at < expired
               -- One that rests may still ask what became of it, and who tries a failed one again must not send again what
               -- was sent. Ids of all attempts and of what they sent begin with the time of their event.
               and not exists (select from public.workflow_waiting w where w.id
                   between (left(d.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(d.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
               and not exists (select from public.workflow_dead_letters l where l.id
                   between (left(d.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(d.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
             order by d.id limit most for update skip locked));
        get diagnostics deleted = row_count;
        if deleted < most then
            -- Those of campaigns, which no execution asks for.
            delete from public.workflow_deliveries g where g.ctid = any (array(
                select d.ctid from public.workflow_deliveries d where d.execution_id = d.workflow_id and d.finished_at < expired
                 order by d.finished_at limit most - deleted for update skip locked));
            get diagnostics of_campaigns = row_count;
        end if;
        return deleted + of_campaigns;
    when 'workflow_dead_letters' then
        delete from public.workflow_dead_letters g where g.ctid = any (array(
            select l.ctid from public.workflow_dead_letters l where l.failed_at < expired
             order by l.failed_at limit most for update skip locked));
    when 'workflow_effects' then
        delete from public.workflow_effects g where g.ctid = any (array(
            select f.ctid from public.workflow_effects f where f.done_at < expired
               and not exists (select from public.workflow_waiting w where w.id
                   between (left(f.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(f.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
               and not exists (select from public.workflow_dead_letters l where l.id
                   between (left(f.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(f.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
             order by f.done_at limit most for update skip locked));
    when 'marketing_mails' then
        delete from public.marketing_mails g where g.ctid = any (array(
            select m.ctid from public.marketing_mails m where expired > all (m.sent_at) limit most for update skip locked));
    when 'stripe_objects' then
        delete from public.stripe_objects g where g.ctid = any (array(
            select o.ctid from public.stripe_objects o where o.kind = 'unread' and o.created_at < expired limit most for update skip locked));
    end case;
    get diagnostics deleted = row_count;
    return deleted;
end
$function$;

comment on function public.delete_expired(text, interval, integer) is 'Deletes some of what is older than this from workflow_events or workflow_executions (their default partitions), workflow_deliveries (those that are finished), workflow_dead_letters, workflow_effects, marketing_mails or stripe_objects (those that could not be read); how many. For the daemon.';

-- Amounts in words have as many decimals as their currency.
create function public.money_text(amount numeric, currency text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case public.minor_units(1, currency)
               when 1 then amount::text
               when 1000 then to_char(amount / 1000.0, 'FM999999999999990.000')
               else to_char(amount / 100.0, 'FM999999999999990.00') end || ' ' || currency
$$;
comment on function public.money_text(numeric, text) is 'An amount in the currency''s minor unit, for people: 2550 EUR is 25.50 EUR.';
revoke execute on function public.money_text(numeric, text) from public, anon, authenticated, service_role;
grant execute on function public.money_text(numeric, text), public.minor_units(numeric, text) to thendo_engine;
