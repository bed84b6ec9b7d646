-- Whoever watches is told what changes: by the engine what executions do (while somebody watches), and here the rest, which
-- changes seldom.
create function public.tell_changes() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Its arguments: what of, and the column of the id.
    told json;
    many bigint;
begin
    execute format('select count(*), json_agg(json_build_object(''id'', c.%1$I) order by c.%1$I) filter (where c.n <= 100)
                      from (select d.%1$I, row_number() over () as n from changed d) c', tg_argv[1]) into many, told;
    if many > 0 then
        perform pg_notify('thendo_changes', json_build_object('topic', tg_argv[0],
            'data', json_build_object('changed', told, 'more', greatest(many - 100, 0)))::text)
            where pg_notification_queue_usage() < 0.5;
    end if;
    return null;
end
$$;
comment on function public.tell_changes() is 'Tells whoever watches which rows changed. Trigger.';
revoke execute on function public.tell_changes() from public, anon, authenticated, service_role;

do $$
declare
    of_table record;
    action   text;
begin
    for of_table in
        select t.name, t.topic, t.key from (values
            ('workflows',          'workflows', 'id'),
            ('workflow_holds',     'workflows', 'workflow_id'),
            ('waitlist_campaigns', 'campaigns', 'id'),
            ('workflow_alerts',    'alerts',    'id'),
            ('workflow_backtests', 'backtests', 'id'),
            ('workflow_undone',    'executions', 'root')
        ) as t (name, topic, key)
    loop
        foreach action in array array['insert', 'update', 'delete'] loop
            execute format('create trigger tell_%1$s after %1$s on public.%2$I referencing %5$s table as changed
                for each statement execute function public.tell_changes(%3$L, %4$L)', action, of_table.name,
                of_table.topic, of_table.key, case action when 'delete' then 'old' else 'new' end);
        end loop;
    end loop;
end
$$;
