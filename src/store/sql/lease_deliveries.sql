-- Takes due deliveries: committed before the first byte leaves. $1 limit, $2 token, $3 lease in ms, $4 repeatable.
update public.workflow_deliveries
set status = 'sending', attempt = attempt + 1, lease_token = $2,
    lease_until = clock_timestamp() + $3::bigint * interval '1 millisecond', repeatable = $4
where id = any (array(
    select d.id from public.workflow_deliveries d
    where d.status = 'pending' and d.due_at <= statement_timestamp()
    order by d.due_at limit $1::bigint for update skip locked
))
returning id, payload, attempt
