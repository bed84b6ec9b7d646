-- Replays: an event starts what it starts once more. An execution's id is derived from its event, its workflow and the number
-- of the replay, so a number is given once.
create table public.workflow_replays (
    event_at     timestamptz not null,
    event_id     uuid not null,
    number       integer not null check (number > 0),
    workflow_id  uuid,
    lifts_guards boolean not null default false,
    replayed_by  text not null default '',
    replayed_at  timestamptz not null default now(),
    primary key (event_at, event_id, number)
);
comment on table public.workflow_replays is 'Events that were asked for once more.';
comment on column public.workflow_replays.workflow_id is 'Only this workflow; null: whatever begins with such an event.';
comment on column public.workflow_replays.lifts_guards is 'Also where its flow settings would have it start once only.';
revoke all on public.workflow_replays from public, anon, authenticated, service_role;
alter table public.workflow_replays enable row level security;

-- A replay is an event of no table, in the lane of the event that it is of: the daemon looks that one up.
create function public.replay_events(ats timestamptz[], ids uuid[], of_workflow uuid, lift boolean, again boolean, by_whom text)
returns table (event_at timestamptz, event_id uuid, number integer)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Two at once would give the same number.
    lock table public.workflow_replays in share row exclusive mode;
    -- Of events that are no longer kept nothing can be replayed.
    delete from public.workflow_replays r where r.event_at < (select min(e.at) from public.workflow_events e);
    return query
    with wanted as (
        select e.at, e.id, e.entity,
               coalesce((select max(r.number) from public.workflow_replays r where r.event_at = e.at and r.event_id = e.id), 0) + 1 as number
        from (select distinct i.at, i.id from unnest(ats, ids) as i (at, id)) as asked
        cross join lateral (
            select v.at, v.id, v.entity, v.table_name from public.workflow_events v where v.at = asked.at and v.id = asked.id limit 1
        ) e
        where e.table_name not in ('thendo.word', 'thendo.replay')
          and (again or not exists (select from public.workflow_replays r where r.event_at = e.at and r.event_id = e.id
                 and (r.workflow_id is null or of_workflow is null or r.workflow_id = of_workflow)))
    ), numbered as (
        insert into public.workflow_replays (event_at, event_id, number, workflow_id, lifts_guards, replayed_by)
        select w.at, w.id, w.number, of_workflow, lift, by_whom from wanted w
    ), told as (
        insert into public.workflow_events (id, at, table_name, operation, entity, row_data)
        select gen_random_uuid(), clock_timestamp(), 'thendo.replay', 'insert', w.entity,
               jsonb_build_object('event_at', w.at, 'event_id', w.id, 'number', w.number, 'workflow_id', of_workflow,
                   'lifts_guards', lift, 'by', by_whom)
        from (select o.at, o.id, o.entity, o.number from wanted o order by o.at, o.id) w
        returning workflow_events.id, at, (hashtextextended(entity, 0) & 63)::smallint as lane
    ), queued as (
        insert into public.workflow_queue (due_at, lane, event_at, event_id)
        select t.at, t.lane, t.at, t.id from told t
    )
    select w.at, w.id, w.number from wanted w order by w.at, w.id;
    perform pg_notify('thendo_shop', '') where pg_notification_queue_usage() < 0.5;
end
$$;
comment on function public.replay_events(timestamptz[], uuid[], uuid, boolean, boolean, text) is
    'Has events start what they start once more, or one workflow of it; gives those that will, each with the number of its replay. One that was replayed before is left out, unless it is to be replayed again.';
revoke execute on function public.replay_events(timestamptz[], uuid[], uuid, boolean, boolean, text)
    from public, anon, authenticated, service_role;
grant execute on function public.replay_events(timestamptz[], uuid[], uuid, boolean, boolean, text) to service_role;
