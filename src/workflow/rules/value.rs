//! Values of rules: read as the field's type says, compared without floats where they are whole.

use std::borrow::Cow;
use std::cmp::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use regex_lite::{Regex, RegexBuilder};
use serde_json::Value;
use uuid::Uuid;

use super::super::subjects::FieldType;
pub use super::time::instant;

/// Whole numbers up to here are exact as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Bytes of a pattern as it was written.
const MAX_PATTERN_BYTES: usize = 1_000;
/// Bytes of a pattern as it is compiled; with the letters that are looked at, it bounds the time it takes.
const MAX_COMPILED_BYTES: usize = 32 * 1024;

/// A value that a field can be compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Typed<'a> {
    /// Text, or an id.
    Text(Cow<'a, str>),
    /// A whole number, or money in minor units.
    Whole(i64),
    /// Any number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// An instant.
    Time(DateTime<Utc>),
    /// A day: from an instant until another, which is no longer part of it.
    Day(DateTime<Utc>, DateTime<Utc>),
    /// JSON, compared as it is.
    Any(Cow<'a, Value>),
}

/// What a rule compares its field with.
#[derive(Debug, Clone)]
pub enum Operand {
    /// Nothing.
    None,
    /// One value.
    One(Typed<'static>),
    /// Several, for `in`.
    Many(Vec<Typed<'static>>),
    /// Both ends, for `between`; the lower one first.
    Range(Typed<'static>, Typed<'static>),
    /// Another field.
    Field {
        /// Its path, split at its dots.
        path: Vec<String>,
        /// How its values are read.
        ty: FieldType,
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

impl<'a> Typed<'a> {
    /// Reads what an editor wrote, or a row holds: numbers as numbers or texts, and so on. Days are days in UTC.
    ///
    /// # Errors
    /// [`Unreadable`] if it is nothing of that type.
    pub fn read(value: &'a Value, ty: FieldType) -> Result<Self, Unreadable> {
        Self::read_in(value, ty, Tz::UTC).ok_or_else(|| unreadable(value, ty))
    }

    /// As [`Self::read`], with the zone of days and of times without an offset. `None` if it is nothing of that type.
    pub fn read_in(value: &'a Value, ty: FieldType, zone: Tz) -> Option<Self> {
        let text = value.as_str().map(str::trim);
        match ty {
            FieldType::Text | FieldType::List => match value {
                Value::String(text) => Some(Self::Text(text.into())),
                Value::Number(number) => Some(Self::Text(number.to_string().into())),
                _ => None,
            },
            FieldType::Id => match value {
                Value::String(text) => Some(Self::Text(id(text))),
                Value::Number(number) => Some(Self::Text(number.to_string().into())),
                _ => None,
            },
            FieldType::Money => value.as_i64().or_else(|| text?.parse().ok()).map(Self::Whole),
            FieldType::Integer => {
                let fraction = value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() <= EXACT);
                let float = fraction.map(|number| number as i64);
                value.as_i64().or_else(|| text?.parse().ok()).or(float).map(Self::Whole)
            }
            FieldType::Number => number(value),
            FieldType::Boolean => match (value, text) {
                (Value::Bool(flag), _) => Some(Self::Flag(*flag)),
                (_, Some("true")) => Some(Self::Flag(true)),
                (_, Some("false")) => Some(Self::Flag(false)),
                _ => None,
            },
            FieldType::Time => super::time::moment(text?, zone),
            FieldType::Json => Some(Self::Any(Cow::Borrowed(value))),
        }
    }

    /// The same, for keeps.
    pub fn into_owned(self) -> Typed<'static> {
        match self {
            Self::Text(text) => Typed::Text(text.into_owned().into()),
            Self::Any(value) => Typed::Any(Cow::Owned(value.into_owned())),
            Self::Whole(number) => Typed::Whole(number),
            Self::Number(number) => Typed::Number(number),
            Self::Flag(flag) => Typed::Flag(flag),
            Self::Time(at) => Typed::Time(at),
            Self::Day(from, until) => Typed::Day(from, until),
        }
    }

    /// How they are ordered; `None` if they are not comparable. Equal to a day is every instant of it.
    pub fn compare(&self, other: &Typed<'_>) -> Option<Ordering> {
        use Typed::{Any, Day, Flag, Number, Text, Time, Whole};
        match (self, other) {
            (Text(a), Text(b)) => Some(a.cmp(b)),
            (Whole(a), Whole(b)) => Some(a.cmp(b)),
            (Number(a), Number(b)) => a.partial_cmp(b),
            (Whole(a), Number(b)) => against_float(*a, *b),
            (Number(a), Whole(b)) => against_float(*b, *a).map(Ordering::reverse),
            (Flag(a), Flag(b)) => Some(a.cmp(b)),
            (Time(a), Time(b)) => Some(a.cmp(b)),
            (Day(a, _), Day(b, _)) => Some(a.cmp(b)),
            (Time(at), Day(from, until)) => Some(against_day(*at, *from, *until)),
            (Day(from, until), Time(at)) => Some(against_day(*at, *from, *until).reverse()),
            (Any(value), Time(_) | Day(..)) => super::time::moment(value.as_str()?, Tz::UTC)?.compare(other),
            (Time(_) | Day(..), Any(value)) => self.compare(&super::time::moment(value.as_str()?, Tz::UTC)?),
            (Any(a), Any(b)) => compare_json(a, b),
            (Any(a), b) => compare_json(a, &b.as_json()),
            (a, Any(b)) => compare_json(&a.as_json(), b),
            _ => None,
        }
    }

    fn as_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(&**text),
            Self::Whole(number) => Value::from(*number),
            Self::Number(number) => Value::from(*number),
            Self::Flag(flag) => Value::from(*flag),
            Self::Time(at) | Self::Day(at, _) => super::super::context::time(*at),
            Self::Any(value) => value.clone().into_owned(),
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
            Self::Day(from, until) => {
                format!("the day {}", (*from + (*until - *from) / 2).format("%Y-%m-%d"))
            }
            Self::Any(value) => shorten(value),
        }
    }
}

/// Equal ids are spelt alike.
fn id(text: &str) -> Cow<'_, str> {
    let is_uuid = text.len() == 36 && text.bytes().any(|byte| byte.is_ascii_uppercase());
    match is_uuid.then(|| Uuid::try_parse(text).ok()).flatten() {
        Some(id) => id.to_string().into(),
        None => text.into(),
    }
}

/// A number, or a text of one.
fn number(value: &Value) -> Option<Typed<'static>> {
    match value {
        Value::Number(number) => number.as_i64().map(Typed::Whole).or(number.as_f64().map(Typed::Number)),
        Value::String(text) => {
            let text = text.trim();
            let float = || text.parse().ok().filter(|number: &f64| number.is_finite()).map(Typed::Number);
            text.parse().ok().map(Typed::Whole).or_else(float)
        }
        _ => None,
    }
}

/// Without turning the whole number into a float, which not each has.
fn against_float(whole: i64, float: f64) -> Option<Ordering> {
    match float {
        _ if float.is_nan() => None,
        _ if float >= i64::MAX as f64 => Some(Ordering::Less),
        _ if float < i64::MIN as f64 => Some(Ordering::Greater),
        _ => {
            let fraction = 0.0.partial_cmp(&float.fract())?;
            Some(whole.cmp(&(float.trunc() as i64)).then(fraction))
        }
    }
}

fn against_day(at: DateTime<Utc>, from: DateTime<Utc>, until: DateTime<Utc>) -> Ordering {
    match at {
        _ if at < from => Ordering::Less,
        _ if at < until => Ordering::Equal,
        _ => Ordering::Greater,
    }
}

/// JSON of unknown type: numbers by value, a number and a text of digits too; nothing else across types.
pub fn compare_json(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Number(_), Value::Number(_) | Value::String(_)) | (Value::String(_), Value::Number(_)) => {
            number(a)?.compare(&number(b)?)
        }
        (Value::Bool(flag), Value::String(text)) | (Value::String(text), Value::Bool(flag)) => {
            (flag.to_string() == *text).then_some(Ordering::Equal)
        }
        _ => (a == b).then_some(Ordering::Equal),
    }
}

/// The fault of a value that is nothing of its field's type.
pub fn unreadable(value: &Value, ty: FieldType) -> Unreadable {
    let help = match ty {
        FieldType::Money => minor_units_help(value),
        FieldType::Time => Some("write 2026-11-22 or 2026-11-22T10:00:00Z".to_owned()),
        _ => None,
    };
    Unreadable { message: format!("{} is not {}", shorten(value), ty.described()), help }
}

fn minor_units_help(value: &Value) -> Option<String> {
    let text = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
    let minor = crate::domain::money::Money::minor_from_decimal(&text).ok()?;
    Some(format!("money is written in minor units (cents): {minor} for {text}"))
}

/// A list as an editor writes it: an array, or text with commas (`\,` is a comma within a value). Space around
/// its texts means nothing.
pub fn items(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => {
            let trimmed = items.iter().map(|item| match item {
                Value::String(text) => Value::from(text.trim()),
                other => other.clone(),
            });
            Some(trimmed.collect())
        }
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

/// A regular expression, bounded in size.
///
/// # Errors
/// What is wrong with it, in words.
pub fn pattern(text: &str) -> Result<Regex, String> {
    if text.len() > MAX_PATTERN_BYTES {
        return Err("it is longer than 1,000 bytes".into());
    }
    let built = RegexBuilder::new(text).size_limit(MAX_COMPILED_BYTES).nest_limit(50).build();
    built.map_err(|error| error.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_never_become_floats() {
        use Ordering::{Equal, Greater, Less};
        let order = |whole: i64, float: f64| {
            let (whole, float) = (Typed::Whole(whole), Typed::Number(float));
            assert_eq!(float.compare(&whole), whole.compare(&float).map(Ordering::reverse));
            whole.compare(&float)
        };
        assert_eq!(order(9_007_199_254_740_993, 9_007_199_254_740_992.0), Some(Greater));
        assert_eq!(order(i64::MAX, 9_223_372_036_854_775_807.0), Some(Less), "that float is one more");
        assert_eq!(order(i64::MIN, -9_223_372_036_854_775_808.0), Some(Equal));
        assert_eq!(order(i64::MIN, -1e30), Some(Greater));
        assert_eq!(
            (order(2, 2.5), order(-2, -2.5), order(3, 2.5)),
            (Some(Less), Some(Greater), Some(Greater))
        );
        assert_eq!(
            (order(0, -0.0), order(0, f64::NAN), order(0, f64::INFINITY)),
            (Some(Equal), None, Some(Less))
        );
    }
}
