-- What the API needs to stop workflows, to have them go on, and to start one by hand.
grant execute on function public.hold_workflow(uuid, text, text), public.release_workflow(uuid, boolean, text),
    public.start_workflows(uuid[], text[], jsonb[], text[], integer[]) to thendo_api;
