-- What was not sent is looked for by its state, among millions that were. What is on its way has indexes of its own.
create index idx_workflow_deliveries_not_sent on public.workflow_deliveries (status, id)
    where status in ('refused', 'unknown', 'cancelled', 'suppressed');
