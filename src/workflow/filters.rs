//! The sandbox of templates: its bounds, its filters, and a search for filters that do not exist.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, Value as Dynamic};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior};

use super::expression::FUEL;
use super::guarded;

const RECURSION: usize = 100;

/// What all templates share.
pub(super) static BASE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut base = Environment::new();
    base.set_undefined_behavior(UndefinedBehavior::Strict);
    base.set_fuel(Some(FUEL));
    base.set_recursion_limit(RECURSION);
    base.set_debug(true);
    base.remove_global("debug");
    base.remove_global("namespace");
    guarded::install(&mut base);
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        base.set_syntax(syntax);
    }
    base.set_auto_escape_callback(|name| if name == "html" { AutoEscape::Html } else { AutoEscape::None });
    base.set_formatter(
        |out, state, value| {
            if value.is_none() { Ok(()) } else { minijinja::escape_formatter(out, state, value) }
        },
    );
    base.add_filter("default", default);
    base.add_filter("d", default);
    base.add_filter("money", money);
    base.add_filter("date", date);
    base
});

/// Filters worth suggesting.
pub const FILTERS: &[&str] = &[
    "abs",
    "capitalize",
    "date",
    "default",
    "escape",
    "first",
    "float",
    "int",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "money",
    "replace",
    "reverse",
    "round",
    "safe",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "urlencode",
];

/// The first filter or test in the source that does not exist, with its place.
pub fn unknown_filter(source: &str, whole: bool) -> Option<(String, Range<usize>)> {
    let mut rest = 0..source.len();
    if whole {
        return unknown_in(source, 0);
    }
    while let Some(open) = ["{{", "{%"].iter().filter_map(|mark| source[rest.clone()].find(mark)).min() {
        let from = rest.start + open + 2;
        let close = ["}}", "%}"].iter().filter_map(|mark| source[from..].find(mark)).min()?;
        if let Some(found) = unknown_in(&source[from..from + close], from) {
            return Some(found);
        }
        rest = from + close + 2..source.len();
    }
    None
}

fn unknown_in(code: &str, offset: usize) -> Option<(String, Range<usize>)> {
    let mut quote = None;
    for (at, letter) in code.char_indices() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), close) if open == close => quote = None,
            (None, '|') => {
                let after = &code[at + 1..];
                let start = at + 1 + (after.len() - after.trim_start().len());
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                let end = code[start..].find(|c| !is_word(c)).map_or(code.len(), |length| start + length);
                let name = &code[start..end];
                if !name.is_empty() && !FILTERS.contains(&name) && !filter_exists(name) {
                    return Some((name.to_owned(), offset + start..offset + end));
                }
            }
            _ => {}
        }
    }
    None
}

fn filter_exists(name: &str) -> bool {
    let Ok(probe) = BASE.compile_expression_owned(format!("0|{name}")) else { return true };
    !matches!(probe.eval(()), Err(error) if error.kind() == ErrorKind::UnknownFilter)
}

fn default(value: &Dynamic, arguments: Rest<Dynamic>) -> Dynamic {
    let other = || arguments.first().cloned().unwrap_or_else(|| Dynamic::from(""));
    let also_empty = arguments.get(1).is_some_and(Dynamic::is_true);
    if value.is_undefined() || value.is_none() || (also_empty && !value.is_true()) {
        other()
    } else {
        value.clone()
    }
}

/// Minor units as `250.00`, with the currency behind it if one is given.
fn money(_: &State, value: &Dynamic, currency: Option<String>) -> Result<String, Error> {
    let refuse =
        || Error::new(ErrorKind::InvalidOperation, "money takes whole minor units, such as order.total");
    if !value.is_integer() {
        return Err(refuse());
    }
    let amount_minor = i64::try_from(value.clone()).map_err(|_| refuse())?;
    let text =
        crate::domain::money::Money { amount_minor, currency: currency.unwrap_or_default() }.to_string();
    Ok(text.trim_end().to_owned())
}

/// A time as `2026-11-29`, or in a strftime form of one's own.
fn date(_: &State, value: &str, form: Option<String>) -> Result<String, Error> {
    use std::fmt::Write as _;
    let refuse = |what: String| Error::new(ErrorKind::InvalidOperation, what);
    let at = super::rules::value::instant(value).ok_or_else(|| refuse(format!("`{value}` is not a time")))?;
    let form: Cow<str> = form.map_or("%Y-%m-%d".into(), Cow::Owned);
    let mut out = String::new();
    write!(out, "{}", at.format(&form)).map_err(|_| refuse(format!("`{form}` is not a form of date")))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_filters_are_found_and_known_ones_exist() {
        assert_eq!(unknown_filter("a {{ order.total|mony }}", false), Some(("mony".into(), 17..21)));
        assert_eq!(unknown_filter("order.total|money == '1|x'", true), None);
        assert_eq!(unknown_filter("{{ 'ä|b' }} | c {% if a|upper %}{% endif %}", false), None);
        assert!(FILTERS.iter().all(|name| filter_exists(name)));
    }
}
