//! Who looked at which page.

use chrono::TimeDelta;

use super::dice::Of;
use super::slice::Slice;
use super::{site, targets};
use crate::store::seed::{Load, cells};

const VIEWS_OF_AN_ORDER: u64 = 3;
const AGENTS: &[&str] = &["Firefox/142", "Chrome/141", "Safari/19", "Edge/141", "Samsung Internet/28"];
const REFERRERS: &[(Option<&str>, u32)] = &[
    (None, 55),
    (Some("https://search.example.com/"), 25),
    (Some("https://social.example.org/"), 12),
    (Some("https://news.example.net/"), 8),
];

/// Views of the slice's time, by visitors who come again.
pub fn load(slice: &Slice<'_>) -> Load {
    let mut views = Load::to(targets::VIEWS);
    let mut dice = slice.dice(Of::View, 0);
    let visitors = i64::try_from(slice.orders()).unwrap_or(i64::MAX);
    let mut seconds: Vec<i64> =
        (0..slice.orders() * VIEWS_OF_AN_ORDER).map(|_| dice.between(0, super::DAYS * 86_400 - 1)).collect();
    // As they would have come in: the index by time is one of blocks.
    seconds.sort_unstable();
    for second in seconds {
        let at = slice.plan.begin() + TimeDelta::seconds(second);
        let page = slice.plan.id(Of::Page, dice.favoured(site::page_count()) as u64);
        let visitor = format!("v{:x}-{:06x}", slice.number, dice.between(0, visitors));
        views.add(cells![page, visitor, dice.weighed(REFERRERS), dice.one(AGENTS), at, at, at]);
    }
    views
}
