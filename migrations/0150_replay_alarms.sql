-- An event that is asked for once more may be gone by then, or unreadable: somebody is told.
alter table public.workflow_alerts drop constraint workflow_alerts_kind_check;
alter table public.workflow_alerts add constraint workflow_alerts_kind_check
    check (kind in ('bulk_guard', 'loop_guard', 'set_aside', 'dead_letters', 'delivery_unknown',
                    'lag', 'default_partition', 'daemon_died', 'replay_failed'));
