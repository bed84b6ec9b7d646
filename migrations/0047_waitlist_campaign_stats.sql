-- How a campaign does. With its reader's rights: admins see it, by the tables' policies.
create view public.waitlist_campaign_stats with (security_invoker = true) as
select c.id as campaign_id, c.name, c.status, r.recipients, r.queued, r.sent, r.failed,
       o.opened, k.clicked
  from public.waitlist_campaigns c
  cross join lateral (
      select count(*) as recipients,
             count(*) filter (where m.status in ('queued', 'sending')) as queued,
             count(*) filter (where m.status = 'sent') as sent,
             count(*) filter (where m.status in ('bounced', 'refused', 'unknown')) as failed
        from public.waitlist_campaign_recipients m where m.campaign_id = c.id
  ) r
  cross join lateral (
      select count(distinct n.recipient_id) as opened
        from public.campaign_opens n where n.campaign_id = c.id and not n.is_proxy
  ) o
  cross join lateral (
      select count(distinct n.recipient_id) as clicked
        from public.campaign_clicks n where n.campaign_id = c.id and not n.is_proxy
  ) k;
comment on view public.waitlist_campaign_stats is 'Recipients, mails sent, opened and clicked, by campaign.';
revoke all on public.waitlist_campaign_stats from public;
