//! Every figure that `/metrics` shows. `docs/metrics.md` says what each means to whoever runs the daemon.

/// How a figure behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// It only grows, from 0 at the start.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often something was at most so much.
    Histogram(&'static [f64]),
}

impl Form {
    /// As Prometheus calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// One figure.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub form: Form,
    /// What tells its series apart.
    pub labels: &'static [&'static str],
    /// What it is, in a line.
    pub help: &'static str,
}

/// Seconds that work takes: from a fast batch to a slow server on the other side.
const OF_WORK: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Seconds that things may wait: to days.
const OF_WAITING: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3600.0, 86_400.0, 604_800.0];
const OF_ROWS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0];

macro_rules! figures {
    ($($id:ident = $name:literal, $form:expr, [$($label:literal),*], $help:literal;)*) => {
        $(pub(crate) const $id: &str = $name;)*
        /// All of them.
        pub const FIGURES: &[Figure] =
            &[$(Figure { name: $name, form: $form, labels: &[$($label),*], help: $help }),*];
    };
}

use Form::{Counter, Gauge, Histogram};

figures! {
    BUILD = "thendo_build_info", Gauge, ["version"], "1, with the daemon's version.";
    READY = "thendo_ready", Gauge, [], "Whether the daemon can do its work: what /readyz says.";
    REACHABLE = "thendo_database_reachable", Gauge, [],
        "Whether the database answered when this was asked for; if not, what it tells is as old as its last answer.";
    // Asked of the database with each scrape.
    LAG = "thendo_queue_lag_seconds", Gauge, [], "How long the oldest due row of the queue has been due.";
    DUE = "thendo_queue_rows", Gauge, [], "Rows of the queue that are due, counted up to 1000.";
    WAITING = "thendo_executions_waiting", Gauge, [], "Executions that rest, counted up to 1000.";
    DELIVERIES_OPEN = "thendo_deliveries_open", Gauge, [], "Mails and requests that are not done, counted up to 1000.";
    DEAD_LETTERS = "thendo_dead_letters", Gauge, [],
        "Failed executions that nobody has tried again, counted up to 1000.";
    HELD = "thendo_workflows_held", Gauge, [], "Workflows that are held until somebody releases them; all of them count as one.";
    DAEMONS = "thendo_daemons", Gauge, [], "Daemons that work on this database, with those whose death is not noticed yet.";
    CONNECTIONS = "thendo_connections_in_use", Gauge, ["of"],
        "Connections to the database in use: of the engine, which keeps its own, and of lists.";
    CONNECTIONS_MAX = "thendo_connections_max", Gauge, [], "Connections that the daemon may have, all together: pool_max.";
    // Batches.
    QUEUE_ROWS = "thendo_queue_rows_total", Counter, [], "Rows of the queue that were worked off.";
    EVENTS = "thendo_events_total", Counter, ["table", "operation"], "Events that were looked at, by what happened.";
    BATCH_SECONDS = "thendo_batch_seconds", Histogram(OF_WORK), [], "How long batches took, from claim to commit.";
    BATCH_ROWS = "thendo_batch_rows", Histogram(OF_ROWS), [], "Rows of the queue in one batch.";
    BATCH_LAG = "thendo_batch_lag_seconds", Histogram(OF_WAITING), [], "How long the oldest row of each batch had been due when it was claimed.";
    ROLLED_BACK = "thendo_batches_rolled_back_total", Counter, [], "Batches that were rolled back and done again.";
    SET_ASIDE = "thendo_rows_set_aside_total", Counter, [], "Rows of the queue that no batch survived: set aside and recorded as failed.";
    // Executions.
    EXECUTIONS = "thendo_executions_total", Counter, ["outcome"], "Executions that ended.";
    WORKFLOW_EXECUTIONS = "thendo_workflow_executions_total", Counter, ["workflow", "outcome"],
        "Executions that ended, by workflow: the first 200, then `other`.";
    EXECUTIONS_RESTED = "thendo_executions_rested_total", Counter, [], "How often executions were laid to rest.";
    EXECUTION_SECONDS = "thendo_execution_seconds", Histogram(OF_WAITING), [], "From an event to the end of an execution for it, with all its waiting.";
    STEPS = "thendo_steps_total", Counter, ["kind", "outcome"], "Steps of executions that ended, by kind of node.";
    DEAD_LETTERS_KEPT = "thendo_dead_letters_total", Counter, [], "Failed executions that were kept so that they can be tried again.";
    // Deliveries.
    DELIVERIES = "thendo_deliveries_total", Counter, ["kind", "status"], "Mails and requests that are finished.";
    DELIVERY_SECONDS = "thendo_delivery_seconds", Histogram(OF_WORK), ["kind"], "How long attempts at deliveries took.";
    WEBHOOKS = "thendo_webhooks_total", Counter, ["answer"], "Webhooks of other systems, by what they were answered.";
    DELIVERY_RETRIES = "thendo_delivery_retries_total", Counter, ["error"], "Attempts at deliveries that failed and are made again.";
    // Campaigns.
    HITS = "thendo_tracking_hits_total", Counter, [], "Opens of campaigns' mails and clicks in them that were written.";
    HITS_LOST = "thendo_tracking_hits_lost_total", Counter, [], "Opens and clicks that were not written: the database was away for too long.";
    // Signals.
    NOTIFICATIONS = "thendo_notifications_total", Counter, [], "Notifications of writers that arrived.";
    BEHIND_GATE = "thendo_events_behind_gate_total", Counter, [],
        "Events claimed while the gate was closed: at most so many notifications were saved.";
    SCHEDULES = "thendo_schedules_moved_total", Counter, [], "Times of schedules that came, moved on by this daemon.";
    DIED = "thendo_daemons_died_total", Counter, [], "Daemons that this one found dead.";
    // Alarms.
    ALERTS = "thendo_alerts_total", Counter, ["kind"], "Alarms that were raised.";
    ALERTS_TOLD = "thendo_alerts_told_total", Counter, ["result"], "Alarms that were told to alerts.to, or could not be.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_prometheus_wants_them() {
        for Figure { name, form, help, .. } in FIGURES {
            assert!(
                name.starts_with("thendo_") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{name}"
            );
            assert_eq!(name.ends_with("_total"), *form == Form::Counter, "{name}");
            assert!(help.ends_with('.') && !help.contains('\n'), "{name}: {help}");
            assert_eq!(
                FIGURES.iter().filter(|other| other.name == *name).count(),
                1,
                "{name} is there twice"
            );
        }
    }

    #[test]
    fn each_is_explained_to_whoever_runs_the_daemon_and_no_other() {
        let docs = include_str!("../../../docs/metrics.md");
        let mut explained: Vec<(&str, &str)> = docs
            .lines()
            .filter_map(|line| line.strip_prefix("| `thendo_"))
            .filter_map(|rest| {
                let mut cells = rest.split('|').map(str::trim);
                Some((cells.next()?.trim_end_matches('`'), cells.next()?))
            })
            .collect();
        explained.sort_unstable();
        let mut there: Vec<(&str, &str)> = FIGURES
            .iter()
            .map(|figure| (figure.name.trim_start_matches("thendo_"), figure.form.as_str()))
            .collect();
        there.sort_unstable();
        assert_eq!(explained, there);
    }
}
