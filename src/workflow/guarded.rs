//! The library's filters, each behind a guard: what goes through filters is counted, and what one gives is bounded.

use minijinja::filters as library;
use minijinja::value::{Rest, Value as Dynamic, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State};

use super::expression::MAX_OUTPUT_BYTES;

/// Bytes that may go through the filters of one evaluation.
const MAX_WORK_BYTES: usize = 1024 * 1024;
/// What an item of a list, or a call, costs beside its letters.
const ITEM_BYTES: usize = 64;
/// Filters that do something to each item with what else they are given.
const FOR_EACH: &[&str] = &["map", "select", "reject", "selectattr", "rejectattr", "zip", "join"];
/// Filters whose result can be beyond all measure, for want of a bound on an argument.
const REMOVED: &[&str] = &["indent", "format", "pprint", "batch", "slice", "tojson"];

#[derive(Default)]
struct Work(usize);

/// Puts the guards in place.
pub(super) fn install(base: &mut Environment<'static>) {
    for name in REMOVED {
        base.remove_filter(name);
    }
    base.remove_test("lower");
    base.remove_test("upper");
    // The same filters by names that no template can write.
    macro_rules! guard {
        ($($name:ident)*) => {$(
            base.add_filter(concat!(" ", stringify!($name)), library::$name);
            guard(base, stringify!($name), concat!(" ", stringify!($name)));
        )*};
    }
    guard!(safe escape upper lower title capitalize length dictsort items reverse trim split lines round abs int);
    guard!(float attr first last min max sort list string bool sum select reject selectattr rejectattr map groupby);
    guard!(unique chain zip urlencode join);
    for (short, name) in [("e", " escape"), ("count", " length")] {
        guard(base, short, name);
    }
    base.add_filter(" replace", library::replace);
    base.add_filter("replace", replace);
    base.add_filter("tojson", to_json);
    base.add_function("range", range);
}

/// Lets a filter that is hidden behind `hidden` be used by a name.
pub(super) fn guard(base: &mut Environment<'static>, name: &'static str, hidden: &'static str) {
    base.add_filter(name, move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
        guarded(state, hidden, &arguments.into_values())
    });
}

fn guarded(state: &mut State, name: &str, arguments: &[Dynamic]) -> Result<Dynamic, Error> {
    charge(state, arguments, FOR_EACH.contains(&name.trim_start()))?;
    let given = state.apply_filter(name, arguments)?;
    if size_of(&given, MAX_OUTPUT_BYTES) > MAX_OUTPUT_BYTES {
        return Err(too_long());
    }
    Ok(given)
}

fn charge(state: &mut State, arguments: &[Dynamic], for_each: bool) -> Result<(), Error> {
    let size = |value: &Dynamic| size_of(value, MAX_WORK_BYTES);
    let first = arguments.first().map_or(0, size);
    let rest: usize = arguments.iter().skip(1).map(size).sum();
    let cost = match for_each {
        true => {
            // A text is a list of its letters here.
            let letters = arguments.first().and_then(Dynamic::as_str).map_or(1, |_| ITEM_BYTES);
            first.saturating_mul(letters).saturating_mul(1 + rest / ITEM_BYTES)
        }
        false => first.saturating_add(rest),
    };
    let work = state.get_or_insert_extension(Work::default());
    work.0 = work.0.saturating_add(cost).saturating_add(ITEM_BYTES);
    match work.0 > MAX_WORK_BYTES {
        true => Err(Error::new(ErrorKind::InvalidOperation, "more than 1 MiB goes through filters")),
        false => Ok(()),
    }
}

/// Bytes of a value, roughly; no more than a little over `most` is looked at.
pub(super) fn size_of(value: &Dynamic, most: usize) -> usize {
    if let Some(text) = value.as_str() {
        return text.len();
    }
    let fields = value.kind() == ValueKind::Map;
    if !fields && !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return ITEM_BYTES;
    }
    let Ok(items) = value.try_iter() else { return ITEM_BYTES };
    let mut size = ITEM_BYTES;
    for item in items {
        if size > most {
            break;
        }
        size += ITEM_BYTES + size_of(&item, most - size);
        if fields {
            size += value.get_item(&item).map_or(0, |field| size_of(&field, most.saturating_sub(size)));
        }
    }
    size
}

fn too_long() -> Error {
    let most = MAX_OUTPUT_BYTES / 1024;
    Error::new(ErrorKind::InvalidOperation, format!("it gives more than {most} KiB"))
}

/// A short text in place of nothing makes a long one: so the result is measured before it is made.
fn replace(state: &mut State, arguments: Rest<Dynamic>) -> Result<Dynamic, Error> {
    if let [text, from, to] = &arguments[..] {
        charge(state, &[text.clone(), from.clone()], false)?;
        let text = text.to_string();
        let more = text.matches(&from.to_string()).count().saturating_mul(to.to_string().len());
        if more > MAX_OUTPUT_BYTES {
            return Err(too_long());
        }
    }
    guarded(state, " replace", &arguments)
}

/// Without the library's `indent`: it has no bound.
fn to_json(state: &mut State, value: Dynamic) -> Result<Dynamic, Error> {
    charge(state, std::slice::from_ref(&value), false)?;
    library::tojson(&value, None, minijinja::value::Kwargs::from_iter(std::iter::empty::<(&str, Dynamic)>()))
}

/// The library's, with fewer items.
fn range(start: i64, end: Option<i64>, step: Option<i64>) -> Result<Vec<i64>, Error> {
    const MOST: usize = 1_000;
    let refuse = |why: &str| Error::new(ErrorKind::InvalidOperation, why.to_owned());
    let (start, end) = end.map_or((0, start), |end| (start, end));
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(refuse("range can't go in steps of 0"));
    }
    let next = |at: &i64| at.checked_add(step);
    let inside = |at: &i64| if step > 0 { *at < end } else { *at > end };
    let numbers: Vec<i64> =
        std::iter::successors(Some(start), next).take_while(inside).take(MOST + 1).collect();
    if numbers.len() > MOST { Err(refuse("range gives more than 1000 numbers")) } else { Ok(numbers) }
}
