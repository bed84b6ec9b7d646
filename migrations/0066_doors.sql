-- Who may come in through PostgREST. New tables get no grants by themselves on hosted Supabase, and got too
-- many before: so both are said. (The policies of the shop's own tables are a later concern of this schema.)
-- Nobody but the daemon reads or writes what the engine runs on.
do $$
declare
    engine_table text;
begin
    foreach engine_table in array array['workflow_events', 'workflow_queue', 'workflow_waiting',
        'workflow_deliveries', 'workflow_plan_epoch', 'workflow_versions', 'workflow_executions', 'workflows',
        'loyalty_ledger', 'loyalty_points']
    loop
        execute format('alter table public.%I enable row level security', engine_table);
        execute format('revoke all on public.%I from public, anon, authenticated', engine_table);
    end loop;
    foreach engine_table in array array['workflow_events', 'workflow_queue', 'workflow_waiting',
        'workflow_deliveries', 'workflow_plan_epoch']
    loop
        execute format('revoke all on public.%I from service_role', engine_table);
    end loop;
end
$$;

-- Partitions have doors of their own.
alter table public.workflow_events_default enable row level security;
alter table public.workflow_executions_default enable row level security;
revoke all on public.workflow_events_default, public.workflow_executions_default
    from public, anon, authenticated, service_role;

grant usage on schema public to service_role;
grant select, insert, update, delete on public.workflows to service_role;
grant select on public.workflow_versions, public.workflow_executions, public.loyalty_points, public.loyalty_ledger
    to service_role;
grant select, insert, update, delete on public.orders, public.customers, public.deposits, public.product_waitlist,
    public.pages, public.page_content, public.blog_posts to service_role;
