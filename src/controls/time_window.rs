//! `time_window`: go on within certain hours only.

use chrono::{NaiveTime, SubsecRound, Weekday};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::workflow::calendar::time_zone_named;
use crate::workflow::calendar::window::{TimeWindow, time_of_day};
use crate::workflow::catalogue::{About, ControlKind, PlanError, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::control::{Control, Next, Wake, Wants};
use crate::workflow::diagnostics::Diagnostic;

/// The kind.
pub const KIND: ControlKind = ControlKind {
    about: About {
        name: "time_window",
        label: "Time window",
        docs: "Goes on at once within certain hours, and rests outside of them until they begin: nobody is written to at \
               night. Hours that end before they begin go over midnight.",
        icon: "moon",
        example: r#"{"from": "09:00", "to": "20:00", "weekdays": ["mon", "tue", "wed", "thu", "fri"], "time_zone": "Europe/Berlin"}"#,
        schema: schema::<Settings>,
    },
    branches: &[],
    result: &[],
    build,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// From when on: `09:00`.
    from: String,
    /// Until when: `20:00`; `24:00` is the end of the day.
    to: String,
    /// On which days; without them, on all.
    #[serde(default)]
    weekdays: Vec<Day>,
    /// Whose clocks: a name of the IANA list.
    #[serde(default = "utc")]
    time_zone: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

fn utc() -> String {
    "UTC".into()
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Mon,
            Self::Tue => Weekday::Tue,
            Self::Wed => Weekday::Wed,
            Self::Thu => Weekday::Thu,
            Self::Fri => Weekday::Fri,
            Self::Sat => Weekday::Sat,
            Self::Sun => Weekday::Sun,
        }
    }
}

#[derive(Debug)]
struct Window(TimeWindow);

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Control>> {
    let read = reader.read::<Settings>()?;
    let from = time(reader, "from", &read.from);
    let to = time(reader, "to", &read.to);
    let zone = match time_zone_named(&read.time_zone) {
        Ok(zone) => Some(zone),
        Err((message, help)) => {
            let path = format!("{}/time_zone", reader.path);
            reader.fault(Diagnostic::error("unknown-time-zone", message).at(path).maybe_help(help));
            None
        }
    };
    let days: Vec<Weekday> = read.weekdays.iter().map(|day| day.weekday()).collect();
    Some(Box::new(Window(TimeWindow::new(from?, to?, &days, zone?))))
}

fn time(reader: &mut Reader<'_>, setting: &str, text: &str) -> Option<NaiveTime> {
    let time = time_of_day(text);
    if time.is_none() {
        let shown: String = text.chars().take(40).collect();
        let fault = Diagnostic::error("bad-time", format!("`{shown}` is not a time of day"));
        reader.fault(fault.at(format!("{}/{setting}", reader.path)).help("write 09:00 or 22:30"));
    }
    time
}

impl Control for Window {
    fn enter(&self, context: &Context) -> Result<Next, PlanError> {
        let now = context.now();
        if self.0.is_open(now) {
            return Ok(Next::pass("it is within the hours"));
        }
        let opens = self.0.opens_at(now).ok_or_else(|| PlanError("these hours never come".into()))?;
        let until = opens.trunc_subsecs(6);
        let why = format!("outside of the hours: rests until {}", until.format("%Y-%m-%d %H:%M:%SZ"));
        Ok(Next::Rest { until: Some(until), wants: Wants::Time, why })
    }

    /// Whoever wakes it late, after an outage, may be outside of the hours again.
    fn wake(&self, context: &Context, _: &Wake) -> Result<Next, PlanError> {
        self.enter(context)
    }
}
