//! The sandbox of templates: its bounds, its filters, and a search for filters that do not exist.

mod money;
pub(super) mod signatures;
mod text;
mod time;

use std::ops::Range;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, Value as Dynamic};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

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
    // What does something is behind a guard, by a name that no template can write.
    macro_rules! own {
        ($($name:literal = $filter:path,)*) => {$(
            base.add_filter(concat!(" ", $name), $filter);
            guarded::guard(&mut base, $name, concat!(" ", $name));
        )*};
    }
    own!("money" = money::money, "date" = time::date, "time" = time::time, "plus" = time::plus,);
    own!("minus" = time::minus, "pluralize" = text::pluralize, "percent" = text::percent,);
    own!("truncate" = text::truncate, "slug" = text::slug, "url" = text::url,);
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
    "minus",
    "money",
    "percent",
    "pluralize",
    "plus",
    "replace",
    "reverse",
    "round",
    "safe",
    "slug",
    "sort",
    "split",
    "string",
    "sum",
    "time",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "url",
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

/// Whether there is such a test, as in `is defined`.
pub(super) fn test_exists(name: &str) -> bool {
    let Ok(probe) = BASE.compile_expression_owned(format!("0 is {name}")) else { return true };
    !matches!(probe.eval(()), Err(error) if error.kind() == ErrorKind::UnknownTest)
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

#[cfg(test)]
mod tests;
