-- Lists of executions and of the audit find each page by an index, whatever is asked for: executions of a workflow in the
-- list's own order, and those that did not succeed, which are few. (Those that did succeed are found among all.)
drop index public.idx_workflow_executions_workflow_id;
create index idx_workflow_executions_workflow_id on public.workflow_executions (workflow_id, event_at desc, id desc);
create index idx_workflow_executions_status on public.workflow_executions (status, event_at desc, id desc)
    where status <> 'succeeded';
create index idx_workflow_executions_workflow_status
    on public.workflow_executions (workflow_id, status, event_at desc, id desc) where status <> 'succeeded';

create index idx_workflow_waiting_event_at on public.workflow_waiting (event_at desc, id desc);
drop index public.idx_workflow_waiting_workflow_id;
create index idx_workflow_waiting_workflow_id on public.workflow_waiting (workflow_id, event_at desc, id desc);

create index api_audit_act on public.api_audit (act, at desc, id desc);
create index api_audit_target on public.api_audit (target, at desc, id desc);
