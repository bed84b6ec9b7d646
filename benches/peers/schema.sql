-- A shop that has the same tables, keys and checks, and one of the peers in thendo's place: nothing records events, the
-- task keeps the balances itself (as the engine does), and its record is a table of its own.
select detach_events();
alter table loyalty_ledger disable trigger keep_balances;
create table job_runs (
    id uuid primary key default gen_random_uuid(),
    workflow_id uuid not null,
    event_id uuid not null,
    status text not null,
    steps jsonb not null,
    started_at timestamptz not null,
    finished_at timestamptz
);
create index on job_runs (workflow_id, started_at);
