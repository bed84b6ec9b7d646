//! Spans of time in settings: `30m`, `12 hours`, `7d`.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};

use super::rules::time;

/// The longest: ten years.
const LONGEST: TimeDelta = TimeDelta::days(3_660);

/// A span of time, from nothing to ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub TimeDelta);

impl Span {
    /// Reads `30m`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        let span = time::span_of(text).ok_or_else(|| format!("`{text}` is not a span of time"))?;
        if span > LONGEST { Err(format!("`{text}` is longer than ten years")) } else { Ok(Self(span)) }
    }

    /// The instant that much later.
    pub fn after(self, at: DateTime<Utc>) -> DateTime<Utc> {
        at.checked_add_signed(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The instant that much earlier.
    pub fn before(self, at: DateTime<Utc>) -> DateTime<Utc> {
        at.checked_sub_signed(self.0).unwrap_or(DateTime::<Utc>::MIN_UTC)
    }
}

/// In the largest unit that fits: `2 days`, `90 minutes`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.num_seconds();
        let units = [(604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute")];
        let fits = |(length, _): &&(i64, &str)| seconds != 0 && seconds % length == 0;
        let (length, name) = units.iter().find(fits).copied().unwrap_or((1, "second"));
        let count = seconds / length;
        write!(f, "{count} {name}{}", if count == 1 { "" } else { "s" })
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "span"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_told() {
        for (text, told) in [
            ("30m", "30 minutes"),
            ("1h", "1 hour"),
            ("14d", "2 weeks"),
            ("90 seconds", "90 seconds"),
            ("0s", "0 seconds"),
        ] {
            assert_eq!(Span::read(text).map(|span| span.to_string()), Ok(told.to_owned()));
        }
        for wrong in ["", "d", "-1d", "1 fortnight", "4000d", "99999999999999999999d", "1.5h"] {
            assert!(Span::read(wrong).is_err(), "{wrong}");
        }
    }
}
