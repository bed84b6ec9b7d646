-- Requests of other systems: each becomes an event in the same transaction as the note that it has come, so that what was
-- answered with 202 is kept, and what is sent twice starts nothing twice.
create table public.workflow_hook_calls (
    path        text not null,
    sender_id   text not null check (length(sender_id) = 64),
    received_at timestamptz not null default clock_timestamp(),
    primary key (path, sender_id)
);
comment on table public.workflow_hook_calls is 'Which requests have come, by their sender''s own ids; kept for a week.';
comment on column public.workflow_hook_calls.path is 'Behind /hooks/.';
comment on column public.workflow_hook_calls.sender_id is 'SHA-256 of how the sender numbers them: webhook-id, the id of Stripe''s event, X-GitHub-Delivery, Idempotency-Key. Somebody may be named there.';
create index idx_workflow_hook_calls_received_at on public.workflow_hook_calls (received_at);
revoke all on public.workflow_hook_calls from public, anon, authenticated, service_role;
alter table public.workflow_hook_calls enable row level security;

-- Which hooks in force listen at a path, and what they are verified with: encrypted, as use_secrets() gives it.
create function public.hooks_at(at_path text)
returns table (method text, verify text, secret text, ciphertext bytea, nonce bytea, key_id text)
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    with hooks as (
        select distinct coalesce(t.config ->> 'method', 'POST') as method, t.config ->> 'secret' as secret,
               case when t.config ->> 'secret' is not null then coalesce(t.config ->> 'verify', 'standard') end as verify
          from public.workflow_triggers t
         where t.table_name = 'thendo.webhook' and t.config ->> 'path' = $1
    )
    select h.method, h.verify, h.secret, s.ciphertext, s.nonce, s.key_id
      from hooks h left join lateral public.use_secrets(array[h.secret]) s on true
$$;
comment on function public.hooks_at(text) is
    'The webhooks in force at a path: method, how they are verified, and the encrypted secret. For the daemon''s own HTTP.';

-- Whether a sender's number is new; it is known from then on, for a week.
create function public.note_hook_call(at_path text, by_sender_id text) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    moment constant timestamptz := clock_timestamp();
begin
    -- Who sends the same right now is waited for: if that is rolled back, this one counts.
    insert into public.workflow_hook_calls (path, sender_id, received_at) values (at_path, encode(sha256(convert_to(by_sender_id, 'UTF8')), 'hex'), moment)
    on conflict do nothing;
    if not found then
        return false;
    end if;
    delete from public.workflow_hook_calls o where o.ctid = any (array(
        select c.ctid from public.workflow_hook_calls c where c.received_at < moment - interval '7 days'
         order by c.received_at limit 10 for update skip locked));
    return true;
end
$$;
comment on function public.note_hook_call(text, text) is 'Of take_webhook(): notes that a request has come; false if it had.';

create function public.record_webhook(at_path text, by_method text, by_sender_id text, request jsonb, verified text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    event constant uuid := gen_random_uuid();
begin
    -- The requests of one path are worked on in their order.
    with told as (
        insert into public.workflow_events (id, at, table_name, operation, entity, row_data)
        values (event, clock_timestamp(), 'thendo.webhook', 'insert', 'hook ' || at_path,
                jsonb_build_object('id', event, 'path', at_path, 'method', by_method, 'sender_id', by_sender_id,
                                   'query', request -> 'query', 'headers', request -> 'headers', 'body', request -> 'body',
                                   'verified', to_jsonb(verified), 'received_at', clock_timestamp()))
        returning workflow_events.at, (hashtextextended(entity, 0) & 63)::smallint as lane
    )
    insert into public.workflow_queue (due_at, lane, event_at, event_id) select t.at, t.lane, t.at, event from told t;
    -- 1952998511 is 'thdo'; 0 is the gate: an engine that is awake looks by itself.
    if pg_try_advisory_xact_lock_shared(1952998511, 0) then
        perform pg_notify('thendo_shop', '') where pg_notification_queue_usage() < 0.5;
    end if;
end
$$;
comment on function public.record_webhook(text, text, text, jsonb, text[]) is 'Of take_webhook(): the event of a request.';

-- It gives up before its caller does, who would tell the sender that nothing was recorded.
create function public.take_webhook(at_path text, by_method text, by_sender_id text, request jsonb, verified text[])
returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
begin
    if by_sender_id is not null and not public.note_hook_call(at_path, by_sender_id) then
        return false;
    end if;
    perform public.record_webhook(at_path, by_method, by_sender_id, request, verified);
    return true;
end
$$;
comment on function public.take_webhook(text, text, text, jsonb, text[]) is
    'Records a request that came in as an event, once for each id of its sender: false if it was here before. For the daemon''s own HTTP, which has verified it.';

revoke execute on function public.note_hook_call(text, text) from public, anon, authenticated, service_role;
revoke execute on function public.record_webhook(text, text, text, jsonb, text[]) from public, anon, authenticated, service_role;
do $$
declare
    door text;
begin
    foreach door in array array['hooks_at(text)', 'take_webhook(text, text, text, jsonb, text[])'] loop
        execute format('revoke execute on function public.%s from public, anon, authenticated, service_role', door);
        execute format('grant execute on function public.%s to thendo_engine', door);
    end loop;
end
$$;
