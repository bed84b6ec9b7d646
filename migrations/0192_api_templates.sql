-- What the API needs to write the stored mails and to remove them. It reads them since 0161.
grant insert (name, subject, html, text, consent, is_active, tracks),
    update (name, subject, html, text, consent, is_active, tracks), delete on public.email_templates to thendo_api;
create policy api_insert on public.email_templates for insert to thendo_api with check (true);
create policy api_update on public.email_templates for update to thendo_api using (true) with check (true);
create policy api_delete on public.email_templates for delete to thendo_api using (true);
