//! Words, windows of time and names of zones.

use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

use super::window::{TimeWindow, time_of_day};
use super::{Calendar, time_zone_named};

fn at(zone: Tz, local: &str) -> DateTime<Utc> {
    let naive = chrono::NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M").expect("a time");
    zone.from_local_datetime(&naive).earliest().expect("not in a gap").to_utc()
}

fn window(from: &str, to: &str, weekdays: &[Weekday]) -> TimeWindow {
    let time = |text| time_of_day(text).expect("a time of day");
    TimeWindow::new(time(from), time(to), weekdays, Tz::Europe__Berlin)
}

fn opens(window: &TimeWindow, from: &str) -> String {
    let opens = window.opens_at(at(Tz::Europe__Berlin, from)).expect("it opens");
    opens.with_timezone(&Tz::Europe__Berlin).format("%a %d %H:%M%:::z").to_string()
}

#[test]
fn expressions_are_told_in_words() {
    for (expression, words) in [
        ("0 9 * * *", "every day at 09:00"),
        ("0 9,17 * * mon-fri", "every weekday at 09:00 and 17:00"),
        ("30 8 * * 0,6", "every Saturday and Sunday at 08:30"),
        ("0 9 * * 1,3", "every Monday and Wednesday at 09:00"),
        ("0 0 1,15 * *", "on the 1st and 15th at 00:00"),
        ("0 0 2,3,11,22 * *", "on the 2nd, 3rd, 11th and 22nd at 00:00"),
        ("0 12 24 12 *", "on the 24th of December at 12:00"),
        ("0 12 * 6,7 *", "every day of June and July at 12:00"),
        ("0 0 13 * fri", "on the 13th and every Friday at 00:00"),
        (
            "0 0 */2 * fri",
            "on the 1st, 3rd, 5th, 7th, 9th, 11th, 13th, 15th, 17th, 19th, 21st, 23rd, 25th, 27th, 29th \
                           and 31st if it is every Friday at 00:00",
        ),
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("30 * * * *", "minute 30, every hour"),
        ("0 */2 * * *", "minute 0, every 2 hours"),
        ("*/10 9-17 * * mon-fri", "every 10 minutes, hour 9-17, every weekday"),
        ("* * * * * *", "every second"),
        ("15 30 9 * * *", "second 15, minute 30, hour 9"),
    ] {
        let calendar = Calendar::new(expression, Tz::Europe__Berlin).expect(expression);
        assert_eq!(calendar.words(), format!("{words}, Europe/Berlin"), "{expression}");
    }
}

#[test]
fn the_next_times_are_a_preview() {
    let calendar = Calendar::new("0 9 * * *", Tz::Europe__Berlin).expect("reads");
    let from = at(Tz::Europe__Berlin, "2027-03-26 09:00");
    let days: Vec<String> =
        calendar.upcoming(from, 5).iter().map(|at| at.format("%d %H:%M").to_string()).collect();
    assert_eq!(days, ["27 08:00", "28 07:00", "29 07:00", "30 07:00", "31 07:00"]);
    assert!(calendar.between(from, from, 5).is_empty());
    assert_eq!(calendar.between(from, from + TimeDelta::days(30), 2).len(), 2);
    let until = calendar.next_after(from).expect("it comes");
    assert_eq!(calendar.between(from, until, 5), [until], "its end belongs to it");
    assert_eq!(calendar.next_after(DateTime::<Utc>::MAX_UTC), None);
}

#[test]
fn zones_have_names() {
    assert_eq!(time_zone_named("Europe/Berlin"), Ok(Tz::Europe__Berlin));
    let help = |name: &str| time_zone_named(name).expect_err("no zone").1.expect("help");
    assert_eq!(help("Europe/Berln"), "did you mean `Europe/Berlin`?");
    assert_eq!(help("berlin"), "did you mean `Europe/Berlin`?");
    assert_eq!(help("somewhere else altogether"), "write a name of the IANA list: `Europe/Berlin`");
    assert!(time_zone_named(&"x".repeat(10_000)).expect_err("no zone").0.len() < 100);
}

#[test]
fn a_window_is_open_from_its_beginning_to_before_its_end() {
    let day = window("09:00", "17:00", &[Weekday::Mon, Weekday::Tue]);
    // The 23rd of November 2026 is a Monday.
    let open = |text: &str| day.is_open(at(Tz::Europe__Berlin, text));
    assert!(!open("2026-11-23 08:59") && open("2026-11-23 09:00") && open("2026-11-23 16:59"));
    assert!(!open("2026-11-23 17:00") && open("2026-11-24 12:00") && !open("2026-11-25 12:00"));
    assert_eq!(opens(&day, "2026-11-23 08:00"), "Mon 23 09:00+01");
    assert_eq!(opens(&day, "2026-11-23 12:00"), "Mon 23 12:00+01", "at once");
    assert_eq!(opens(&day, "2026-11-23 17:00"), "Tue 24 09:00+01");
    assert_eq!(opens(&day, "2026-11-24 17:00"), "Mon 30 09:00+01");
    let closes = day.closes_at(at(Tz::Europe__Berlin, "2026-11-23 12:00")).expect("it closes");
    assert_eq!(closes, at(Tz::Europe__Berlin, "2026-11-23 17:00"));
    assert_eq!(day.closes_at(at(Tz::Europe__Berlin, "2026-11-23 17:00")), None, "it is closed");
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_opened() {
    let night = window("22:00", "06:00", &[Weekday::Fri]);
    let open = |text: &str| night.is_open(at(Tz::Europe__Berlin, text));
    assert!(open("2026-11-27 22:00") && open("2026-11-28 05:59") && !open("2026-11-28 06:00"));
    assert!(!open("2026-11-27 05:00") && !open("2026-11-28 22:00"));
    assert_eq!(opens(&night, "2026-11-28 06:00"), "Fri 04 22:00+01");
    let closes = night.closes_at(at(Tz::Europe__Berlin, "2026-11-27 23:00")).expect("it closes");
    assert_eq!(closes, at(Tz::Europe__Berlin, "2026-11-28 06:00"));
    let always = window("00:00", "24:00", &[]);
    assert!(always.is_open(at(Tz::Europe__Berlin, "2026-11-28 12:00")));
    let monday = window("08:00", "08:00", &[Weekday::Mon]);
    assert!(monday.is_open(at(Tz::Europe__Berlin, "2026-11-24 07:59")));
    assert!(!monday.is_open(at(Tz::Europe__Berlin, "2026-11-24 08:00")));
}

#[test]
fn turned_clocks_neither_hide_a_window_nor_open_it_early() {
    // On the 28th of March 2027, 02:00 to 03:00 does not exist; on the 31st of October it comes twice.
    let long = window("02:30", "10:00", &[]);
    assert_eq!(opens(&long, "2027-03-28 01:00"), "Sun 28 03:00+02");
    let short = window("02:10", "02:50", &[]);
    assert_eq!(opens(&short, "2027-03-28 01:00"), "Mon 29 02:10+02", "that day has none");
    let first = at(Tz::Europe__Berlin, "2027-10-31 02:10");
    let again = first + TimeDelta::minutes(45);
    assert!(short.is_open(first) && !short.is_open(again));
    assert_eq!(short.opens_at(again), Some(first + TimeDelta::hours(1)), "the second time");
}

/// Minute by minute, over days on which clocks are turned: what the windows say against what the clocks show.
#[test]
fn windows_agree_with_the_clocks() {
    for (from, to) in
        [("09:00", "17:00"), ("22:00", "06:00"), ("02:15", "02:45"), ("01:30", "03:30"), ("03:00", "02:00")]
    {
        let window = window(from, to, &[]);
        for start in ["2027-03-27 12:00", "2027-10-30 12:00"] {
            let minutes = |n: i64| at(Tz::Europe__Berlin, start) + TimeDelta::minutes(n);
            let open: Vec<bool> = (0..4 * 1440).map(|n| window.is_open(minutes(n))).collect();
            for n in (0..2 * 1440).step_by(7) {
                let opens = (n..).find(|n| open[*n]).expect("it opens");
                assert_eq!(
                    window.opens_at(minutes(n as i64)),
                    Some(minutes(opens as i64)),
                    "{from} {to} {start} {n}"
                );
                let closes = open[n].then(|| (n..).find(|n| !open[*n]).expect("it closes"));
                assert_eq!(
                    window.closes_at(minutes(n as i64)),
                    closes.map(|n| minutes(n as i64)),
                    "{from} {to} {start} {n}"
                );
            }
        }
    }
}

#[test]
fn times_of_day_are_hours_and_minutes() {
    assert_eq!(time_of_day("09:30"), NaiveTime::from_hms_opt(9, 30, 0));
    assert_eq!(time_of_day(" 9:30:15 "), NaiveTime::from_hms_opt(9, 30, 15));
    assert_eq!(time_of_day("24:00"), Some(NaiveTime::MIN));
    for text in ["", "9", "25:00", "09:60", "9am", "23:59:60", "09:30:00.5", "9:30:15:00"] {
        assert_eq!(time_of_day(text), None, "{text}");
    }
}
