-- Whether an address may be mailed is asked for every mail, twice: when it is handed over and when it is leased. A function with
-- a setting of its own is called, and planned anew in every statement; one without is put in place where it stands.

-- What was parsed when it was made needs no search path to be set at each call.
create or replace function public.mail_hash(address text) returns bytea
language sql immutable parallel safe
return sha256(convert_to(lower(address), 'UTF8'));

-- Who calls it reads with their own rights along their own path: every name is whole.
drop function public.mail_stop(text, text, boolean);
create function public.mail_stop(address text, consent text, of_blog boolean) returns table (stop text)
language sql stable
as $$
    select coalesce(
        (select s.reason from public.suppressions s
          where s.address_hash = public.mail_hash(mail_stop.address)
            and (s.reason <> 'unsubscribed' or mail_stop.consent = 'marketing'
                -- Who agreed anew since has changed their mind.
                and not exists (select from public.consents n
                                 where lower(n.email) = lower(mail_stop.address) and n.purpose = 'marketing'
                                   and n.decision = 'granted' and n.created_at > s.created_at))),
        case when mail_stop.consent = 'marketing' then
            case coalesce(
                (select c.decision from public.consents c
                  where lower(c.email) = lower(mail_stop.address) and c.purpose = 'marketing'
                  order by c.created_at desc limit 1),
                -- Who asked for the blog agreed to mails about it.
                (select 'granted' from public.subscribers b
                  where mail_stop.of_blog and lower(b.email) = lower(mail_stop.address) and b.status = 'subscribed' limit 1),
                'never')
            when 'granted' then null
            when 'withdrawn' then 'withdrawn'
            else 'no_consent' end
        end) as stop
$$;
comment on function public.mail_stop(text, text, boolean) is 'Why this address is not to be sent such a mail (transactional or marketing; about the blog or not); null if it may be. One row.';
revoke execute on function public.mail_stop(text, text, boolean) from public, anon, authenticated, service_role;
grant execute on function public.mail_stop(text, text, boolean) to thendo_engine, service_role;
