-- The schedules that are due, and when the next one is. Always at least one row. $1 limit.
-- One whose last time lies in the future was started by a clock that has been set back since.
with clock as materialized (
    select clock_timestamp() as now
)
select clock.now, after.next_at, due.workflow_id, due.config, due.last_at
from clock
cross join lateral (
    select min(s.next_at) as next_at from public.workflow_schedules s where s.next_at > clock.now
) after
left join lateral (
    select s.workflow_id, s.config, s.last_at from public.workflow_schedules s
    where s.next_at <= clock.now or s.last_at > clock.now + interval '1 hour'
    order by s.next_at, s.workflow_id limit $1
) due on true
