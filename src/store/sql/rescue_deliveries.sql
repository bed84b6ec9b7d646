-- Deliveries whose sender died: tried again where that is harmless, else nobody knows, and that is said.
with lost as (
    select d.id from public.workflow_deliveries d
    where d.status = 'sending' and d.lease_until < statement_timestamp()
    order by d.lease_until limit 500 for update skip locked
), rescued as (
    update public.workflow_deliveries d
    set status = case when d.repeatable then 'pending' else 'unknown' end,
        finished_at = case when d.repeatable then null else clock_timestamp() end,
        result = case when d.repeatable then null
                      else jsonb_build_object('reason', 'the daemon died while it was being sent: it may have arrived') end,
        lease_token = null, lease_until = null
    where d.id = any (array(select l.id from lost l))
    returning d.id, d.execution_id, d.workflow_id, d.kind, d.lane, d.status
), resumed as (
    insert into public.workflow_queue (due_at, lane, execution_id)
    select clock_timestamp(), lane, execution_id from rescued where status = 'unknown' and execution_id <> workflow_id
)
select id, execution_id, workflow_id, kind, status from rescued
