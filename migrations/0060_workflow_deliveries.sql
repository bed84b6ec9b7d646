-- Effects that leave the database. Written with the execution, done after commit, under a lease.
create table public.workflow_deliveries (
    id           uuid primary key,
    execution_id uuid not null,
    node_id      text not null,
    kind         text not null check (kind in ('email')),
    lane         smallint not null,
    payload      jsonb not null,
    status       text not null default 'pending'
                 check (status in ('pending', 'sending', 'sent', 'refused', 'unknown')),
    attempt      smallint not null default 0,
    due_at       timestamptz not null default now(),
    -- While it is being sent:
    lease_token  uuid,
    lease_until  timestamptz,
    repeatable   boolean not null default false,
    -- Afterwards:
    result       jsonb,
    finished_at  timestamptz,
    created_at   timestamptz not null default now(),
    constraint leased_while_sending check ((status = 'sending') = (lease_token is not null)
                                       and (status = 'sending') = (lease_until is not null))
);
comment on table public.workflow_deliveries is 'One mail or request on its way out, and what became of it.';
comment on column public.workflow_deliveries.id is 'Derived from execution, node and item; also the idempotency key.';
comment on column public.workflow_deliveries.status is
    'pending: to be sent when due. sending: handed over, committed before the first byte. sent: accepted. refused: given up. unknown: nobody can say whether it arrived; never repeated unasked.';
comment on column public.workflow_deliveries.repeatable is 'Sending it again is harmless with the transport in use: a lost lease is tried again.';
comment on column public.workflow_deliveries.lease_until is 'After this instant its sender counts as dead.';

create index idx_workflow_deliveries_due on public.workflow_deliveries (due_at) where status = 'pending';
create index idx_workflow_deliveries_leased on public.workflow_deliveries (lease_until) where status = 'sending';
create index idx_workflow_deliveries_execution_id on public.workflow_deliveries (execution_id);
