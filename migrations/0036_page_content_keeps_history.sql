-- Keeps each state of a section, whoever writes it; nobody writes the history itself.
create function public.keep_page_content() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        insert into public.page_content_history (page_id, page_content_id, version, operation, section, content, status)
        select n.page_id, n.id, public.next_page_content_version(n.id), 'insert', n.section, n.content, n.status from new_rows n;
    elsif tg_op = 'UPDATE' then
        insert into public.page_content_history (page_id, page_content_id, version, operation, section, content, status)
        select n.page_id, n.id, public.next_page_content_version(n.id), 'update', n.section, n.content, n.status
          from new_rows n join old_rows o on o.id = n.id
         where (n.page_id, n.section, n.content, n.status) is distinct from (o.page_id, o.section, o.content, o.status);
    else
        -- A page that is deleted takes its sections and their history with it.
        insert into public.page_content_history (page_id, page_content_id, version, operation, section, content, status)
        select o.page_id, o.id, public.next_page_content_version(o.id), 'delete', o.section, o.content, o.status
          from old_rows o where exists (select from public.pages p where p.id = o.page_id);
    end if;
    return null;
end
$$;
comment on function public.keep_page_content() is 'After-write trigger of page_content: keeps each state in page_content_history.';

-- The section's row is locked by the change itself: two can't get the same number.
create function public.next_page_content_version(of_section uuid) returns integer
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(max(h.version), 0) + 1 from public.page_content_history h where h.page_content_id = of_section
$$;
comment on function public.next_page_content_version(uuid) is 'The number of a section''s next state.';

create trigger keep_inserted after insert on public.page_content referencing new table as new_rows
    for each statement execute function public.keep_page_content();
create trigger keep_updated after update on public.page_content referencing old table as old_rows new table as new_rows
    for each statement execute function public.keep_page_content();
create trigger keep_deleted after delete on public.page_content referencing old table as old_rows
    for each statement execute function public.keep_page_content();
