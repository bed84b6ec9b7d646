//! What a rule compares its field with, read as its operator and its field's type say.

use std::cmp::Ordering;

use chrono_tz::Tz;
use serde_json::Value;

use super::operator::{Arity, Operator};
use super::time::span;
use super::value::{Operand, Typed, Unreadable, items, pattern, shorten, unreadable};
use crate::workflow::subjects::FieldType;

/// Values of `in`.
const MAX_ITEMS: usize = 1_000;

/// Reads the operand of a rule.
///
/// # Errors
/// [`Unreadable`] where it is not what the operator takes, or not of the field's type.
pub(super) fn read(
    value: &Value,
    operator: Operator,
    ty: FieldType,
    zone: Tz,
) -> Result<Operand, Unreadable> {
    let one = |value: &Value| {
        let typed = Typed::read_in(value, ty, zone).map(Typed::into_owned);
        typed.ok_or_else(|| unreadable(value, ty))
    };
    let list = || {
        let items = items(value).ok_or_else(|| {
            fault(format!("{} is not a list", shorten(value)), "write an array, or text with commas")
        })?;
        if items.len() > MAX_ITEMS {
            return Err(fault(format!("{} values are too many", items.len()), "write at most 1,000"));
        }
        items.iter().map(one).collect::<Result<Vec<_>, _>>()
    };
    match operator.arity() {
        Arity::None => Ok(Operand::None),
        Arity::One => one(value).map(Operand::One),
        Arity::Many => list().map(Operand::Many),
        Arity::Two => match <[Typed<'static>; 2]>::try_from(list()?) {
            Ok([low, high]) => Ok(match high.compare(&low) {
                Some(Ordering::Less) => Operand::Range(high, low),
                _ => Operand::Range(low, high),
            }),
            Err(other) => {
                Err(fault(format!("this needs two values, not {}", other.len()), "write [from, to]"))
            }
        },
        Arity::Pattern => {
            let text =
                value.as_str().ok_or_else(|| fault("a pattern must be a text".into(), "write `^A.*Z$`"))?;
            let regex = pattern(text).map_err(|error| Unreadable { message: error, help: None })?;
            Ok(Operand::Pattern(regex))
        }
        Arity::Span => span(value).map(Operand::Span).ok_or_else(|| {
            fault(format!("{} is not a span of time", shorten(value)), "write 30m, 12h, 7d or 2w")
        }),
    }
}

fn fault(message: String, help: &str) -> Unreadable {
    Unreadable { message, help: Some(help.to_owned()) }
}

/// Whether a field of one type can be compared with one of another.
pub(super) fn comparable(a: FieldType, b: FieldType) -> bool {
    use FieldType::{Id, Integer, Json, List, Money, Number, Text};
    let number = |ty| matches!(ty, Integer | Money | Number);
    let text = |ty| matches!(ty, Id | Text);
    a == b
        || a == Json
        || b == Json
        || (number(a) && number(b))
        || (text(a) && text(b))
        || (a == List && text(b))
}

/// The type of a list's elements.
pub(super) fn element_of(list: FieldType) -> FieldType {
    if list == FieldType::List { FieldType::Text } else { FieldType::Json }
}
