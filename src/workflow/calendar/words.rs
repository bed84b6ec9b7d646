//! Cron expressions in words.

use cron::TimeUnitSpec;

use super::cron::Cron;

const DAYS: &[&str] = &["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: &[&str] = &[
    "",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// More times of day than these are told as hours and minutes.
const MOST_TIMES: usize = 6;

/// "every weekday at 09:00 and 17:00", "every 15 minutes on the 1st of January".
pub(super) fn of(cron: &Cron) -> String {
    match times(cron) {
        Some(times) => format!("{} at {times}", days(cron).unwrap_or_else(|| "every day".into())),
        None => [Some(intervals(cron)), days(cron)].into_iter().flatten().collect::<Vec<_>>().join(", "),
    }
}

fn times(cron: &Cron) -> Option<String> {
    let (hours, minutes) = (all(cron.fields().hours()), all(cron.fields().minutes()));
    if cron.is_interval() || all(cron.fields().seconds()) != [0] || hours.len() * minutes.len() > MOST_TIMES {
        return None;
    }
    let times =
        hours.iter().flat_map(|hour| minutes.iter().map(move |minute| format!("{hour:02}:{minute:02}")));
    Some(list(times.collect()))
}

fn intervals(cron: &Cron) -> String {
    let fields = cron.fields();
    let (seconds, minutes, hours) = (all(fields.seconds()), all(fields.minutes()), all(fields.hours()));
    let mut parts = Vec::new();
    if seconds != [0] {
        parts.push(every(&seconds, 60, "second"));
    }
    if minutes.len() < 60 || parts.is_empty() {
        parts.push(every(&minutes, 60, "minute"));
    }
    if hours.len() < 24 {
        parts.push(every(&hours, 24, "hour"));
    } else if parts.last().is_some_and(|minutes| minutes.starts_with("minute")) {
        parts.push("every hour".into());
    }
    parts.join(", ")
}

/// "every 15 minutes", "minute 5 and 35".
fn every(values: &[u32], of: u32, unit: &str) -> String {
    let step = match values {
        [0, second, ..] => *second,
        _ => 0,
    };
    let even =
        step > 0 && of.is_multiple_of(step) && values.iter().copied().eq((0..of).step_by(step as usize));
    match (even, step) {
        (true, 1) => format!("every {unit}"),
        (true, step) => format!("every {step} {unit}s"),
        (false, _) => format!("{unit} {}", list(ranges(values))),
    }
}

fn days(cron: &Cron) -> Option<String> {
    let weekdays = (cron.weekdays().len() < 7).then(|| weekdays(&cron.weekdays()));
    let (of_month, months) = (all(cron.fields().days_of_month()), all(cron.fields().months()));
    let of_month = (of_month.len() < 31).then(|| {
        format!("on the {}", list(of_month.iter().map(|day| format!("{day}{}", ending(*day))).collect()))
    });
    let months = (months.len() < 12).then(|| {
        list(months.iter().filter_map(|month| MONTHS.get(*month as usize)).map(|m| (*m).into()).collect())
    });
    let both = if cron.has_either_day() { " and " } else { " if it is " };
    let day = match (of_month, weekdays) {
        (Some(of_month), Some(weekdays)) => Some(format!("{of_month}{both}{weekdays}")),
        (of_month, weekdays) => of_month.or(weekdays),
    };
    match (day, months) {
        (Some(day), Some(months)) => Some(format!("{day} of {months}")),
        (None, Some(months)) => Some(format!("every day of {months}")),
        (day, None) => day,
    }
}

fn weekdays(values: &[u32]) -> String {
    match values {
        [1, 2, 3, 4, 5] => "every weekday".into(),
        [0, 6] => "every Saturday and Sunday".into(),
        values => {
            let names =
                values.iter().filter_map(|day| DAYS.get(*day as usize)).map(|name| (*name).to_owned());
            format!("every {}", list(names.collect()))
        }
    }
}

fn ending(day: u32) -> &'static str {
    match (day % 10, day) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

/// 1, 2, 3 and 7: "1-3", "7".
fn ranges(values: &[u32]) -> Vec<String> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &value in values {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == value => *end = value,
            _ => runs.push((value, value)),
        }
    }
    runs.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") }).collect()
}

fn all(field: &impl TimeUnitSpec) -> Vec<u32> {
    field.iter().collect()
}

fn list(words: Vec<String>) -> String {
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
