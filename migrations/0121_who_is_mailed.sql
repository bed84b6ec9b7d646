-- Who may be sent which mail: suppressions, consent and a cap, asked when a mail is handed over and again right before it
-- is sent.

alter table public.workflow_deliveries
    drop constraint workflow_deliveries_status_check,
    add constraint workflow_deliveries_status_check
        check (status in ('pending', 'sending', 'sent', 'refused', 'unknown', 'cancelled', 'suppressed'));
comment on column public.workflow_deliveries.status is
    'pending: to be sent when due. sending: handed over, committed before the first byte. sent: accepted. refused: given up. unknown: nobody can say whether it arrived; never repeated unasked. cancelled: its execution was called off before it was sent. suppressed: its recipient is not to be sent it.';

-- How often a person was sent marketing lately. One row for an address, which two senders can't both be the last to use.
create table public.marketing_mails (
    address_hash bytea primary key check (length(address_hash) = 32),
    sent_at      timestamptz[] not null
);
comment on table public.marketing_mails is 'The last marketing mails to an address, as far as the cap (mail.marketing_cap) counts them.';
comment on column public.marketing_mails.address_hash is 'As in suppressions.';
comment on column public.marketing_mails.sent_at is 'When each was begun to be sent.';

create function public.mail_hash(address text) returns bytea
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$ select sha256(convert_to(lower(address), 'UTF8')) $$;
comment on function public.mail_hash(text) is 'How an address is looked up where it is kept by hash alone.';

-- By keys alone: three looks for each mail.
create function public.mail_stop(address text, consent text, of_blog boolean) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        (select s.reason from public.suppressions s
          where s.address_hash = public.mail_hash(address) and (s.reason <> 'unsubscribed' or consent = 'marketing'
            -- Who agreed anew since has changed their mind.
            and not exists (select from public.consents n where lower(n.email) = lower(address) and n.purpose = 'marketing'
                and n.decision = 'granted' and n.created_at > s.created_at))),
        case when consent = 'marketing' then
            case coalesce(
                (select c.decision from public.consents c
                  where lower(c.email) = lower(address) and c.purpose = 'marketing'
                  order by c.created_at desc limit 1),
                -- Who asked for the blog agreed to mails about it.
                (select 'granted' from public.subscribers b
                  where of_blog and lower(b.email) = lower(address) and b.status = 'subscribed' limit 1),
                'never')
            when 'granted' then null
            when 'withdrawn' then 'withdrawn'
            else 'no_consent' end
        end)
$$;
comment on function public.mail_stop(text, text, boolean) is
    'Why this address is not to be sent such a mail (transactional or marketing; about the blog or not); null if it may be.';

-- Who is erased leaves no count, and is sent nothing at all, whatever they had been suppressed for before.
create function public.suppression_is_nameless() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from public.marketing_mails m where m.address_hash = new.address_hash;
    if tg_op = 'UPDATE' and old.email is not null then
        new.reason := 'erased';
    end if;
    return new;
end
$$;
comment on function public.suppression_is_nameless() is 'Before-write trigger of suppressions: a nameless one is of a person that was erased.';
create trigger suppression_is_nameless before insert or update on public.suppressions
    for each row when (new.email is null) execute function public.suppression_is_nameless();

revoke all on public.marketing_mails from public, anon, authenticated, service_role;
alter table public.marketing_mails enable row level security;
do $$
declare
    door record;
    each_action text;
begin
    for door in
        select t.table_name, t.actions from (values
            ('marketing_mails', '{select,insert,update}'::text[]),
            ('suppressions',    '{select,insert,update}'),
            ('consents',        '{select,insert}'),
            ('subscribers',     '{select,update}')
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
revoke execute on function public.mail_hash(text), public.mail_stop(text, text, boolean), public.suppression_is_nameless()
    from public, anon, authenticated, service_role;
grant execute on function public.mail_hash(text), public.mail_stop(text, text, boolean) to thendo_engine, service_role;
