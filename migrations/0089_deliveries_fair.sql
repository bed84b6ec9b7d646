-- Deliveries are fair: nobody's wait for somebody else's slow server, nor behind another workflow's thousands. And they
-- are tried again as their nodes say.
alter table public.workflow_deliveries
    add column workflow_id uuid not null default '00000000-0000-0000-0000-000000000000',
    add column destination text not null default 'mail',
    add column retry jsonb,
    add column first_attempt_at timestamptz,
    drop constraint workflow_deliveries_kind_check,
    drop constraint workflow_deliveries_status_check,
    add constraint workflow_deliveries_kind_check check (kind in ('email', 'http')),
    add constraint workflow_deliveries_status_check
        check (status in ('pending', 'sending', 'sent', 'refused', 'unknown', 'cancelled'));
comment on column public.workflow_deliveries.workflow_id is 'Whose it is: workflows take turns. Zero where it is older than this column.';
comment on column public.workflow_deliveries.destination is
    'Who takes it: mail for all mails, which go to one server; scheme://host:port for requests. One that is slow holds up its own only.';
comment on column public.workflow_deliveries.retry is 'What its node says of trying again; null where the settings alone hold.';
comment on column public.workflow_deliveries.first_attempt_at is 'When it was first tried: giving up is counted from here.';
comment on column public.workflow_deliveries.repeatable is 'Sending it again is harmless: a lost lease is tried again.';
comment on column public.workflow_deliveries.status is
    'pending: to be sent when due. sending: handed over, committed before the first byte. sent: accepted. refused: given up. unknown: nobody can say whether it arrived; never repeated unasked. cancelled: its execution was called off before it was sent.';
comment on table public.workflow_deliveries is 'One mail or request on its way out, and what became of it.';

update public.workflow_deliveries d set workflow_id = w.workflow_id
  from public.workflow_waiting w where w.id = d.execution_id and d.status in ('pending', 'sending');

-- The turns: from one destination and workflow to the next, and the oldest of each, without looking at those between.
create index idx_workflow_deliveries_turns
    on public.workflow_deliveries (destination, workflow_id, due_at) where status = 'pending';
drop index public.idx_workflow_deliveries_due;
