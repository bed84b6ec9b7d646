-- What the engine's effects write beside points and deposits, and where it finds what was done already.
do $$
declare
    door record;
    each_action text;
begin
    for door in
        select t.table_name, t.actions from (values
            ('workflow_effects',  '{select,insert}'::text[]),
            ('customers',         '{update}'),
            ('customer_tags',     '{select,insert,delete}'),
            ('loyalty_tiers',     '{select}'),
            ('orders',            '{update}'),
            ('deposits',          '{update}'),
            ('project_comments',  '{insert}'),
            ('referral_codes',    '{select,insert}'),
            ('enrollments',       '{select,insert}'),
            ('pages',             '{select,update}'),
            ('blog_posts',        '{select,update}'),
            ('changelog_entries', '{select,insert,update}')
        ) as t (table_name, actions)
    loop
        foreach each_action in array door.actions loop
            execute format('grant %s on public.%I to thendo_engine', each_action, door.table_name);
            execute format('create policy engine_%s on public.%I for %1$s to thendo_engine %3$s', each_action, door.table_name,
                case each_action when 'insert' then 'with check (true)' when 'update' then 'using (true) with check (true)' else 'using (true)' end);
        end loop;
    end loop;
end
$$;

-- What was done is known for as long as somebody may try it again.
create index idx_workflow_effects_done_at on public.workflow_effects (done_at);

create or replace function public.delete_expired(from_table text, keep interval, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    expired constant timestamptz := clock_timestamp() - keep;
    needed timestamptz;
    deleted integer;
begin
    case from_table
    when 'workflow_events' then
        needed := least(expired, public.events_needed_since());
        delete from public.workflow_events_default e where e.ctid = any (array(
            select d.ctid from public.workflow_events_default d where d.at < needed order by d.at limit most for update skip locked));
    when 'workflow_executions' then
        delete from public.workflow_executions_default x where x.ctid = any (array(
            select d.ctid from public.workflow_executions_default d where d.event_at < expired and d.finished_at < expired
             order by d.event_at limit most for update skip locked));
    when 'workflow_deliveries' then
        delete from public.workflow_deliveries g where g.ctid = any (array(
            select d.ctid from public.workflow_deliveries d
             where d.id < (lpad(to_hex(greatest(0, extract(epoch from expired) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
               and d.finished_at < expired
               -- One that rests may still ask what became of it, and who tries a failed one again must not send again what
               -- was sent. Ids of all attempts and of what they sent begin with the time of their event.
               and not exists (select from public.workflow_waiting w where w.id
                   between (left(d.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(d.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
               and not exists (select from public.workflow_dead_letters l where l.id
                   between (left(d.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(d.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
             order by d.id limit most for update skip locked));
    when 'workflow_dead_letters' then
        delete from public.workflow_dead_letters g where g.ctid = any (array(
            select l.ctid from public.workflow_dead_letters l where l.failed_at < expired
             order by l.failed_at limit most for update skip locked));
    when 'workflow_effects' then
        delete from public.workflow_effects g where g.ctid = any (array(
            select f.ctid from public.workflow_effects f where f.done_at < expired
               and not exists (select from public.workflow_waiting w where w.id
                   between (left(f.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(f.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
               and not exists (select from public.workflow_dead_letters l where l.id
                   between (left(f.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(f.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
             order by f.done_at limit most for update skip locked));
    end case;
    get diagnostics deleted = row_count;
    return deleted;
end
$$;
comment on function public.delete_expired(text, interval, integer) is
    'Deletes some of what is older than this from workflow_events or workflow_executions (their default partitions) workflow_deliveries (those that are finished), workflow_dead_letters or workflow_effects; how many. For the daemon.';


-- A workflow may ask for the statistics; the daemon's housekeeping makes them, for it takes longer than a batch may.
create function public.refresh_stats_soon() returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into public.maintenance (task, last_run_at) values ('refresh_page_view_stats', '-infinity')
    on conflict (task) do update set last_run_at = '-infinity'
$$;
comment on function public.refresh_stats_soon() is 'Has the statistics of page views made anew at the next look. For the daemon.';
revoke execute on function public.refresh_stats_soon() from public, anon, authenticated, service_role;
grant execute on function public.refresh_stats_soon() to thendo_engine;
