//! Times as rules read them: an instant, a day, a span; in a time zone where they are local.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::value::Typed;

/// Years that are told apart: all that four digits can say.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

/// An instant or a whole day. RFC 3339 says its offset; what does not is local in `zone`.
pub fn moment(text: &str, zone: Tz) -> Option<Typed<'static>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return YEARS.contains(&at.year()).then(|| Typed::Time(at.to_utc()));
    }
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(Typed::Day(local(start(day)?, zone)?, local(start(day.succ_opt()?)?, zone)?));
    }
    let naive = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
    local(naive, zone).map(Typed::Time)
}

/// An instant: RFC 3339, or a day, which is its start in UTC.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    match moment(text, Tz::UTC)? {
        Typed::Time(at) | Typed::Day(at, _) => Some(at),
        _ => None,
    }
}

fn start(day: NaiveDate) -> Option<NaiveDateTime> {
    day.and_hms_opt(0, 0, 0)
}

/// The first of two when clocks are set back; an hour on when they skip it.
fn local(naive: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    // The year after the last is the end of the last day.
    if !(*YEARS.start()..=*YEARS.end() + 1).contains(&naive.year()) {
        return None;
    }
    let skipped = || zone.from_local_datetime(&(naive + TimeDelta::hours(1))).earliest();
    zone.from_local_datetime(&naive).earliest().or_else(skipped).map(|at| at.to_utc())
}

/// A span of time: `30m`, `12 hours`, `7d`, `2 weeks`.
pub fn span(value: &Value) -> Option<TimeDelta> {
    span_of(value.as_str()?)
}

/// As [`span`], at most some 270 years.
pub fn span_of(text: &str) -> Option<TimeDelta> {
    const MOST_SECONDS: i64 = 100_000 * 86_400;
    let text = text.trim();
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
    count.checked_mul(seconds).filter(|seconds| *seconds <= MOST_SECONDS).and_then(TimeDelta::try_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_where_people_live() {
        let zone: Tz = "Europe/Berlin".parse().expect("a zone");
        let day = |text| match moment(text, zone) {
            Some(Typed::Day(from, until)) => (from.to_rfc3339(), (until - from).num_hours()),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(day("2026-11-22"), ("2026-11-21T23:00:00+00:00".into(), 24));
        assert_eq!(day("2026-03-29").1, 23, "clocks are set forward");
        assert_eq!(day("2026-10-25").1, 25, "clocks are set back");
        let time = |text| match moment(text, zone) {
            Some(Typed::Time(at)) => at.to_rfc3339(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(time("2026-07-01T10:00"), "2026-07-01T08:00:00+00:00");
        assert_eq!(time("2026-07-01T10:00:00Z"), "2026-07-01T10:00:00+00:00");
        assert_eq!(time("2026-03-29T02:30"), "2026-03-29T01:30:00+00:00", "the hour that was skipped");
        assert_eq!(time("2026-10-25T02:30"), "2026-10-25T00:30:00+00:00", "the first of the two");
        // Midnight itself is skipped there.
        let skips = moment("2018-11-04", "America/Sao_Paulo".parse().expect("a zone"));
        assert!(
            matches!(skips, Some(Typed::Day(from, _)) if from.to_rfc3339() == "2018-11-04T03:00:00+00:00")
        );
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in
            ["", "2026-13-01", "2026-02-30", "+262142-12-31", "0000-01-01", "99999-01-01", "10:00", "now"]
        {
            assert_eq!(moment(text, Tz::UTC), None, "{text}");
        }
        assert!(moment("9999-12-31", Tz::UTC).is_some());
        for text in ["", "7", "d", "-7d", "7y", "99999999999999999999d", "100001d", "é"] {
            assert_eq!(span_of(text), None, "{text}");
        }
        assert_eq!(span_of(" 2 weeks "), TimeDelta::try_days(14));
    }
}
