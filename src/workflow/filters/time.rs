//! Times in templates: written in a time zone, and counted on.

use std::fmt::Write as _;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;
use minijinja::value::{Kwargs, Value as Dynamic};
use minijinja::{Error, ErrorKind};

use crate::workflow::rules::{moment, span_of, value::Typed};

/// Bytes of a form: a sign of it may stand for many letters.
const MAX_FORM_BYTES: usize = 200;

fn refuse(what: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

/// A time as `2026-11-29`, or in a strftime form of one's own.
pub(super) fn date(value: &Dynamic, form: Option<String>, settings: Kwargs) -> Result<String, Error> {
    written(value, form.as_deref().unwrap_or("%Y-%m-%d"), &settings)
}

/// A time as `14:30`, or in a strftime form of one's own.
pub(super) fn time(value: &Dynamic, form: Option<String>, settings: Kwargs) -> Result<String, Error> {
    written(value, form.as_deref().unwrap_or("%H:%M"), &settings)
}

fn written(value: &Dynamic, form: &str, settings: &Kwargs) -> Result<String, Error> {
    let name = settings.get::<Option<String>>("tz")?;
    settings.assert_all_used()?;
    let zone = name.as_deref().map_or(Ok(Tz::UTC), zone).map_err(refuse)?;
    // A day is written as that day, wherever it is.
    let at = instant(value, zone)?;
    check_form(form).map_err(refuse)?;
    let mut out = String::new();
    write!(out, "{}", at.with_timezone(&zone).format(form))
        .map_err(|_| refuse(format!("`{form}` is not a form of date")))?;
    Ok(out)
}

fn instant(value: &Dynamic, zone: Tz) -> Result<DateTime<Utc>, Error> {
    let text = value.as_str().unwrap_or_default();
    match moment(text.trim(), zone) {
        Some(Typed::Time(at) | Typed::Day(at, _)) => Ok(at),
        _ => {
            let shown: String = value.to_string().chars().take(60).collect();
            Err(refuse(format!("`{shown}` is not a time")))
        }
    }
}

/// The zone of that name.
pub(super) fn zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| format!("there is no time zone `{}`", name.chars().take(60).collect::<String>()))
}

/// Whether a form has only signs that there are.
pub(super) fn check_form(form: &str) -> Result<(), String> {
    if form.len() > MAX_FORM_BYTES {
        return Err(format!("a form of date has at most {MAX_FORM_BYTES} bytes"));
    }
    match StrftimeItems::new(form).any(|item| matches!(item, Item::Error)) {
        true => Err(format!("`{form}` is not a form of date: write `%d.%m.%Y`")),
        false => Ok(()),
    }
}

/// A span of time.
pub(super) fn span(text: &str) -> Result<TimeDelta, String> {
    span_of(text).ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        format!("`{shown}` is not a span of time: write 30m, 12h, 7d or 2w")
    })
}

/// The instant so long after.
pub(super) fn plus(value: &Dynamic, by: &str) -> Result<String, Error> {
    moved(value, span(by).map_err(refuse)?)
}

/// The instant so long before.
pub(super) fn minus(value: &Dynamic, by: &str) -> Result<String, Error> {
    moved(value, -span(by).map_err(refuse)?)
}

fn moved(value: &Dynamic, by: TimeDelta) -> Result<String, Error> {
    let at = instant(value, Tz::UTC)?.checked_add_signed(by);
    let text = at.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    text.filter(|text| moment(text, Tz::UTC).is_some())
        .ok_or_else(|| refuse("that is beyond the years 1 to 9999".into()))
}
