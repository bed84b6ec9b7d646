//! What many actions are given: a row that a setting names or the event gives, a line of text, a whole number.

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::workflow::catalogue::PlanError;
use crate::workflow::context::Context;
use crate::workflow::template::Template;

/// The longest text that goes into one column.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The customer that the setting names, else the event's.
pub(super) fn customer_of(setting: Option<&Template>, context: &Context) -> Result<Uuid, PlanError> {
    match setting {
        Some(template) => id_of("customer", template, context),
        None => context
            .customer_id()
            .ok_or_else(|| PlanError(format!("the {} belongs to no customer", context.subject()))),
    }
}

/// The order that the setting names, else the event's own or the one that its row belongs to.
pub(super) fn order_of(setting: Option<&Template>, context: &Context) -> Result<Uuid, PlanError> {
    match setting {
        Some(template) => id_of("order", template, context),
        None => order_of_event(context)
            .ok_or_else(|| PlanError(format!("the {} belongs to no order", context.subject()))),
    }
}

/// The order that the event is about, if it is about one.
pub(super) fn order_of_event(context: &Context) -> Option<Uuid> {
    context.row_id(if context.subject() == "order" { "id" } else { "order_id" })
}

/// The id that a template gives.
pub(super) fn id_of(setting: &str, template: &Template, context: &Context) -> Result<Uuid, PlanError> {
    let value = template.evaluate(context).map_err(|error| PlanError::of(setting, &error))?;
    let id = value.as_str().and_then(|id| id.trim().parse().ok());
    id.ok_or_else(|| PlanError(format!("{setting}: {} is not an id", shown(&value))))
}

/// The text that a template gives: something, and not too long.
pub(super) fn text_of(setting: &str, template: &Template, context: &Context) -> Result<String, PlanError> {
    let text = template.render(context).map_err(|error| PlanError::of(setting, &error))?;
    let text = text.trim();
    match text.len() {
        0 => Err(PlanError(format!("{setting}: it is empty"))),
        bytes if bytes > MAX_TEXT_BYTES => {
            Err(PlanError(format!("{setting}: it is longer than {} KiB", MAX_TEXT_BYTES / 1024)))
        }
        _ => Ok(text.to_owned()),
    }
}

/// The text of at most `most` letters on one line that a template gives.
pub(super) fn line_of(
    setting: &str,
    template: &Template,
    context: &Context,
    most: usize,
) -> Result<String, PlanError> {
    let line = text_of(setting, template, context)?;
    if line.chars().any(char::is_control) {
        return Err(PlanError(format!("{setting}: it must be one line")));
    }
    if line.chars().count() > most {
        return Err(PlanError(format!("{setting}: it is longer than {most} letters")));
    }
    Ok(line)
}

/// The instant that a template gives.
pub(super) fn instant_of(
    setting: &str,
    template: &Template,
    context: &Context,
) -> Result<chrono::DateTime<chrono::Utc>, PlanError> {
    let text = template.render(context).map_err(|error| PlanError::of(setting, &error))?;
    let instant = crate::workflow::rules::instant(text.trim());
    instant.ok_or_else(|| PlanError(format!("{setting}: `{text}` is not a time")))
}

/// A whole number from 1, or a template that gives one.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub(super) enum Whole {
    Fixed(#[schemars(range(min = 1, max = 1_000_000_000))] i64),
    Computed(#[schemars(extend("x-wants" = "integer"))] Template),
}

impl Whole {
    /// The number, if it lies within the bounds.
    pub fn within(&self, setting: &str, context: &Context, least: i64, most: i64) -> Result<i64, PlanError> {
        let number = match self {
            Self::Fixed(number) => *number,
            Self::Computed(template) => {
                let value = template.evaluate(context).map_err(|error| PlanError::of(setting, &error))?;
                let number = whole(&value);
                number
                    .ok_or_else(|| PlanError(format!("{setting}: {} is not a whole number", shown(&value))))?
            }
        };
        match (least..=most).contains(&number) {
            true => Ok(number),
            false => Err(PlanError(format!("{setting}: {number} is not between {least} and {most}"))),
        }
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15)?;
            Some(float as i64)
        }),
        _ => None,
    }
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}
