//! Points in time as people write them: an instant, a day, or so long ago.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::workflow::rules::time::instant;
use crate::workflow::span::Span;

/// A point in time, or so long ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment {
    text: String,
    when: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    At(DateTime<Utc>),
    Ago(Span),
}

impl Moment {
    /// Reads `2h` or `7d` (ago), a day, an instant.
    ///
    /// # Errors
    /// What it is not, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        let when = match instant(text) {
            Some(at) => When::At(at),
            None => When::Ago(Span::read(text).map_err(|_| {
                format!(
                    "`{text}` is no point in time: write `2h` or `7d` (ago), `2026-11-22` or `2026-11-22T10:00:00Z`"
                )
            })?),
        };
        Ok(Self { text: text.to_owned(), when })
    }

    /// The instant, seen from `now`.
    pub fn before(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self.when {
            When::At(at) => at,
            When::Ago(span) => span.before(now),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::read(&text)
    }
}

impl From<Moment> for String {
    fn from(of: Moment) -> Self {
        of.text
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        Object::builder()
            .schema_type(Type::String)
            .description(Some(
                "So long ago (`2h`, `30d`), a day (`2026-11-22`) or an instant (`2026-11-22T10:00:00Z`).",
            ))
            .into()
    }
}

impl ToSchema for Moment {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_instants_days_or_so_long_ago() {
        let now: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().expect("a time");
        let read = |text: &str| Moment::read(text).map(|moment| moment.before(now).to_rfc3339());
        assert_eq!(read("2h").as_deref(), Ok("2026-11-22T08:00:00+00:00"));
        assert_eq!(read("2026-11-20").as_deref(), Ok("2026-11-20T00:00:00+00:00"));
        assert_eq!(read("2026-11-20T01:00:00+01:00").as_deref(), Ok("2026-11-20T00:00:00+00:00"));
        assert!(read("yesterday").is_err_and(|said| said.contains("2026-11-22")));
        let again = serde_json::to_string(&Moment::read("2h").expect("a span")).expect("JSON");
        assert_eq!(again, "\"2h\"", "as it was written");
    }
}
