-- Puts deliveries back at once, for whoever comes next. $1 ids, $2 tokens, $3 whether each had begun: then it was an attempt.
update public.workflow_deliveries d
set status = 'pending', attempt = d.attempt - case when i.begun then 0 else 1 end,
    first_attempt_at = case when i.begun or d.attempt > 1 then d.first_attempt_at end,
    lease_token = null, lease_until = null
from unnest($1::uuid[], $2::uuid[], $3::boolean[]) as i (id, token, begun)
where d.id = any ($1::uuid[]) and d.id = i.id and d.status = 'sending' and d.lease_token = i.token
