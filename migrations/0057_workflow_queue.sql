-- What is due, and nothing else: the rows the engine claims. Narrow, because every
-- event adds one and every claim deletes one; the event itself stays where it is.
create table public.workflow_queue (
    -- Only parts rows of the same instant; a session takes 64 at once, so that a large statement pays less.
    id           bigint generated always as identity (cache 64),
    due_at       timestamptz not null,
    -- Bucket of the entity: one lane is handled in order, by one batch at a time.
    lane         smallint not null check (lane between 0 and 63),
    event_at     timestamptz,
    event_id     uuid,
    execution_id uuid,
    -- The claim's order and the only index: every index here is paid for twice by every event.
    primary key (lane, due_at, id),
    -- Either an event with its time or an execution.
    constraint starts_or_resumes check (num_nonnulls(event_id, event_at) = 2 * num_nulls(execution_id))
);
comment on table public.workflow_queue is 'Events to start executions for, and executions to go on with.';
comment on column public.workflow_queue.due_at is 'Earliest instant of the claim, on the database''s clock.';

-- Every row lives for milliseconds: without this the table is mostly dead rows.
alter table public.workflow_queue set (
    fillfactor = 90,
    autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_vacuum_cost_delay = 0
);
