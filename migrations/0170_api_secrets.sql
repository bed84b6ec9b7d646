-- What the API needs to store secrets and to name them. What is stored it may not read, not even encrypted.
grant insert, update, delete, select (id, name, key_id, last_used_at, created_at, created_by)
    on public.workflow_secrets to thendo_api;
create policy api_select on public.workflow_secrets for select to thendo_api using (true);
create policy api_insert on public.workflow_secrets for insert to thendo_api with check (true);
create policy api_update on public.workflow_secrets for update to thendo_api using (true) with check (true);
create policy api_delete on public.workflow_secrets for delete to thendo_api using (true);
