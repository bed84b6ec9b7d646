-- Puts deliveries back, to be tried again after a while. $1 ids, $2 tokens, $3 delays in ms, $4 reasons.
update public.workflow_deliveries d
set status = 'pending', due_at = clock_timestamp() + i.delay_ms * interval '1 millisecond',
    result = i.reason, lease_token = null, lease_until = null
from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::jsonb[]) as i (id, token, delay_ms, reason)
where d.id = any ($1::uuid[]) and d.id = i.id and d.status = 'sending' and d.lease_token = i.token
