-- People take the way out of marketing mails by a link of the daemon's own pages, and may take that back.
grant delete on public.suppressions to thendo_engine;
create policy engine_delete on public.suppressions for delete to thendo_engine using (reason = 'unsubscribed');
