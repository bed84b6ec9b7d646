//! Spans of time in settings: `30m`, `12h`, `7d`, `2 weeks`.

use std::borrow::Cow;

use chrono::TimeDelta;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::workflow::rules::value::span;

/// Longer ones are refused.
const LONGEST: TimeDelta = TimeDelta::days(3_660);

/// A span of time, as a setting writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub TimeDelta);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = span(&text.as_str().into()).filter(|span| *span <= LONGEST);
        let shown: String = text.chars().take(40).collect();
        read.map(Self).ok_or_else(|| {
            de::Error::custom(format!("`{shown}` is no span of up to ten years: write `30m`, `12h` or `7d`"))
        })
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
        json_schema!({"type": "string", "pattern": "^\\s*\\d+\\s*(s|m|min|h|d|w|seconds?|minutes?|hours?|days?|weeks?)\\s*$",
            "examples": ["30m", "12h", "7d"]})
    }
}
