-- The engine sends stored mails: it loads them with the plans, and anew when one was edited.

grant select on public.email_templates to thendo_engine;
create policy engine_select on public.email_templates for select to thendo_engine using (true);

create function public.mail_edited() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    this_one constant text := pg_current_xact_id()::text;
begin
    -- Once a transaction is enough, however many rows it writes.
    if coalesce(current_setting('thendo.mails_edited', true), '') <> this_one then
        perform set_config('thendo.mails_edited', this_one, true);
        update public.workflow_plan_epoch set epoch = epoch + 1;
    end if;
    return null;
end
$$;
comment on function public.mail_edited() is 'Commit trigger of email_templates: daemons load them anew.';
revoke execute on function public.mail_edited() from public, anon, authenticated, service_role;

-- At the commit: an editor that leaves its transaction open must not hold the epoch, which everyone needs.
create constraint trigger mail_edited after insert or update or delete on public.email_templates
    deferrable initially deferred for each row execute function public.mail_edited();
