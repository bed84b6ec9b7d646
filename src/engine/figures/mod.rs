//! Figures: what the daemon counts and measures, for `/metrics`. Names, forms and help are in [`list`], and only there.
//! Labels are bounded: the database never decides how many series there are.

pub mod list;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use chrono::{DateTime, Utc};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

use super::advance::Run;
use super::apply::Running;
use super::resume::Moving;
use crate::domain::alert;
use crate::domain::execution::{Status, Step, StepOutcome};
use crate::domain::ids::WorkflowId;
use crate::domain::retry::Trouble;
use crate::store::figures::State;
use crate::store::queue::{Claimed, Due};
use crate::workflow::plan::Plan;
use list::{FIGURES, Form};

/// Series that one label may have; what comes later is counted as `other`.
const MOST_SERIES: usize = 200;
const OTHER: &str = "other";

/// A builder of recorders that knows each histogram's buckets.
///
/// # Errors
/// Never: no histogram is without buckets.
pub fn builder() -> Result<PrometheusBuilder, BuildError> {
    FIGURES.iter().try_fold(PrometheusBuilder::new(), |builder, figure| match figure.form {
        Form::Histogram(buckets) => {
            builder.set_buckets_for_metric(Matcher::Full(figure.name.into()), buckets)
        }
        Form::Counter | Form::Gauge => Ok(builder),
    })
}

/// Says of each figure what it is, and begins at zero with what can be known ahead: a counter that first appears with 1
/// has no rise that an alarm could see.
pub fn begin() {
    metrics::gauge!(list::BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    for figure in FIGURES {
        match figure.form {
            Form::Counter => metrics::describe_counter!(figure.name, figure.help),
            Form::Gauge => metrics::describe_gauge!(figure.name, figure.help),
            Form::Histogram(_) => metrics::describe_histogram!(figure.name, figure.help),
        }
        let zero = |label: &'static str, value: &'static str| {
            metrics::counter!(figure.name, label => value).increment(0);
        };
        match (&figure.form, figure.labels) {
            (Form::Counter, []) => metrics::counter!(figure.name).increment(0),
            (Form::Counter, ["outcome"]) => {
                ["succeeded", "failed", "cancelled"].into_iter().for_each(|outcome| zero("outcome", outcome));
            }
            (Form::Counter, ["error"]) => {
                Trouble::ALL.iter().for_each(|trouble| zero("error", trouble.as_str()))
            }
            (Form::Counter, ["answer"]) => {
                ["202", "400", "401", "404", "413", "429", "503"]
                    .into_iter()
                    .for_each(|answer| zero("answer", answer));
            }
            (Form::Counter, ["result"]) => {
                ["told", "failed", "given_up"].into_iter().for_each(|result| zero("result", result));
            }
            (Form::Counter, ["kind", "status"]) => {
                for (kind, status) in [
                    ("email", "sent"),
                    ("email", "refused"),
                    ("email", "unknown"),
                    ("http", "sent"),
                    ("http", "refused"),
                ] {
                    metrics::counter!(figure.name, "kind" => kind, "status" => status).increment(0);
                }
            }
            (Form::Counter, ["kind"]) => alert::Kind::ALL.iter().for_each(|kind| zero("kind", kind.as_str())),
            _ => {}
        }
    }
}

/// A label's value, or `other` where there are too many already.
fn bounded(label: &'static str, value: &str) -> String {
    static SEEN: OnceLock<Mutex<HashMap<&'static str, HashSet<String>>>> = OnceLock::new();
    let mut seen = SEEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let seen = seen.entry(label).or_default();
    if seen.contains(value) {
        return value.to_owned();
    }
    if seen.len() >= MOST_SERIES {
        return OTHER.into();
    }
    seen.insert(value.to_owned());
    value.to_owned()
}

/// What the database said when it was asked for a scrape, if it answered.
pub fn of_database(state: Option<State>) {
    metrics::gauge!(list::REACHABLE).set(if state.is_some() { 1.0 } else { 0.0 });
    let Some(state) = state else { return };
    metrics::gauge!(list::LAG).set(state.lag_s);
    for (name, count) in [
        (list::DUE, state.due),
        (list::WAITING, state.waiting),
        (list::DELIVERIES_OPEN, state.deliveries),
        (list::DEAD_LETTERS, state.dead_letters),
        (list::HELD, state.held),
        (list::DAEMONS, state.daemons),
    ] {
        // Bounded by the query, so exact.
        metrics::gauge!(name).set(count as f64);
    }
}

/// What the daemon knows of itself: whether it is ready, connections that lists use, and how many it may have in all.
pub fn of_daemon(ready: bool, lists: usize, most: u32) {
    metrics::gauge!(list::READY).set(if ready { 1.0 } else { 0.0 });
    metrics::gauge!(list::CONNECTIONS, "of" => "lists").set(lists as f64);
    metrics::gauge!(list::CONNECTIONS_MAX).set(f64::from(most));
}

/// A batch was committed.
pub(super) fn of_batch(rows: &[Claimed], now: DateTime<Utc>) {
    metrics::counter!(list::QUEUE_ROWS).increment(rows.len() as u64);
    metrics::histogram!(list::BATCH_ROWS).record(rows.len() as f64);
    if let Some(oldest) = rows.iter().map(|row| row.due_at).min() {
        metrics::histogram!(list::BATCH_LAG).record(seconds(oldest, now));
    }
    let mut events: HashMap<(&str, &'static str), u64> = HashMap::new();
    for row in rows {
        if let Due::Event(event) | Due::Unreadable(event, _) = &row.what {
            *events.entry((&event.table, event.operation.as_str())).or_default() += 1;
        }
    }
    for ((table, operation), count) in events {
        let table = bounded("table", table);
        metrics::counter!(list::EVENTS, "table" => table, "operation" => operation).increment(count);
    }
}

/// What became of executions was committed.
pub(super) fn of_settled(moving: &Moving, letters: u64, now: DateTime<Utc>) {
    let mut outcomes: HashMap<(WorkflowId, &'static str), u64> = HashMap::new();
    let mut steps: HashMap<(&'static str, &'static str), u64> = HashMap::new();
    let mut parked = moving.resting.len() as u64;
    for Running { identity, plan, run } in &moving.running {
        if matches!(run.status, Status::Waiting | Status::Running) {
            parked += 1;
            continue;
        }
        *outcomes.entry((identity.workflow, run.status.as_str())).or_default() += 1;
        metrics::histogram!(list::EXECUTION_SECONDS).record(seconds(identity.event_at, now));
        count_steps(plan, run, &mut steps);
    }
    for broken in &moving.broken {
        *outcomes.entry((broken.identity.workflow, Status::Failed.as_str())).or_default() += 1;
        metrics::histogram!(list::EXECUTION_SECONDS).record(seconds(broken.identity.event_at, now));
    }
    for ((workflow, outcome), count) in outcomes {
        metrics::counter!(list::EXECUTIONS, "outcome" => outcome).increment(count);
        let workflow = bounded("workflow", &workflow.to_string());
        metrics::counter!(list::WORKFLOW_EXECUTIONS, "workflow" => workflow, "outcome" => outcome)
            .increment(count);
    }
    for ((kind, outcome), count) in steps {
        metrics::counter!(list::STEPS, "kind" => kind, "outcome" => outcome).increment(count);
    }
    metrics::counter!(list::EXECUTIONS_RESTED).increment(parked);
    metrics::counter!(list::DEAD_LETTERS_KEPT).increment(letters);
}

fn count_steps(plan: &Plan, run: &Run, counted: &mut HashMap<(&'static str, &'static str), u64>) {
    for Step { node, outcome, .. } in run.steps() {
        let kind = plan.position(node).and_then(|at| plan.node(at)).map_or(OTHER, |node| node.kind);
        let outcome = match outcome {
            StepOutcome::Done => "done",
            StepOutcome::Skipped => "skipped",
            StepOutcome::Failed => "failed",
            StepOutcome::Waiting => "waiting",
        };
        *counted.entry((kind, outcome)).or_default() += 1;
    }
}

fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_microseconds().unwrap_or(i64::MAX).max(0) as f64 / 1e6
}

/// One of the engine's connections, counted as in use while this lives.
pub(super) struct InUse(());

impl InUse {
    pub(super) fn one() -> Self {
        metrics::gauge!(list::CONNECTIONS, "of" => "engine").increment(1.0);
        Self(())
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        metrics::gauge!(list::CONNECTIONS, "of" => "engine").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_has_more_series_than_are_useful() {
        let all: HashSet<String> = (0..1000).map(|n| bounded("test", &format!("v{n}"))).collect();
        assert_eq!(all.len(), MOST_SERIES + 1);
        assert!(all.contains(OTHER));
        assert_eq!(bounded("test", "v3"), "v3", "who was there stays");
    }
}
