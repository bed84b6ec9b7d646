-- The shop of the peers: orders, and what their tasks write. No more than the job needs.
create table orders (
    id uuid primary key default gen_random_uuid(),
    customer_id uuid not null,
    total integer not null,
    created_at timestamptz not null default now()
);
create table loyalty_ledger (
    id bigserial primary key,
    order_id uuid not null unique,
    customer_id uuid not null,
    points integer not null,
    created_at timestamptz not null default now()
);
create table workflow_executions (
    id uuid primary key default gen_random_uuid(),
    workflow_id uuid not null,
    event_id uuid not null,
    status text not null,
    steps jsonb not null,
    started_at timestamptz not null,
    finished_at timestamptz
);
create index on workflow_executions (workflow_id, started_at);
