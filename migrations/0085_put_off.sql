-- Executions that start later than their event, such as hours after a cart was last touched: one for each row. A later
-- event of the row takes the place of the one before.
alter table public.workflow_waiting add column put_off_for text;
comment on column public.workflow_waiting.put_off_for is
    'Set while it has not begun: the id of the row whose next event takes its place.';
create index idx_workflow_waiting_put_off on public.workflow_waiting (workflow_id, put_off_for) where put_off_for is not null;

-- What such a row has become by then. For the daemon, which may not read every table of the shop; only those that record
-- events, without the columns that enter none.
create function public.row_by_now(of_table text, row_id text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    relation constant regclass := to_regclass(format('public.%I', of_table));
    hidden text[] := (select e.hidden_columns from public.event_tables e where e.table_name = of_table);
    key_type text;
    found_row jsonb;
begin
    if relation is null or hidden is null then
        return null;
    end if;
    key_type := (select format_type(a.atttypid, a.atttypmod) from pg_attribute a
                  where a.attrelid = relation and a.attname = 'id' and not a.attisdropped);
    if key_type is null then
        return null;
    end if;
    execute format('select to_jsonb(t) from %s t where t.id = %L::%s', relation, row_id, key_type) into found_row;
    return found_row - public.hidden_columns_of(relation, hidden);
end
$$;
comment on function public.row_by_now(text, text) is 'A row that records events, as it is now, without what enters no event; null if it is gone.';
revoke execute on function public.row_by_now(text, text) from public, anon, authenticated, service_role;
grant execute on function public.row_by_now(text, text) to thendo_engine;
