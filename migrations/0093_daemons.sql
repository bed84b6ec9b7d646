-- Which daemons work here. One that ends takes its row with it; a row that is left behind tells that one died, perhaps of
-- what it was working on. Then the others, and the one that starts in its place, are careful for a while: they say what
-- they have in hand before they work on it, so that the next death tells more, and what kills twice is set aside.
create table public.workflow_daemons (
    id         uuid primary key,
    host       text not null,
    pid        integer not null,
    version    text not null,
    -- Held as an advisory lock in thendo's namespace by the daemon's listener.
    lock       integer not null,
    started_at timestamptz not null default now(),
    seen_at    timestamptz not null default now(),
    died_at    timestamptz
);
comment on table public.workflow_daemons is 'A daemon that works, or that died.';
comment on column public.workflow_daemons.lock is
    'The number of an advisory lock (1952998511, this) that it holds as long as it lives; behind a transaction-mode pooler a stranger may.';
comment on column public.workflow_daemons.seen_at is 'When it last said that it lives.';
comment on column public.workflow_daemons.died_at is
    'When it was found dead. Kept for an hour: of many deaths, a row that was in hand at few is not the reason.';

create table public.workflow_hands (
    daemon_id uuid not null,
    worker    smallint not null,
    lanes     smallint[] not null,
    due_ats   timestamptz[] not null,
    queue_ids bigint[] not null,
    taken_at  timestamptz not null default now(),
    primary key (daemon_id, worker)
);
comment on table public.workflow_hands is
    'Queue rows that a careful daemon works on, written before it does and removed by the batch itself.';

create table public.workflow_strikes (
    lane      smallint not null,
    due_at    timestamptz not null,
    queue_id  bigint not null,
    strikes   smallint not null,
    struck_at timestamptz not null default now(),
    primary key (lane, due_at, queue_id)
);
comment on table public.workflow_strikes is 'Queue rows that a daemon had in hand when it died.';
comment on column public.workflow_strikes.strikes is
    'How many died with this row alone in hand; 0: with others beside it. From 2 on it is set aside, if those are half of all deaths, and at 5.';

do $$
declare
    of_engine text;
    each_action text;
begin
    foreach of_engine in array array['workflow_daemons', 'workflow_hands', 'workflow_strikes'] loop
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', of_engine);
        execute format('alter table public.%I enable row level security', of_engine);
        foreach each_action in array array['select', 'insert', 'update', 'delete'] loop
            execute format('grant %s on public.%I to thendo_engine', each_action, of_engine);
            execute format('create policy engine_%s on public.%I for %1$s to thendo_engine %3$s', each_action, of_engine,
                case each_action when 'insert' then 'with check (true)' when 'update' then 'using (true) with check (true)' else 'using (true)' end);
        end loop;
    end loop;
end
$$;
