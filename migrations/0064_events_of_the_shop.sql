-- Which tables record events. Statement triggers with transition tables: on bulk writes they cost
-- less than row triggers, and zero rows cost next to nothing.
do $$
declare
    listened record;
begin
    for listened in
        select * from (values
            ('orders', 'orders', 'customer_id'),
            ('product_waitlist', 'waitlist', 'customer_id'),
            ('pages', 'content', 'id'),
            ('page_content', 'content', 'page_id'),
            ('blog_posts', 'content', 'id')
        ) as t (table_name, domain, entity_column)
    loop
        execute format('create trigger record_insert after insert on public.%I referencing new table as new_rows
            for each statement execute function public.record_event(%L, %L)',
            listened.table_name, listened.domain, listened.entity_column);
        execute format('create trigger record_update after update on public.%I referencing old table as old_rows new table as new_rows
            for each statement execute function public.record_event(%L, %L)',
            listened.table_name, listened.domain, listened.entity_column);
        execute format('create trigger record_delete after delete on public.%I referencing old table as old_rows
            for each statement execute function public.record_event(%L, %L)',
            listened.table_name, listened.domain, listened.entity_column);
    end loop;
end
$$;

create table public.event_tables (table_name text primary key, domain text not null, entity_column text not null, key_columns text[] not null default '{id}', recorded text not null default 'all', hidden_columns text[] not null default '{}', created_at timestamptz not null default now(), updated_at timestamptz not null default now(), created_by uuid);
comment on table public.event_tables is 'x';
create function public.record_events_of(a text, b text, c text default 'customer_id', d text default 'all', e text[] default '{id}', f text[] default '{}') returns void language sql set search_path='' as $$ select $$;
comment on function public.record_events_of(text,text,text,text,text[],text[]) is 'x';
