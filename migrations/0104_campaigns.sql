-- Campaigns send themselves: whom they go to is frozen when they start, and what is to go out is handed to the deliverers a
-- little at a time, so that a rate, quiet hours, the stock and a pause hold to the mail.
alter table public.waitlist_campaigns
    add column content jsonb,
    add column quiet_hours jsonb check (quiet_hours is null or (quiet_hours ? 'from' and quiet_hours ? 'until')),
    add column next_at timestamptz,
    add column is_settled boolean not null default true,
    add column stock_at_start bigint,
    add column error text;
comment on column public.waitlist_campaigns.stock_at_start is 'Pieces when it started: what is missing since was bought, as far as one can see.';
comment on column public.waitlist_campaigns.content is 'The template as it was when the campaign started: {"subject", "html", "text", "consent"}.';
comment on column public.waitlist_campaigns.quiet_hours is 'When nothing is sent: {"from": "21:00", "until": "08:00", "time_zone": "Europe/Vienna"}.';
comment on column public.waitlist_campaigns.next_at is 'By its rate, the next mail may go then.';
comment on column public.waitlist_campaigns.is_settled is 'False while some of its mails are with the deliverers.';
comment on column public.waitlist_campaigns.error is 'Why it failed, or ended early.';
create index idx_waitlist_campaigns_unsettled on public.waitlist_campaigns (id) where not is_settled;
select public.put_event_triggers(t) from public.event_tables t where t.table_name = 'waitlist_campaigns';

alter table public.waitlist_campaign_recipients add column position bigint not null default 0;
comment on column public.waitlist_campaign_recipients.position is 'First come, first served.';
drop index public.idx_waitlist_campaign_recipients_queued;
create index idx_waitlist_campaign_recipients_queued on public.waitlist_campaign_recipients (campaign_id, position)
    where status = 'queued';
create index idx_waitlist_campaign_recipients_sending on public.waitlist_campaign_recipients (campaign_id)
    where status = 'sending';
-- Three events for each mail that nobody listens to are too many.
update public.event_tables t set recorded = 'subscribed' where t.table_name = 'waitlist_campaign_recipients';
select public.put_event_triggers(t) from public.event_tables t where t.table_name = 'waitlist_campaign_recipients';

-- What has ended stays so: nobody is mailed anew.
create function public.check_campaign() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if old.status in ('sent', 'cancelled', 'failed') or (new.status = 'draft') or (new.status = 'scheduled' and old.status not in ('draft', 'paused'))
       or (new.status = 'scheduled' and old.started_at is not null) or (new.status = 'sending' and old.status = 'draft') then
        raise check_violation using message = format('a campaign that is %s can''t become %s', old.status, new.status),
            hint = 'What has ended is not sent again: make another campaign.';
    end if;
    if new.status in ('sent', 'cancelled', 'failed') then
        new.finished_at := coalesce(new.finished_at, clock_timestamp());
    end if;
    -- Somebody has to see to those who are left.
    new.is_settled := false;
    return new;
end
$$;
comment on function public.check_campaign() is 'Before-update trigger of waitlist_campaigns: states go one way.';
create trigger check_campaign before update of status on public.waitlist_campaigns
    for each row when (new.status <> old.status) execute function public.check_campaign();

-- What of a campaign that is deleted has not begun is not sent.
create function public.campaign_deleted() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from public.workflow_deliveries d where d.destination = 'mail' and d.workflow_id = old.id and d.status = 'pending';
    return null;
end
$$;
comment on function public.campaign_deleted() is 'After-delete trigger of waitlist_campaigns: its mails are called off.';
create trigger campaign_deleted after delete on public.waitlist_campaigns for each row execute function public.campaign_deleted();

-- Ids of these say nothing of their age.
create index idx_workflow_deliveries_of_campaigns on public.workflow_deliveries (finished_at) where execution_id = workflow_id;

create or replace function public.delete_expired(from_table text, keep interval, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    expired constant timestamptz := clock_timestamp() - keep;
    needed timestamptz;
    deleted integer;
    of_campaigns integer := 0;
begin
    case from_table
    when 'workflow_events' then
        needed := least(expired, public.events_needed_since());
        delete from public.workflow_events_default e where e.ctid = any (array(
            select d.ctid from public.workflow_events_default d where d.at < needed order by d.at limit most for update skip locked));
    when 'workflow_executions' then
        delete from public.workflow_executions_default x where x.ctid = any (array(
            select d.ctid from public.workflow_executions_default d where d.event_at < expired and d.finished_at < expired
             order by d.event_at limit most for update skip locked));
    when 'workflow_deliveries' then
        delete from public.workflow_deliveries g where g.ctid = any (array(
            select d.ctid from public.workflow_deliveries d
             where d.id < (lpad(to_hex(greatest(0, extract(epoch from expired) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
               and d.finished_at < expired
               -- One that rests may still ask what became of it, and who tries a failed one again must not send again what
               -- was sent. Ids of all attempts and of what they sent begin with the time of their event.
               and not exists (select from public.workflow_waiting w where w.id
                   between (left(d.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(d.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
               and not exists (select from public.workflow_dead_letters l where l.id
                   between (left(d.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(d.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
             order by d.id limit most for update skip locked));
        get diagnostics deleted = row_count;
        if deleted < most then
            -- Those of campaigns, which no execution asks for.
            delete from public.workflow_deliveries g where g.ctid = any (array(
                select d.ctid from public.workflow_deliveries d where d.execution_id = d.workflow_id and d.finished_at < expired
                 order by d.finished_at limit most - deleted for update skip locked));
            get diagnostics of_campaigns = row_count;
        end if;
        return deleted + of_campaigns;
    when 'workflow_dead_letters' then
        delete from public.workflow_dead_letters g where g.ctid = any (array(
            select l.ctid from public.workflow_dead_letters l where l.failed_at < expired
             order by l.failed_at limit most for update skip locked));
    when 'workflow_effects' then
        delete from public.workflow_effects g where g.ctid = any (array(
            select f.ctid from public.workflow_effects f where f.done_at < expired
               and not exists (select from public.workflow_waiting w where w.id
                   between (left(f.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(f.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
               and not exists (select from public.workflow_dead_letters l where l.id
                   between (left(f.id::text, 13) || '-0000-0000-000000000000')::uuid and (left(f.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid)
             order by f.done_at limit most for update skip locked));
    end case;
    get diagnostics deleted = row_count;
    return deleted;
end
$$;
comment on function public.delete_expired(text, interval, integer) is
    'Deletes some of what is older than this from workflow_events or workflow_executions (their default partitions) workflow_deliveries (those that are finished), workflow_dead_letters or workflow_effects; how many. For the daemon.';



-- Whom a campaign would go to, now. An address may be there twice.
create function public.campaign_audience(audience jsonb, of_product text, of_variant text)
returns table (email text, name text, customer_id uuid, waitlist_id uuid, joined_at timestamptz)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select btrim(w.email), coalesce(w.name, c.name), w.customer_id, w.id, w.created_at
      from public.product_waitlist w left join public.customers c on c.id = w.customer_id
     where audience ->> 'from' = 'waitlist'
       and (of_product is null or w.product_id = of_product)
       and (of_variant is null or w.variant_id is null or w.variant_id = of_variant)
       and coalesce(audience -> 'status', '["waiting"]') ? w.status
       and (audience ->> 'joined_after' is null or w.created_at >= (audience ->> 'joined_after')::timestamptz)
       and (audience ->> 'joined_before' is null or w.created_at < (audience ->> 'joined_before')::timestamptz)
    union all
    select btrim(c.email), c.name, c.id, null, c.created_at
      from public.customers c left join public.loyalty_tiers t on t.id = c.tier_id
     where audience ->> 'from' = 'customers'
       and (audience -> 'tiers' is null or audience -> 'tiers' ? t.name)
       and (audience -> 'tags' is null or exists (
            select from public.customer_tags g where g.customer_id = c.id and audience -> 'tags' ? g.tag))
       and (audience -> 'without_tags' is null or not exists (
            select from public.customer_tags g where g.customer_id = c.id and audience -> 'without_tags' ? g.tag))
       and (audience ->> 'joined_after' is null or c.created_at >= (audience ->> 'joined_after')::timestamptz)
       and (audience ->> 'joined_before' is null or c.created_at < (audience ->> 'joined_before')::timestamptz)
       and (audience -> 'orders' is null or (
            select count(*) between coalesce((audience #>> '{orders,least}')::bigint, 1) and coalesce((audience #>> '{orders,most}')::bigint, 1000000000)
              from public.orders o
             where o.customer_id = c.id and o.status <> 'cancelled'
               and (audience #>> '{orders,after}' is null or o.created_at >= (audience #>> '{orders,after}')::timestamptz)
               and (audience #>> '{orders,before}' is null or o.created_at < (audience #>> '{orders,before}')::timestamptz)))
    union all
    select btrim(s.email), s.name, s.customer_id, null, s.created_at
      from public.subscribers s
     where audience ->> 'from' = 'subscribers' and s.status = 'subscribed'
       and (audience ->> 'joined_after' is null or s.created_at >= (audience ->> 'joined_after')::timestamptz)
       and (audience ->> 'joined_before' is null or s.created_at < (audience ->> 'joined_before')::timestamptz)
$$;
comment on function public.campaign_audience(jsonb, text, text) is 'Whom a campaign with such an audience would go to. For the daemon, and for previews.';

create function public.campaign_content(subject text, template public.email_templates) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('subject', coalesce(subject, (template).subject), 'html', (template).html, 'text', (template).text,
        'consent', (template).consent, 'template', (template).name)
$$;
comment on function public.campaign_content(text, public.email_templates) is 'What a campaign''s mails say: its template as it is now. For the daemon.';

-- Freezes whom it goes to and what they get. Null, or why it can't start: then it has failed.
create function public.start_campaign(campaign uuid) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    starting public.waitlist_campaigns;
    template public.email_templates;
    fault text;
begin
    select c.* into starting from public.waitlist_campaigns c
     where c.id = campaign and c.status = 'scheduled' and coalesce(c.scheduled_at, '-infinity') <= clock_timestamp()
       for no key update skip locked;
    if not found then
        return null; -- Another daemon has it.
    end if;
    select t.* into template from public.email_templates t where t.id = starting.template_id;
    fault := case
        when template.id is null then 'its template is gone'
        when not template.is_active then format('the template `%s` is not active', template.name)
        when coalesce(starting.audience ->> 'from', '') not in ('waitlist', 'customers', 'subscribers')
            then 'its audience says from whom it is in none of: waitlist, customers, subscribers'
        when starting.limit_to_stock and starting.product_id is null then 'it is limited to the stock of no product: set `product_id`' end;
    if fault is not null then
        update public.waitlist_campaigns c set status = 'failed', error = fault where c.id = campaign;
        return fault;
    end if;
    insert into public.waitlist_campaign_recipients (campaign_id, waitlist_id, customer_id, email, name, position, status, error)
    select campaign, a.waitlist_id, a.customer_id, a.email, a.name, row_number() over (order by a.joined_at, lower(a.email)),
           case when a.is_address then 'queued' else 'refused' end, case when not a.is_address then 'this is not one e-mail address' end
      from (select distinct on (lower(b.email)) b.waitlist_id, b.customer_id, b.email, b.name, b.joined_at,
                   -- Nothing around it: `A <a@b.c>` would pass by what is known of a@b.c.
                   b.email ~ '^[^][:space:]@<>,;:"()\\[]+@[^][:space:]@<>,;:"()\\[]+$' as is_address
              from public.campaign_audience(starting.audience, starting.product_id, starting.variant_id) b
             order by lower(b.email), b.joined_at) a
    on conflict do nothing;
    update public.waitlist_campaigns c
       set status = 'sending', started_at = coalesce(c.started_at, clock_timestamp()), next_at = clock_timestamp(), is_settled = false,
           stock_at_start = (select sum(greatest(0, s.available)) from public.product_stock s
                where s.product_id = c.product_id and (c.variant_id is null or s.variant_id = c.variant_id)),
           content = public.campaign_content(c.subject, template)
     where c.id = campaign;
    return null;
end
$$;
comment on function public.start_campaign(uuid) is 'Starts a campaign that is due: its recipients and its content are frozen. For the daemon.';

-- Takes in what became of the mails that are out, and hands the next ones over, if any may go now: of all that are out at once
-- at most `most_out`. Nothing if another daemon is at it.
create function public.feed_campaign(campaign uuid, most_out integer, out handed integer, out is_out integer, out status text)
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '300ms'
as $$
declare
    sending public.waitlist_campaigns;
    moment constant timestamptz := clock_timestamp();
    local_time time;
    is_quiet boolean := false;
    room bigint;
    left_over bigint;
    told bigint;
    pieces bigint;
    on_the_way bigint;
    of_ours bigint;
    has_sent boolean;
    fault text;
begin
    handed := 0;
    is_out := 0;
    select c.* into sending from public.waitlist_campaigns c where c.id = campaign for no key update skip locked;
    if not found then
        return;
    end if;
    status := sending.status;

    with ended as materialized (
        select r.id, r.waitlist_id, case when d.status is null then 'unknown' when d.status = 'cancelled' then 'queued'
                    when d.status = 'refused' and (d.result -> 'bounced')::boolean then 'bounced'
                    else d.status end as status,
               d.finished_at, d.result ->> 'reason' as reason
          from public.waitlist_campaign_recipients r
          left join lateral (select d.status, d.finished_at, d.result from public.workflow_deliveries d where d.id = r.id limit 1) d on true
         where r.campaign_id = campaign and r.status = 'sending' and coalesce(d.status, 'unknown') not in ('pending', 'sending')
    ), told as (
        update public.waitlist_campaign_recipients r
           set status = e.status, sent_at = case when e.status = 'sent' then e.finished_at end, error = e.reason
          from ended e where r.id = e.id
    )
    update public.product_waitlist w set status = 'notified' where w.id = any (array(
        select v.id from public.product_waitlist v
         where v.id = any (array(select e.waitlist_id from ended e where e.status = 'sent' and e.waitlist_id is not null)) and v.status = 'waiting'
         order by v.id for no key update));

    -- What is wrong with all of them is wrong with the campaign: it waits for a mend, and nobody has lost their mail.
    has_sent := exists (select from public.waitlist_campaign_recipients r where r.campaign_id = campaign and r.status in ('sent', 'unknown'));
    if sending.status = 'sending' and not has_sent then
        select count(*), max(first.error) into of_ours, fault from (select r.error from public.waitlist_campaign_recipients r
            where r.campaign_id = campaign and r.status = 'refused' and r.error like 'thendo refused:%' limit 20) first;
        if of_ours > 0 and (of_ours = 20 or not exists (select from public.waitlist_campaign_recipients r
                where r.campaign_id = campaign and r.status in ('queued', 'sending'))) then
            with again as (
                update public.waitlist_campaign_recipients r set status = 'queued', error = null
                 where r.campaign_id = campaign and r.status = 'refused' and r.error like 'thendo refused:%' returning r.id
            )
            delete from public.workflow_deliveries d where d.id in (select g.id from again g) and d.status = 'refused';
            update public.waitlist_campaigns c set status = 'paused', content = null, error = 'the first mails could not be made; ' || fault
             where c.id = campaign returning c.* into sending;
            status := 'paused';
        end if;
    end if;
    if sending.status = 'sending' and sending.content is null then
        -- Mended.
        update public.waitlist_campaigns c
           set content = public.campaign_content(c.subject, t), error = null
          from public.email_templates t where c.id = campaign and t.id = c.template_id returning c.* into sending;
    end if;

    if sending.quiet_hours is not null then
        local_time := (moment at time zone coalesce(sending.quiet_hours ->> 'time_zone', 'UTC'))::time;
        is_quiet := case when (sending.quiet_hours ->> 'from')::time <= (sending.quiet_hours ->> 'until')::time
            then local_time >= (sending.quiet_hours ->> 'from')::time and local_time < (sending.quiet_hours ->> 'until')::time
            else local_time >= (sending.quiet_hours ->> 'from')::time or local_time < (sending.quiet_hours ->> 'until')::time end;
    end if;
    if sending.status <> 'sending' or is_quiet then
        -- What has not begun comes back.
        with back as (
            delete from public.workflow_deliveries d
             where d.destination = 'mail' and d.workflow_id = campaign and d.status = 'pending'
               -- What was tried already keeps its count, and its place; but not of what is called off.
               and (d.attempt = 0 or sending.status in ('cancelled', 'failed'))
            returning d.id
        )
        update public.waitlist_campaign_recipients r set status = 'queued' from back b where r.id = b.id;
        update public.workflow_deliveries d set due_at = moment + interval '2 minutes'
         where d.destination = 'mail' and d.workflow_id = campaign and d.status = 'pending' and d.due_at < moment + interval '1 minute';
    end if;
    if sending.status in ('cancelled', 'failed') then
        update public.waitlist_campaign_recipients r set status = 'cancelled' where r.campaign_id = campaign and r.status = 'queued';
    end if;

    select count(*) into is_out from public.waitlist_campaign_recipients r where r.campaign_id = campaign and r.status = 'sending';
    if sending.status = 'sending' and not is_quiet then
        -- Those who are to be tried again later are in nobody's way, up to a bound.
        select (select count(*) from public.workflow_deliveries d where d.destination = 'mail' and d.workflow_id = campaign
                    and d.status = 'pending' and d.due_at <= moment)
             + (select count(*) from public.workflow_deliveries d where d.status = 'sending' and d.workflow_id = campaign)
          into on_the_way;
        room := least(most_out - on_the_way, 10 * most_out - is_out,
            floor(extract(epoch from moment - greatest(sending.next_at, moment - interval '1 second')) * sending.rate_per_minute / 60.0) + 1);
        -- The first ones show whether they can be made at all.
        if not has_sent then
            room := least(room, 20 - is_out);
        end if;
        if sending.next_at > moment then
            room := 0;
        end if;
        if sending.limit_to_stock then
            -- Looked at again before each batch: the pieces that are there, less those that who was told has not bought yet. What is
            -- missing since the start was bought.
            select coalesce(sum(greatest(0, s.available)), 0) into pieces from public.product_stock s
             where s.product_id = sending.product_id and (sending.variant_id is null or s.variant_id = sending.variant_id);
            select count(*) into told from public.waitlist_campaign_recipients r
             where r.campaign_id = campaign and r.status in ('sending', 'sent', 'unknown');
            left_over := greatest(0, pieces - (told - least(told, greatest(0, coalesce(sending.stock_at_start, 0) - pieces))));
            room := least(room, left_over);
        end if;
        if room > 0 then
            with next as materialized (
                select r.id, r.email, r.name, r.customer_id from public.waitlist_campaign_recipients r
                 where r.campaign_id = campaign and r.status = 'queued' order by r.position limit room for update skip locked
            ), moved as (
                update public.waitlist_campaign_recipients r set status = 'sending' from next n where r.id = n.id
            ), given as (
                insert into public.workflow_deliveries as d (id, execution_id, workflow_id, node_id, kind, destination, lane, payload)
                select n.id, campaign, campaign, 'campaign', 'email', 'mail', 0, jsonb_build_object('to', n.email,
                           'consent', sending.content -> 'consent', 'campaign', campaign,
                           'edition', left(md5(sending.content::text), 8), 'name', n.name,
                           'customer', (select to_jsonb(v) from (select c.id, c.email, c.name, c.locale) v))
                           || case when sending.audience ->> 'from' = 'subscribers' then '{"of_blog": true}' else '{}'::jsonb end
                  from next n left join public.customers c on c.id = n.customer_id
                -- Nobody is mailed twice; one that was called off before it was begun is taken up.
                on conflict (id) do update set status = 'pending', result = null, finished_at = null, due_at = now()
                    where d.status = 'cancelled'
            )
            select count(*) into handed from next;
            is_out := is_out + handed;
            update public.waitlist_campaigns c
               set next_at = greatest(c.next_at, moment - interval '1 second') + handed * interval '60 seconds' / c.rate_per_minute
             where c.id = campaign;
        end if;
        if is_out = 0 and (left_over = 0
             or not exists (select from public.waitlist_campaign_recipients r where r.campaign_id = campaign and r.status = 'queued')) then
            update public.waitlist_campaign_recipients r set status = 'cancelled' where r.campaign_id = campaign and r.status = 'queued';
            update public.waitlist_campaigns c set status = 'sent', error = case when found then 'there is no more stock' end where c.id = campaign;
            status := 'sent';
        end if;
    end if;
    if is_quiet and is_out = 0 then
        status := 'quiet';
    end if;
    if sending.is_settled <> (is_out = 0) then
        update public.waitlist_campaigns c set is_settled = (is_out = 0) where c.id = campaign;
    end if;
end
$$;
comment on function public.feed_campaign(uuid, integer) is
    'Takes in what became of a campaign''s mails and hands the next ones over; how many, how many are out, and how it stands (quiet: for these hours). For the daemon.';

revoke execute on function public.check_campaign(), public.campaign_deleted(), public.campaign_audience(jsonb, text, text), public.start_campaign(uuid),
    public.campaign_content(text, public.email_templates), public.feed_campaign(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function public.campaign_audience(jsonb, text, text) to thendo_engine, service_role;
grant execute on function public.start_campaign(uuid), public.campaign_content(text, public.email_templates),
    public.feed_campaign(uuid, integer) to thendo_engine;
do $$
declare
    door record;
    each_action text;
begin
    for door in
        select t.table_name, t.actions from (values
            ('waitlist_campaigns',           '{select,insert,update}'::text[]),
            ('waitlist_campaign_recipients', '{select,insert,update}'),
            ('product_waitlist',             '{select,update}'),
            ('product_stock',                '{select}'),
            ('workflow_deliveries',          '{delete}')
        ) as t (table_name, actions)
    loop
        foreach each_action in array door.actions loop
            execute format('grant %s on public.%I to thendo_engine', each_action, door.table_name);
            execute format('create policy engine_%s on public.%I for %1$s to thendo_engine %3$s', each_action, door.table_name,
                case each_action when 'insert' then 'with check (true)' when 'update' then 'using (true) with check (true)' else 'using (true)' end);
        end loop;
    end loop;
end
$$;
