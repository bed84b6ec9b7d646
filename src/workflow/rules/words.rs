//! What a comparison saw, in words.

use super::Rule;
use super::operator::Operator;
use super::value::{Operand, Typed};

/// "250.00 is at least 100.00", "status is `new`, not `paid`".
pub(super) fn words(rule: &Rule, left: &Typed<'_>, operand: &Operand, name: &str, holds: bool) -> String {
    let show = |value: &Typed<'_>| value.shown(rule.ty);
    let seen = show(left);
    let (yes, no) = match rule.operator {
        Operator::Equal | Operator::NotEqual => {
            let Operand::One(right) = operand else { return format!("{name} is {seen}") };
            let equal = holds == (rule.operator == Operator::Equal);
            return match equal {
                true => format!("{name} is {seen}"),
                false => format!("{name} is {seen}, not {}", show(right)),
            };
        }
        Operator::Less => ("is less than", "is not less than"),
        Operator::Greater => ("is more than", "is not more than"),
        Operator::AtMost => ("is at most", "is more than"),
        Operator::AtLeast => ("is at least", "is less than"),
        Operator::Contains => ("contains", "does not contain"),
        Operator::BeginsWith => ("begins with", "does not begin with"),
        Operator::EndsWith => ("ends with", "does not end with"),
        Operator::DoesNotContain => ("does not contain", "contains"),
        Operator::DoesNotBeginWith => ("does not begin with", "begins with"),
        Operator::DoesNotEndWith => ("does not end with", "ends with"),
        Operator::In => ("is one of", "is none of"),
        Operator::NotIn => ("is none of", "is one of"),
        Operator::Between => ("is between", "is not between"),
        Operator::NotBetween => ("is not between", "is between"),
        Operator::Matches => ("matches", "does not match"),
        Operator::Within => ("is near now, within", "is not near now, within"),
        _ => ("is", "is not"),
    };
    let right = match operand {
        Operand::One(value) => show(value),
        Operand::Many(values) => values.iter().take(8).map(show).collect::<Vec<_>>().join(", "),
        Operand::Range(low, high) => format!("{} and {}", show(low), show(high)),
        Operand::Pattern(regex) => format!("`{}`", regex.as_str()),
        Operand::Span(span) => format!("{} s", span.num_seconds()),
        Operand::None | Operand::Field { .. } => String::new(),
    };
    format!("{seen} {} {right}", if holds { yes } else { no })
}
