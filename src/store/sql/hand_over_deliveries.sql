-- Hands mails and requests to the deliverers, once each. One row back per input, with what is known of it. A mail that its
-- recipient is not to be sent is entered as that.
-- $1 ids, $2 executions, $3 workflows, $4 nodes, $5 kinds, $6 destinations, $7 lanes, $8 payloads, $9 retries.
with input as materialized (
    select i.id, i.execution_id, i.workflow_id, i.node_id, i.kind, i.destination, i.lane, i.payload, i.retry,
           case when i.kind = 'email' then (select s.stop from public.mail_stop(i.payload ->> 'to',
                    coalesce(i.payload ->> 'consent', 'transactional'), i.payload ? 'of_blog') s) end as stop
      from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::smallint[], $8::jsonb[], $9::jsonb[])
        as i (id, execution_id, workflow_id, node_id, kind, destination, lane, payload, retry)
), entered as (
    insert into public.workflow_deliveries as d
        (id, execution_id, workflow_id, node_id, kind, destination, lane, payload, retry, status, result, finished_at)
    select id, execution_id, workflow_id, node_id, kind, destination, lane, payload, retry,
           case when stop is null then 'pending' else 'suppressed' end,
           case when stop is not null then jsonb_build_object('status', 'suppressed', 'to', payload -> 'to', 'reason', stop) end,
           case when stop is not null then clock_timestamp() end
      from input
    -- Another execution of the same root asks: somebody wants it again. What is still on its way comes back to this one;
    -- what was given up or called off is taken up anew. The same execution only looks what became of it.
    on conflict (id) do update set
        execution_id = excluded.execution_id, lane = excluded.lane,
        workflow_id = case when d.status in ('refused', 'cancelled', 'suppressed') then excluded.workflow_id else d.workflow_id end,
        kind = case when d.status in ('refused', 'cancelled', 'suppressed') then excluded.kind else d.kind end,
        destination = case when d.status in ('refused', 'cancelled', 'suppressed') then excluded.destination else d.destination end,
        payload = case when d.status in ('refused', 'cancelled', 'suppressed') then excluded.payload else d.payload end,
        retry = case when d.status in ('refused', 'cancelled', 'suppressed') then excluded.retry else d.retry end,
        attempt = case when d.status in ('refused', 'cancelled', 'suppressed') then 0 else d.attempt end,
        due_at = case when d.status in ('refused', 'cancelled', 'suppressed') then now() else d.due_at end,
        first_attempt_at = case when d.status in ('refused', 'cancelled', 'suppressed') then null else d.first_attempt_at end,
        result = case when d.status in ('refused', 'cancelled', 'suppressed') then excluded.result else d.result end,
        finished_at = case when d.status in ('refused', 'cancelled', 'suppressed') then excluded.finished_at else d.finished_at end,
        status = case when d.status in ('refused', 'cancelled', 'suppressed') then excluded.status else d.status end
    where d.execution_id <> excluded.execution_id
    returning d.id, d.status, d.result
)
select input.id, coalesce(entered.status, former.status, 'pending') as status,
       case when entered.id is null then former.result else entered.result end as result
  from input
  left join entered on entered.id = input.id
  -- Looked up one by one, however few there were when this was planned.
  left join lateral (select d.status, d.result from public.workflow_deliveries d where d.id = input.id limit 1) former on true
