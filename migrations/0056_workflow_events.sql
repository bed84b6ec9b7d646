-- What happened, written by triggers in the transaction that changed the business row. Append-only.
-- A domain and not a check of the table's: that would be read and prepared anew by every single-row insert.
create domain public.event_operation as text check (value in ('insert', 'update', 'delete'));
comment on domain public.event_operation is 'What was done to the row.';

create table public.workflow_events (
    id         uuid not null,
    at         timestamptz not null,
    table_name text not null,
    operation  public.event_operation not null,
    entity     text not null,
    row_data   jsonb not null,
    old_data   jsonb,
    truncated  boolean not null default false,
    primary key (at, id)
) partition by range (at);
comment on table public.workflow_events is 'One change of one business row.';
comment on column public.workflow_events.at is 'clock_timestamp() in the trigger: now() is the transaction''s start and would reverse events.';
comment on column public.workflow_events.entity is 'Whose events are handled in order: the row''s customer where it has one, else the row.';
comment on column public.workflow_events.row_data is 'The row after the operation; before it, for a delete.';
comment on column public.workflow_events.old_data is 'Former values of the columns that an update changed: its keys are the changed columns, and a former null is a JSON null. Null itself for other operations, and where the key changed.';
comment on column public.workflow_events.truncated is 'The row was too large: its long values are missing.';

-- Always there, so that no event is ever without a home.
create table public.workflow_events_default partition of public.workflow_events default;
