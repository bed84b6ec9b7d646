//! Values of rules: read as the field's type says, compared without floats where the type is whole.

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use regex_lite::{Regex, RegexBuilder};
use serde_json::Value;

use super::super::subjects::FieldType;

/// A value that a field can be compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Typed {
    /// Text, or an id.
    Text(String),
    /// A whole number, or money in minor units.
    Whole(i64),
    /// Any number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// An instant.
    Time(DateTime<Utc>),
    /// JSON, compared as it is.
    Any(Value),
}

/// What a rule compares its field with.
#[derive(Debug, Clone)]
pub enum Operand {
    /// Nothing.
    None,
    /// One value.
    One(Typed),
    /// Several, for `in`.
    Many(Vec<Typed>),
    /// Both ends, for `between`.
    Range(Typed, Typed),
    /// Another field.
    Field {
        /// Its path, split at its dots.
        path: Vec<String>,
        /// As it was written.
        name: String,
    },
    /// A regular expression, for `matches`.
    Pattern(Regex),
    /// A span of time, for `within`.
    Span(TimeDelta),
}

/// Why a value can't be read as a type, and the mend.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// In words.
    pub message: String,
    /// The mend.
    pub help: Option<String>,
}

impl Typed {
    /// Reads what an editor wrote: numbers as numbers or texts, and so on.
    ///
    /// # Errors
    /// [`Unreadable`] if it is nothing of that type.
    pub fn read(value: &Value, ty: FieldType) -> Result<Self, Unreadable> {
        let fault = |help: Option<&str>| Unreadable {
            message: format!("{} is not {}", shorten(value), ty.described()),
            help: help.map(str::to_owned),
        };
        let text = value.as_str().map(str::trim);
        match ty {
            FieldType::Text | FieldType::Id | FieldType::List => match value {
                Value::String(text) => Ok(Self::Text(text.clone())),
                Value::Number(number) => Ok(Self::Text(number.to_string())),
                _ => Err(fault(None)),
            },
            FieldType::Integer | FieldType::Money => {
                let whole = value.as_i64().or_else(|| text?.parse().ok());
                whole.map(Self::Whole).ok_or_else(|| match ty {
                    FieldType::Money => Unreadable { help: minor_units_help(value), ..fault(None) },
                    _ => fault(None),
                })
            }
            FieldType::Number => value
                .as_f64()
                .or_else(|| text?.parse().ok())
                .filter(|number: &f64| number.is_finite())
                .map(Self::Number)
                .ok_or_else(|| fault(None)),
            FieldType::Boolean => match (value, text) {
                (Value::Bool(flag), _) => Ok(Self::Flag(*flag)),
                (_, Some("true")) => Ok(Self::Flag(true)),
                (_, Some("false")) => Ok(Self::Flag(false)),
                _ => Err(fault(None)),
            },
            FieldType::Time => text
                .and_then(instant)
                .map(Self::Time)
                .ok_or_else(|| fault(Some("write 2026-11-22 or 2026-11-22T10:00:00Z"))),
            FieldType::Json => Ok(Self::Any(value.clone())),
        }
    }

    /// How they are ordered; `None` if they are not comparable.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(b)),
            (Self::Flag(a), Self::Flag(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (Self::Any(a), Self::Any(b)) => compare_json(a, b),
            (Self::Any(a), b) => compare_json(a, &b.as_json()),
            (a, Self::Any(b)) => compare_json(&a.as_json(), b),
            (a, b) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn as_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(text.as_str()),
            Self::Whole(number) => Value::from(*number),
            Self::Number(number) => Value::from(*number),
            Self::Flag(flag) => Value::from(*flag),
            Self::Time(at) => super::super::context::time(*at),
            Self::Any(value) => value.clone(),
        }
    }

    /// As an admin reads it.
    pub fn shown(&self, ty: FieldType) -> String {
        match self {
            Self::Text(text) => format!("`{}`", cut(text)),
            Self::Whole(minor) if ty == FieldType::Money => {
                let sign = if *minor < 0 { "-" } else { "" };
                format!("{sign}{}.{:02}", minor.unsigned_abs() / 100, minor.unsigned_abs() % 100)
            }
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Time(at) => at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
            Self::Any(value) => shorten(value),
        }
    }
}

/// JSON of unknown type: numbers by value, a number and a text of digits too.
fn compare_json(a: &Value, b: &Value) -> Option<Ordering> {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => Some(x.cmp(&y)),
            _ => x.as_f64()?.partial_cmp(&y.as_f64()?),
        },
        (Value::Number(_), Value::String(_)) | (Value::String(_), Value::Number(_)) => {
            number(a)?.partial_cmp(&number(b)?)
        }
        (Value::Bool(flag), Value::String(text)) => (flag.to_string() == *text).then_some(Ordering::Equal),
        _ => (a == b).then_some(Ordering::Equal),
    }
}

fn minor_units_help(value: &Value) -> Option<String> {
    let text = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
    let minor = crate::domain::money::Money::minor_from_decimal(&text).ok()?;
    Some(format!("money is written in minor units (cents): {minor} for {text}"))
}

/// A list as an editor writes it: an array, or text with commas (`\,` is a comma within a value).
pub fn items(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items.clone()),
        Value::String(text) => {
            let mut items = vec![String::new()];
            let mut letters = text.chars().peekable();
            while let Some(letter) = letters.next() {
                match letter {
                    '\\' if letters.peek() == Some(&',') => items.last_mut()?.extend(letters.next()),
                    ',' => items.push(String::new()),
                    letter => items.last_mut()?.push(letter),
                }
            }
            let trimmed = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty());
            Some(trimmed.map(Value::from).collect())
        }
        Value::Number(_) => Some(vec![value.clone()]),
        _ => None,
    }
}

/// An instant: RFC 3339, or a day, which is its start in UTC.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let naive = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|form| chrono::NaiveDateTime::parse_from_str(text, form).ok());
    let naive = naive.or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    naive.map(|naive| naive.and_utc())
}

/// A span of time: `30m`, `12 hours`, `7d`, `2 weeks`.
pub fn span(value: &Value) -> Option<TimeDelta> {
    let text = value.as_str()?.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let count: i64 = text[..digits].parse().ok()?;
    let seconds = match text[digits..].trim() {
        "s" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return None,
    };
    TimeDelta::try_seconds(count.checked_mul(seconds)?)
}

/// A regular expression, bounded in size.
///
/// # Errors
/// What is wrong with it, in words.
pub fn pattern(text: &str) -> Result<Regex, String> {
    if text.len() > 1_000 {
        return Err("it is longer than 1,000 bytes".into());
    }
    RegexBuilder::new(text).size_limit(1 << 20).nest_limit(50).build().map_err(|error| error.to_string())
}

/// A value for a message: at most some 60 letters of its JSON.
pub fn shorten(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", cut(text)),
        Value::Array(items) if items.len() > 8 => format!("a list of {} items", items.len()),
        Value::Object(map) if map.len() > 8 => format!("an object of {} fields", map.len()),
        other => cut(&other.to_string()),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
