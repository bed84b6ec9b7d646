//! Time zones: from local times to instants and back.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::workflow::diagnostics::nearest;

/// The zone of that IANA name: `Europe/Berlin`.
pub fn time_zone(name: &str) -> Option<Tz> {
    name.parse().ok()
}

/// As [`time_zone`].
///
/// # Errors
/// What is wrong with the name, and the one that was most likely meant.
pub fn time_zone_named(name: &str) -> Result<Tz, (String, Option<String>)> {
    time_zone(name).ok_or_else(|| {
        let shown: String = name.chars().take(60).collect();
        let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
        let city = || {
            names().find(|zone| {
                zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name.trim()))
            })
        };
        let help = match city().or_else(|| nearest(name, names())) {
            Some(found) => format!("did you mean `{found}`?"),
            None => "write a name of the IANA list: `Europe/Berlin`".into(),
        };
        (format!("there is no time zone `{shown}`"), Some(help))
    })
}

/// What is added to UTC at that instant.
pub(super) fn offset(zone: Tz, at: DateTime<Utc>) -> TimeDelta {
    let seconds = zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc();
    TimeDelta::seconds(seconds.into())
}

/// The first instant after `since` with another offset than `since` has; `until` must have another.
pub(super) fn turn(zone: Tz, since: DateTime<Utc>, until: DateTime<Utc>) -> DateTime<Utc> {
    let before = offset(zone, since);
    let (mut low, mut high) = (since.timestamp(), until.timestamp());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let at = DateTime::from_timestamp(middle, 0).unwrap_or(until);
        if offset(zone, at) == before { low = middle } else { high = middle }
    }
    DateTime::from_timestamp(high, 0).unwrap_or(until)
}

/// The instants at which clocks show a local time: none in a gap, two where they were put back.
pub(super) fn instants(zone: Tz, local: NaiveDateTime) -> Vec<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        LocalResult::None => Vec::new(),
        LocalResult::Single(at) => vec![at.to_utc()],
        LocalResult::Ambiguous(a, b) => vec![a.to_utc().min(b.to_utc()), a.to_utc().max(b.to_utc())],
    }
}

/// The first of [`instants`].
pub(super) fn first_of(zone: Tz, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    instants(zone, local).first().copied()
}

/// When clocks are turned within a day after the given instant, if they are.
pub(super) fn turn_within_a_day(zone: Tz, since: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let until = since.checked_add_signed(TimeDelta::days(1))?;
    (offset(zone, since) != offset(zone, until)).then(|| turn(zone, since, until))
}
