//! Cron expressions, by hand and against croner, another implementation.

use std::str::FromStr;

use ::cron::TimeUnitSpec;
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::cron::Cron;
use super::{Calendar, zone};

const ZONES: &[Tz] = &[
    Tz::UTC,
    Tz::Europe__Berlin,
    Tz::Europe__London,
    Tz::America__New_York,
    Tz::America__St_Johns,
    Tz::America__Havana,
    Tz::America__Santiago,
    Tz::Australia__Lord_Howe,
    Tz::Pacific__Chatham,
    Tz::Asia__Beirut,
    Tz::Asia__Kolkata,
    Tz::Africa__Cairo,
    Tz::Africa__Casablanca,
];

const FIXED: &[&str] = &[
    "30 2 * * *",
    "0 0 * * *",
    "30 0 * * *",
    "15 1 * * *",
    "0 3 * * *",
    "45 23 * * *",
    "0 9 * * mon-fri",
    "0 9 1,15 * *",
    "59 1 * 3,4,9,10,11 sun",
    "0 12 29 2 *",
    "0 0 1 * mon",
    "30 30 2 * * *",
];

/// Several hours of the day, and each of them alone: croner takes the first for intervals.
const SEVERAL: &[(&str, &[&str])] = &[
    ("0 2,3 * * *", &["0 2 * * *", "0 3 * * *"]),
    ("30 1-3 * * *", &["30 1 * * *", "30 2 * * *", "30 3 * * *"]),
    ("15 0,2 * * sun", &["15 0 * * sun", "15 2 * * sun"]),
];

const INTERVALS: &[&str] = &["*/15 * * * *", "30 * * * *", "0 * * * *", "0 0,30 * * * *", "7 * * * sun"];

fn calendar(expression: &str, zone: Tz) -> Calendar {
    Calendar::new(expression, zone).unwrap_or_else(|fault| panic!("{expression}: {fault:?}"))
}

fn utc(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, month, day, 0, 0, 0).single().expect("a day")
}

/// The instants of some years at which a zone turns its clocks.
fn turns(of: Tz) -> Vec<DateTime<Utc>> {
    let (mut at, end) = (utc(2023, 12, 1), utc(2029, 1, 1));
    let mut found = Vec::new();
    while at < end {
        let next = at + TimeDelta::days(1);
        if zone::offset(of, at) != zone::offset(of, next) {
            found.push(zone::turn(of, at, next));
        }
        at = next;
    }
    found
}

fn by_croner(expression: &str, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let cron = croner::Cron::from_str(expression).expect("croner reads it");
    let mut found = Vec::new();
    let mut last = from.with_timezone(&zone);
    while let Ok(next) = cron.find_next_occurrence(&last, false) {
        if next > to || found.len() > 2_000 {
            break;
        }
        found.push(next.to_utc());
        last = next;
    }
    found
}

/// Looks from 40 hours before each turn of a zone's clocks to 60 hours after it.
fn around_turns(mut look: impl FnMut(Tz, DateTime<Utc>, DateTime<Utc>)) {
    for &zone in ZONES {
        let days = turns(zone).into_iter().chain([utc(2024, 2, 28), utc(2025, 12, 31)]);
        days.for_each(|turn| look(zone, turn - TimeDelta::hours(40), turn + TimeDelta::hours(60)));
    }
}

#[test]
fn it_agrees_with_croner_around_every_turn_of_the_clocks() {
    let (mut compared, mut turned) = (0, 0);
    around_turns(|zone, from, to| {
        turned += 1;
        for expression in FIXED.iter().chain(INTERVALS) {
            let ours = calendar(expression, zone).between(from, to, 2_000);
            assert_eq!(ours, by_croner(expression, zone, from, to), "{expression} in {zone} from {from}");
            compared += ours.len();
        }
    });
    assert!(compared > 100_000 && turned > 100, "{compared} times around {turned} turns");
}

#[test]
fn several_hours_of_the_day_come_as_each_of_them_alone() {
    around_turns(|zone, from, to| {
        for (expression, alone) in SEVERAL {
            let each = alone.iter().flat_map(|one| by_croner(one, zone, from, to));
            let mut expected: Vec<_> = each.collect();
            expected.sort_unstable();
            expected.dedup();
            let ours = calendar(expression, zone).between(from, to, 2_000);
            assert_eq!(ours, expected, "{expression} in {zone} from {from}");
        }
    });
}

#[test]
fn an_hour_that_is_skipped_comes_behind_the_gap_and_one_that_comes_twice_comes_once() {
    let berlin = Tz::Europe__Berlin;
    let of = |expression: &str, day: DateTime<Utc>| -> Vec<String> {
        let times = calendar(expression, berlin).between(day, day + TimeDelta::hours(23), 100);
        times.iter().map(|at| at.with_timezone(&berlin).format("%H:%M%:::z").to_string()).collect()
    };
    let (spring, autumn) = (utc(2027, 3, 28) - TimeDelta::hours(1), utc(2027, 10, 31) - TimeDelta::hours(2));
    assert_eq!(of("30 2 * * *", spring), ["03:00+02"]);
    assert_eq!(of("30 2 * * *", autumn), ["02:30+02"]);
    assert_eq!(of("*/30 2 * * *", spring), ["03:00+02"], "once, though twice was skipped");
    assert_eq!(of("*/30 2 * * *", autumn), ["02:00+02", "02:30+02"]);
    let spring = of("30 * * * *", spring);
    assert_eq!(spring[..4], ["00:30+01", "01:30+01", "03:30+02", "04:30+02"]);
    let autumn = of("30 * * * *", autumn);
    assert_eq!(autumn[..5], ["00:30+02", "01:30+02", "02:30+02", "02:30+01", "03:30+01"]);
    // From within the hour that comes twice.
    let second = DateTime::from_timestamp(1_824_944_400, 0).expect("in range");
    assert_eq!(
        calendar("30 2 * * *", berlin).next_after(second).map(|at| at > second + TimeDelta::hours(20)),
        Some(true)
    );
}

fn field(low: u32, high: u32) -> impl Strategy<Value = String> {
    let value = low..=high;
    prop_oneof![
        3 => Just("*".to_owned()),
        2 => value.clone().prop_map(|a| a.to_string()),
        1 => (value.clone(), value.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (1..=high).prop_map(|step| format!("*/{step}")),
        1 => (value.clone(), value.clone(), 1..=high)
            .prop_map(|(a, b, step)| format!("{}-{}/{step}", a.min(b), a.max(b))),
        1 => proptest::collection::vec(value, 1..4)
            .prop_map(|values| values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn it_agrees_with_croner_on_random_expressions(
        (minutes, hours, days, months, weekdays) in
            (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)),
        start in 0_i64..4_000_000_000,
    ) {
        // Days of the month and weekdays with a step begin with `*`, so that both must fit, as in Vixie's cron; croner
        // has either.
        let stepped = [&days, &weekdays].iter().any(|field| field.starts_with("*/"));
        prop_assume!(!(stepped && days != "*" && weekdays != "*"));
        let expression = format!("{minutes} {hours} {days} {months} {weekdays}");
        let from = DateTime::from_timestamp(start, 0).expect("in range");
        match Calendar::new(&expression, Tz::UTC) {
            Ok(ours) => {
                let ours = ours.upcoming(from, 5);
                let last = *ours.last().expect("it comes");
                prop_assert_eq!(&ours, &by_croner(&expression, Tz::UTC, from, last), "{}", expression);
            }
            Err(fault) => {
                prop_assert!(fault.message.contains("never comes"), "{expression}: {fault:?}");
                prop_assert!(by_croner(&expression, Tz::UTC, from, from + TimeDelta::days(9_000)).is_empty());
            }
        }
    }

    #[test]
    fn nothing_that_is_written_makes_it_panic(text in "[-0-9*/,a-z@? ]{0,40}|\\PC{0,20}", start: i64) {
        if let (Ok(calendar), Some(from)) = (Calendar::new(&text, Tz::Europe__Berlin), DateTime::from_timestamp(start, 0)) {
            let next = calendar.next_after(from);
            prop_assert!(next.is_none_or(|at| at > from));
            prop_assert!(!calendar.words().is_empty());
        }
    }

    #[test]
    fn fields_are_translated_without_loss(
        (a, b, step) in (0_u32..=59, 0_u32..=59, 1_u32..=1_000), field in 0_usize..5, form in 0..4,
    ) {
        let (low, high) = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)][field];
        let (a, b) = (low + a % (high - low + 1), low + b % (high - low + 1));
        let (a, b) = (a.min(b), a.max(b));
        let last = if high == 7 { 6 } else { high };
        let (text, range) = match form {
            0 => (format!("{a}-{b}"), (a..=b).step_by(1)),
            1 => (format!("{a}-{b}/{step}"), (a..=b).step_by(step as usize)),
            2 => (format!("{a}/{step}"), (a..=last.max(a)).step_by(step as usize)),
            _ => (format!("*/{step}"), (low..=last).step_by(step as usize)),
        };
        let mut fields = ["0", "0", "*", "*", "*"];
        fields[field] = &text;
        let expression = fields.join(" ");
        if let Ok(cron) = Cron::parse(&expression) {
            let units = cron.fields();
            let read: Vec<u32> = match field {
                0 => units.minutes().iter().collect(),
                1 => units.hours().iter().collect(),
                2 => units.days_of_month().iter().collect(),
                3 => units.months().iter().collect(),
                _ => cron.weekdays(),
            };
            let mut expected: Vec<u32> = range.map(|value| if high == 7 { value % 7 } else { value }).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(read, expected, "{}", expression);
        } else {
            prop_assert!(false, "{expression} is not read");
        }
    }
}

#[test]
fn fields_are_read_as_unix_reads_them() {
    let next = |expression: &str| {
        let at = calendar(expression, Tz::UTC).next_after(utc(2026, 11, 22) + TimeDelta::hours(10));
        at.expect("it comes").format("%a %Y-%m-%d %H:%M:%S").to_string()
    };
    // The 22nd of November 2026 is a Sunday.
    for (expression, expected) in [
        ("* * * * *", "Sun 2026-11-22 10:01:00"),
        ("* * * * * *", "Sun 2026-11-22 10:00:01"),
        ("*/20 * * * * *", "Sun 2026-11-22 10:00:20"),
        ("0 9 * * 1", "Mon 2026-11-23 09:00:00"),
        ("0 9 * * 0", "Sun 2026-11-29 09:00:00"),
        ("0 9 * * 7", "Sun 2026-11-29 09:00:00"),
        ("0 9 * * SUN", "Sun 2026-11-29 09:00:00"),
        ("0 9 * * 6-7", "Sat 2026-11-28 09:00:00"),
        ("0 9 * * sat-sun", "Sat 2026-11-28 09:00:00"),
        ("0 9 * * mon-wed/2", "Mon 2026-11-23 09:00:00"),
        ("0 9 * Jan *", "Fri 2027-01-01 09:00:00"),
        ("5/25 12 * * *", "Sun 2026-11-22 12:05:00"),
        ("0 0 1 * 1", "Mon 2026-11-23 00:00:00"),
        ("0 0 */10 * 1", "Mon 2026-12-21 00:00:00"),
        ("0 0 29 2 *", "Tue 2028-02-29 00:00:00"),
        ("@daily", "Mon 2026-11-23 00:00:00"),
        ("@Yearly", "Fri 2027-01-01 00:00:00"),
        ("  0   12 * * *  ", "Sun 2026-11-22 12:00:00"),
    ] {
        assert_eq!(next(expression), expected, "{expression}");
    }
}

#[test]
fn what_cannot_be_read_says_where() {
    let fault = |expression: &str| {
        let fault = Cron::parse(expression).expect_err(expression);
        (fault.message, fault.within.map(|range| expression[range].to_owned()))
    };
    for (expression, part) in [
        ("60 * * * *", "60"),
        ("* 24 * * *", "24"),
        ("* * 0 * *", "0"),
        ("* * 32 * *", "32"),
        ("* * * 13 *", "13"),
        ("* * * * 8", "8"),
        ("* * * * mnday", "mnday"),
        ("*/0 * * * *", "*/0"),
        ("5-1 * * * *", "5-1"),
        ("1,,2 * * * *", "1,,2"),
        ("+1 * * * *", "+1"),
        ("* * L * *", "L"),
        ("* * * * ä", "ä"),
        ("61 * * * * *", "61"),
    ] {
        assert_eq!(fault(expression).1.as_deref(), Some(part), "{expression}");
    }
    for expression in ["", "9:00", "* * * *", "* * * * * * *", "@noon", &"1,".repeat(200)] {
        assert_eq!(fault(expression).1, None, "{expression}");
    }
    for expression in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30-31 feb *"] {
        assert!(fault(expression).0.contains("never comes"), "{expression}");
    }
}

#[test]
fn names_that_are_almost_right_are_suggested() {
    let message = |expression: &str| Cron::parse(expression).expect_err(expression).message;
    assert!(message("@dayly").contains("`@daily`") && message("@yerly").contains("`@yearly`"));
    assert!(message("0 9 * * mo").ends_with("did you mean `mon`?"), "{}", message("0 9 * * mo"));
    assert!(message("0 9 * okt *").ends_with("did you mean `oct`?"));
    assert!(message("0 9 * * someday").ends_with("or `sun` to `sat`"));
}

#[test]
fn years_end_where_the_calendar_ends() {
    let daily = calendar("@daily", Tz::UTC);
    let day = |year: i32, month, day| utc(year, month, day) + TimeDelta::hours(12);
    assert_eq!(daily.next_after(day(2100, 12, 30)), Some(utc(2100, 12, 31)));
    assert_eq!(daily.next_after(day(2100, 12, 31)), None);
    assert_eq!(daily.next_after(day(1901, 5, 5)), Some(utc(1970, 1, 1)));
    assert_eq!(daily.next_after(day(-5, 5, 5)), None);
    assert_eq!(daily.next_after(DateTime::<Utc>::MAX_UTC), None);
    // Four decades, on each weekday.
    for weekday in 0..7 {
        let expression = format!("0 0 */28 2 {weekday}");
        let next = calendar(&expression, Tz::UTC).next_after(day(2056, 3, 1)).expect("it comes");
        assert!(next < utc(2097, 1, 1), "{expression}: {next}");
    }
}

/// What docs/triggers.md says of the differences.
#[test]
fn croner_differs_where_the_document_says_so() {
    let (from, to) = (utc(2026, 11, 22), utc(2026, 12, 22));
    let ours = |expression: &str, zone| calendar(expression, zone).between(from, to, 2_000);
    for expression in ["0 0 */10 * 1", "0 0 1 * */3"] {
        let theirs = by_croner(expression, Tz::UTC, from, to);
        let ours = ours(expression, Tz::UTC);
        assert!(ours.len() < theirs.len() && ours.iter().all(|at| theirs.contains(at)), "{expression}");
    }
    assert!(croner::Cron::from_str("5/25 * * * *").is_err() && !ours("5/25 * * * *", Tz::UTC).is_empty());
    let (from, to) = (utc(2027, 3, 27) + TimeDelta::hours(12), utc(2027, 3, 28) + TimeDelta::hours(12));
    let theirs = by_croner("30 1-3 * * *", Tz::Europe__Berlin, from, to);
    assert_ne!(calendar("30 1-3 * * *", Tz::Europe__Berlin).between(from, to, 10), theirs);
}
