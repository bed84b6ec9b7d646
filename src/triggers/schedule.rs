//! `schedule`: at times of the clock.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::changes::MADE;
use crate::domain::event::Event;
use crate::domain::ids::WorkflowId;
use crate::workflow::calendar::due::{Keeping, Missed};
use crate::workflow::calendar::{Calendar, time_zone, time_zone_named};
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema};
use crate::workflow::config::Reader;
use crate::workflow::diagnostics::Diagnostic;
use crate::workflow::subjects::SCHEDULE;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "schedule",
        label: "Schedule",
        docs: "Starts at times that a cron expression names, in a time zone. `schedule.due_at` is the time itself. When \
               clocks are put forward, an hour that is skipped comes right behind the gap; when they are put back, an \
               hour that comes twice counts once. Expressions that say how often (`*` hours) run on unmoved by both.",
        icon: "calendar-clock",
        example: r#"{"cron": "0 9 * * mon-fri", "time_zone": "Europe/Berlin"}"#,
        schema: schema::<Schedule>,
    },
    sources: SOURCES,
    build,
};

const SOURCES: &[Source] = &[Source::of(&SCHEDULE, MADE)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// When: minute, hour, day of the month, month, weekday; with a sixth field before them, the second. `@daily` and
    /// its like too.
    pub cron: String,
    /// Whose clocks: a name of the IANA list.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// What becomes of times at which no daemon ran: they are skipped, made up for once, or each
    /// (the last 100).
    #[serde(default)]
    pub missed: Missed,
    /// Starts up to so many seconds later, evenly spread, so that not all begins at once; up to an hour, and
    /// before the next time.
    #[serde(default)]
    #[schemars(range(min = 0, max = 3600))]
    pub jitter_seconds: u32,
}

fn utc() -> String {
    "UTC".into()
}

impl Schedule {
    /// Reads settings that compiled, as they were drawn. `None` if they do not work.
    pub fn of_config(config: &Value) -> Option<Self> {
        let mut config = config.clone();
        config.as_object_mut()?.remove("filter");
        serde_json::from_value(config).ok()
    }

    /// Its times. `None` if the settings do not work.
    pub fn calendar(&self) -> Option<Calendar> {
        Calendar::new(&self.cron, time_zone(&self.time_zone)?).ok()
    }

    /// How a workflow with these settings keeps its times.
    pub fn keeping(&self, workflow: WorkflowId) -> Keeping {
        Keeping { workflow, jitter_seconds: self.jitter_seconds, missed: self.missed }
    }
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Trigger>> {
    let read = reader.read::<Schedule>()?;
    let at = |setting: &str| format!("{}/{setting}", reader.path);
    let mut faults = Vec::new();
    if let Err((message, help)) = time_zone_named(&read.time_zone) {
        faults.push(Diagnostic::error("unknown-time-zone", message).at(at("time_zone")).maybe_help(help));
    }
    if let Err(fault) = Calendar::new(&read.cron, chrono_tz::UTC) {
        let help = "write `0 9 * * mon-fri`: every weekday at 09:00";
        let diagnostic = Diagnostic::error("invalid-cron", fault.message).at(at("cron")).help(help);
        faults.push(diagnostic.within(fault.within));
    }
    faults.into_iter().for_each(|fault| reader.fault(fault));
    Some(Box::new(read))
}

impl Trigger for Schedule {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, _event: &Event) -> bool {
        true
    }

    fn is_addressed(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made};
    use super::*;

    #[test]
    fn its_times_are_those_of_the_zone() {
        let config = json!({"cron": "0 9 * * *", "time_zone": "Europe/Berlin", "filter": {"rules": []}});
        let schedule = Schedule::of_config(&config).expect("reads");
        assert_eq!((schedule.missed, schedule.jitter_seconds), (Missed::Once, 0));
        let calendar = schedule.calendar().expect("a calendar");
        let from = "2026-11-22T10:00:00Z".parse().expect("a time");
        assert_eq!(calendar.next_after(from).expect("a time").to_rfc3339(), "2026-11-23T08:00:00+00:00");
        assert!(counts(&KIND, json!({"cron": "@daily"}), &made("thendo.schedule", json!({}))));
        assert!(built(&KIND, json!({"cron": "@daily"})).expect("builds").is_addressed());
        assert!(Schedule::of_config(&json!([])).is_none());
    }

    #[test]
    fn what_never_comes_and_what_is_nowhere_are_faults() {
        let fault = |config: Value| built(&KIND, config).map(|_| ()).expect_err("a fault");
        assert_eq!(fault(json!({"cron": "0 0 30 2 *"})), ["invalid-cron /cron"]);
        assert_eq!(fault(json!({"cron": "61 * * * *"})), ["invalid-cron /cron"]);
        let both = json!({"cron": "9:00", "time_zone": "Europe/Berln"});
        assert_eq!(fault(both), ["unknown-time-zone /time_zone", "invalid-cron /cron"]);
        assert_eq!(
            fault(json!({"cron": "@daily", "jitter_seconds": 3_601})),
            ["out-of-range /jitter_seconds"]
        );
        assert_eq!(fault(json!({"cron": "@daily", "missed": "never"})), ["unknown-value /missed"]);
    }
}
