-- What the API needs to say how things stand: how many rows are due and for how long, and who works here.
grant select (id, lane, due_at) on public.workflow_queue to thendo_api;
create policy api_select on public.workflow_queue for select to thendo_api using (true);
grant select (id, host, pid, version, started_at, seen_at, died_at) on public.workflow_daemons to thendo_api;
create policy api_select on public.workflow_daemons for select to thendo_api using (true);
