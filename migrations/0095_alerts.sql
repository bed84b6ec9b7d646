-- Alarms: what somebody should be told of. They are raised where it happens, in the same transaction if there is one, each
-- at most once in ten minutes for a workflow. They hold neither names nor contents of rows, for they are logged and mailed.
create table public.workflow_alerts (
    id          uuid primary key default gen_random_uuid(),
    kind        text not null check (kind in ('bulk_guard', 'loop_guard', 'set_aside', 'dead_letters', 'delivery_unknown',
                                              'lag', 'default_partition', 'daemon_died')),
    workflow_id uuid not null default '00000000-0000-0000-0000-000000000000',
    message     text not null check (length(message) <= 2000),
    happened_at timestamptz not null default clock_timestamp(),
    -- While it is being told:
    attempts    smallint not null default 0,
    due_at      timestamptz not null default clock_timestamp(),
    told        text[] not null default '{}',
    told_at     timestamptz
);
comment on table public.workflow_alerts is 'An alarm, and whether it was told to those of alerts.to.';
comment on column public.workflow_alerts.workflow_id is 'Which; all zeros if it is about none, or several.';
comment on column public.workflow_alerts.due_at is 'When it is to be told, or told again.';
comment on column public.workflow_alerts.told is 'Who has been told: hashes of their addresses.';
comment on column public.workflow_alerts.told_at is 'When all had been told; null if somebody has not, or nobody is to be.';
create index idx_workflow_alerts_kind on public.workflow_alerts (kind, workflow_id, happened_at);
create index idx_workflow_alerts_happened_at on public.workflow_alerts (happened_at, id);
create index idx_workflow_alerts_due_at on public.workflow_alerts (due_at) where told_at is null;

create function public.raise_alert(of_kind text, of_workflow uuid, in_words text) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    workflow constant uuid := coalesce(of_workflow, '00000000-0000-0000-0000-000000000000');
    raised uuid;
begin
    -- Who raises the same right now has it; if that is rolled back, it is done again. Nobody ever waits here.
    if not pg_try_advisory_xact_lock(hashtextextended('thendo.alert ' || of_kind || ' ' || workflow, 0)) then
        return null;
    end if;
    insert into public.workflow_alerts (kind, workflow_id, message)
    select of_kind, workflow, left(in_words, 2000)
     where not exists (select from public.workflow_alerts a
                        where a.kind = of_kind and a.workflow_id = workflow
                          and a.happened_at > clock_timestamp() - interval '10 minutes')
    returning id into raised;
    if raised is not null then
        delete from public.workflow_alerts o where o.id = any (array(
            select a.id from public.workflow_alerts a where a.happened_at < clock_timestamp() - interval '90 days'
             order by a.happened_at, a.id limit 100 for update skip locked));
    end if;
    return raised;
end
$$;
comment on function public.raise_alert(text, uuid, text) is
    'Raises an alarm unless there was one of the same kind about the same workflow within ten minutes: its id, or null. For the daemon.';

-- Many failures of one workflow in a short time are one trouble.
create function public.raise_dead_letters(of_workflows uuid[]) returns table (id uuid, workflow_id uuid, message text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    one uuid;
begin
    foreach one in array of_workflows loop
        -- Counted to eleven, no further.
        if (select count(*) from (select from public.workflow_dead_letters d
              where d.workflow_id = one and d.failed_at > clock_timestamp() - interval '1 minute' limit 11) f) > 10 then
            workflow_id := one;
            message := 'more than 10 executions of this workflow failed within a minute; `thendo executions list --status failed` lists them';
            id := public.raise_alert('dead_letters', one, message);
            if id is not null then
                return next;
            end if;
        end if;
    end loop;
end
$$;
comment on function public.raise_dead_letters(uuid[]) is
    'Raises an alarm for each of these workflows of which more than ten executions failed within a minute. For the daemon.';

-- What nobody notices where it happens, for it happens nowhere: asked from time to time.
create function public.look_for_trouble(most_lag interval) returns table (id uuid, kind text, message text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    oldest timestamptz;
begin
    select min(l.due_at) into oldest
      from generate_series(0, 63) as lanes (lane)
      cross join lateral (select q.due_at from public.workflow_queue q where q.lane = lanes.lane order by q.due_at, q.id limit 1) l;
    if oldest < clock_timestamp() - most_lag then
        kind := 'lag';
        message := format('the oldest row of the queue has been due for %s s; are enough daemons running?',
            extract(epoch from clock_timestamp() - oldest)::bigint);
        id := public.raise_alert(kind, null, message);
        if id is not null then
            return next;
        end if;
    end if;
    if exists (select from public.workflow_events_default e
                where e.at > clock_timestamp() - interval '10 minutes' and e.at < clock_timestamp() + interval '1 day') then
        kind := 'default_partition';
        message := 'events fall into workflow_events_default: this month''s partition is missing, and the log says why it could not be made';
        id := public.raise_alert(kind, null, message);
        if id is not null then
            return next;
        end if;
    end if;
end
$$;
comment on function public.look_for_trouble(interval) is
    'Raises alarms for what is due longer than this, and for default partitions that take rows. For the daemon.';

revoke all on public.workflow_alerts from public, anon, authenticated, service_role;
alter table public.workflow_alerts enable row level security;
create policy engine_select on public.workflow_alerts for select to thendo_engine using (true);
create policy engine_update on public.workflow_alerts for update to thendo_engine using (true) with check (true);
grant select, update on public.workflow_alerts to thendo_engine;
revoke execute on function public.raise_alert(text, uuid, text), public.raise_dead_letters(uuid[]), public.look_for_trouble(interval)
    from public, anon, authenticated, service_role;
grant execute on function public.raise_alert(text, uuid, text), public.raise_dead_letters(uuid[]), public.look_for_trouble(interval)
    to thendo_engine;
