-- A backtest's outcome quotes what a workflow would have sent, and to whom: who is removed is removed there, too.
cREATE OR REPLACE FUNCTION public.erase_traces(person jsonb, events uuid[])
 RETURNS TABLE(what text, row_count bigint)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    p record;
    executions uuid[];
    quoted text[];
begin
    p := public.read_person(person);
    -- As JSON has them: with their quotes, so that one is no part of another.
    quoted := array(select lower(to_jsonb(k)::text) from unnest(p.row_ids) k);
    executions := array(
        select x.id from public.workflow_executions x
         where x.event_id = any (events) or public.holds(x.steps::text, quoted)
            or (public.holds(x.steps::text || coalesce(x.error, ''), p.pieces)
                and (public.mentions(x.steps, p.addresses) or coalesce(public.mentions(x.error, p.addresses), false)))
        union select w.id from public.workflow_waiting w
         where w.event_id = any (events)
            or (public.holds(w.state::text, p.pieces) and public.mentions(w.state, p.addresses)));
    return query with gone as (delete from public.workflow_deliveries d where d.execution_id = any (executions)
            or (public.holds(d.payload::text || coalesce(d.result::text, ''), p.pieces)
                and (public.mentions(d.payload, p.addresses) or coalesce(public.mentions(d.result, p.addresses), false))) returning 1)
        select 'mails and requests', count(*) from gone;
    return query with gone as (delete from public.workflow_waiting w where w.id = any (executions) returning 1)
        select 'waiting executions', count(*) from gone;
    return query with gone as (delete from public.workflow_dead_letters l
            where l.id = any (executions) or l.event_id = any (events)
               or (public.holds(l.state::text || l.reason, p.pieces)
                   and (public.mentions(l.state, p.addresses) or public.mentions(l.reason, p.addresses))) returning 1)
        select 'failed executions that could be tried again', count(*) from gone;
    return query with gone as (delete from public.workflow_queue q
            where q.event_id = any (events) or q.execution_id = any (executions) returning 1)
        select 'queued rows', count(*) from gone;
    return query with gone as (update public.workflow_executions x set steps = '[]', error = null
            where x.id = any (executions) and (x.steps <> '[]' or x.error is not null) returning 1)
        select 'traces of executions, emptied', count(*) from gone;
    -- What was tried of workflows quotes what they would have done, and goes on to; it can be asked for again.
    return query with gone as (update public.workflow_backtests b
               set outcome = null, drawings = null, error = 'it is gone with a person who was removed',
                   status = case when b.status in ('queued', 'running') then 'cancelled' else b.status end,
                   ended_at = coalesce(b.ended_at, clock_timestamp())
             where b.status in ('queued', 'running') or public.holds(coalesce(b.outcome::text, ''), quoted)
                or (public.holds(coalesce(b.outcome::text, '') || coalesce(b.error, ''), p.pieces)
                    and (coalesce(public.mentions(b.outcome, p.addresses), false)
                         or coalesce(public.mentions(b.error, p.addresses), false))) returning 1)
        select 'outcomes of backtests, emptied', count(*) from gone;
    update public.workflow_effects f set result = null where f.execution_id = any (executions);
    -- They have no foreign keys that would do it.
    update public.workflow_executions x set created_by = null where x.created_by = any (p.accounts);
    update public.workflow_versions v set created_by = null where v.created_by = any (p.accounts);
end
$function$;
