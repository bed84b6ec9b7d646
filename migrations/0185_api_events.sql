-- What the API needs to list and show events, and to have them replayed.
grant select on public.workflow_events, public.workflow_replays to thendo_api;
create policy api_select on public.workflow_events for select to thendo_api using (true);
create policy api_select on public.workflow_replays for select to thendo_api using (true);
grant execute on function public.replay_events(timestamptz[], uuid[], uuid, boolean, boolean, text) to thendo_api;
