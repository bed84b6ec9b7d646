//! A small chart: a row of bars, as wide as there is room.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use crate::testrun::backtest::Day;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The widest that a day's bar is.
const WIDEST: usize = 4;

/// Columns of a chart: days, or several of them together.
pub(super) struct Columns {
    days: Vec<Day>,
    /// The first day, and the last.
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// How many days a column stands for.
    pub days_each: usize,
    width: usize,
}

impl Columns {
    /// As many as fit into `room` letters; nothing without a day.
    pub fn new(days: &BTreeMap<NaiveDate, Day>, room: usize) -> Option<Self> {
        let (from, to) = (*days.keys().next()?, *days.keys().next_back()?);
        let count = usize::try_from((to - from).num_days()).ok()? + 1;
        let days_each = count.div_ceil(room.max(1));
        let mut columns = vec![Day::default(); count.div_ceil(days_each)];
        for (day, of) in days {
            let at = usize::try_from((*day - from).num_days()).ok()? / days_each;
            let column = columns.get_mut(at)?;
            column.events += of.events;
            column.started += of.started;
            column.failed += of.failed;
        }
        let width = (room / columns.len()).clamp(1, WIDEST);
        Some(Self { days: columns, from, to, days_each, width })
    }

    /// A bar for each column, and the highest value. What is there at all has a bar.
    pub fn bars(&self, value: impl Fn(&Day) -> u64) -> (String, u64) {
        let most = self.days.iter().map(&value).max().unwrap_or(0);
        let bar = |day: &Day| {
            let height = (value(day) * 8).div_ceil(most.max(1));
            let at = usize::try_from(height).unwrap_or(8);
            let bar = if at == 0 { ' ' } else { BARS[at.min(8) - 1] };
            std::iter::repeat_n(bar, self.width)
        };
        (self.days.iter().flat_map(bar).collect(), most)
    }

    /// The first and the last day below the bars' ends, as far as there is room.
    pub fn axis(&self) -> String {
        let wide = self.days.len() * self.width;
        let (from, to) = (self.from.to_string(), self.last_shown().to_string());
        match wide.checked_sub(from.len() + to.len() + 1) {
            Some(gap) => format!("{from}{}{to}", " ".repeat(gap + 1)),
            None => format!("{from} … {to}"),
        }
    }

    fn last_shown(&self) -> NaiveDate {
        let days = (self.days.len() * self.days_each).saturating_sub(1) as u64;
        self.from.checked_add_days(Days::new(days)).map_or(self.to, |last| last.min(self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(started: &[(u32, u64)]) -> BTreeMap<NaiveDate, Day> {
        let day = |of: &u32| NaiveDate::from_ymd_opt(2026, 11, *of).expect("a day");
        started.iter().map(|(of, n)| (day(of), Day { started: *n, ..Day::default() })).collect()
    }

    #[test]
    fn a_day_without_events_is_a_gap_and_a_few_are_still_a_bar() {
        let columns = Columns::new(&days(&[(1, 800), (3, 1), (4, 400)]), 40).expect("columns");
        let (bars, most) = columns.bars(|day| day.started);
        assert_eq!((bars.as_str(), most), ("████    ▁▁▁▁▄▄▄▄", 800));
    }

    #[test]
    fn days_share_a_column_where_there_is_no_room() {
        let columns = Columns::new(&days(&[(1, 1), (2, 1), (3, 1), (4, 1), (5, 2)]), 3).expect("columns");
        assert_eq!((columns.days_each, columns.bars(|day| day.started).0.chars().count()), (2, 3));
        assert_eq!(columns.axis(), "2026-11-01 … 2026-11-05");
        assert!(Columns::new(&BTreeMap::new(), 80).is_none());
    }
}
