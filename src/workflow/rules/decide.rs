//! Decides rules and says why, in words.
//!
//! Without a value every comparison is false, the negative ones too; `null`, `notNull` and `isEmpty` alone ask
//! for it. A value that is not of its field's type compares like no value.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::operator::Operator;
use super::value::{Operand, Typed, shorten};
use super::{Check, Group, Mode, Rule};
use crate::workflow::context::Context;
use crate::workflow::subjects::FieldType;

/// Whether it holds, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Whether it holds.
    pub holds: bool,
    /// In words.
    pub why: String,
}

/// Decides a group. An empty one holds.
pub fn group(group: &Group, context: &Context) -> Verdict {
    Decider { context, element: None }.group(group)
}

struct Decider<'a> {
    context: &'a Context,
    element: Option<&'a Value>,
}

impl<'a> Decider<'a> {
    /// Stops at the check that decides; its words alone are the reason then.
    fn group(&self, group: &Group) -> Verdict {
        let mut words = Vec::new();
        let mut decided = None;
        for check in &group.checks {
            let verdict = match check {
                Check::Group(inner) => self.group(inner),
                Check::Rule(rule) => self.rule(rule),
            };
            if verdict.holds != group.all {
                decided = Some(verdict);
                break;
            }
            words.push(verdict.why);
        }
        let verdict = decided.unwrap_or_else(|| match words.is_empty() {
            true => Verdict { holds: true, why: "there are no rules".into() },
            false => Verdict { holds: group.all, why: words.join(" and ") },
        });
        match group.not {
            true => Verdict { holds: !verdict.holds, why: format!("turned round by `not`: {}", verdict.why) },
            false => verdict,
        }
    }

    fn get(&self, path: &[String]) -> Option<Cow<'a, Value>> {
        let found = match self.element {
            None => self.context.get(path)?,
            Some(element) => {
                Cow::Borrowed(path.iter().try_fold(element, |value, key| value.get(key.as_str()))?)
            }
        };
        (!found.is_null()).then_some(found)
    }

    fn rule(&self, rule: &Rule) -> Verdict {
        let value = self.get(&rule.field);
        let name = rule.field.last().map_or("the item", String::as_str);
        if let Some(matching) = &rule.matching {
            return self.elements(rule, matching, value.as_deref(), name);
        }
        self.compare(rule, value.as_deref(), name)
    }

    fn elements(
        &self,
        rule: &Rule,
        matching: &super::Matching,
        value: Option<&Value>,
        name: &str,
    ) -> Verdict {
        let Some(items) = value.and_then(Value::as_array) else {
            return Verdict { holds: false, why: format!("{name} is not a list") };
        };
        let passes = |item: &Value| match &matching.each {
            Some(group) => Decider { context: self.context, element: Some(item) }.group(group).holds,
            None => self.compare(rule, Some(item).filter(|item| !item.is_null()), name).holds,
        };
        let (count, all) = (items.iter().filter(|item| passes(item)).count() as u64, items.len() as u64);
        let holds = match matching.mode {
            Mode::All => count == all,
            Mode::Some => count > 0,
            Mode::None => count == 0,
            Mode::AtLeast(number) => count >= number,
            Mode::AtMost(number) => count <= number,
            Mode::Exactly(number) => count == number,
        };
        Verdict { holds, why: format!("{count} of {all} in {name} match") }
    }

    fn compare(&self, rule: &Rule, value: Option<&Value>, name: &str) -> Verdict {
        use Operator::{Changed, ChangedFrom, ChangedTo, IsEmpty, NotNull, Null};
        let say = |holds: bool, why: String| Verdict { holds, why };
        match rule.operator {
            Null => say(value.is_none(), has_value(name, value)),
            NotNull => say(value.is_some(), has_value(name, value)),
            IsEmpty => {
                let empty = value.is_none_or(is_empty);
                say(empty, format!("{name} is {}", if empty { "empty" } else { "not empty" }))
            }
            Changed | ChangedFrom | ChangedTo => self.changed(rule, value, name),
            _ => match value {
                None => say(false, format!("{name} has no value")),
                Some(value) => self.compare_present(rule, value, name),
            },
        }
    }

    fn compare_present(&self, rule: &Rule, value: &Value, name: &str) -> Verdict {
        if rule.ty == FieldType::List || (rule.ty == FieldType::Json && value.is_array()) {
            return self.list_contains(rule, value, name);
        }
        let Ok(left) = Typed::read(value, rule.ty) else {
            return Verdict {
                holds: false,
                why: format!("{name} is {}, not {}", shorten(value), rule.ty.described()),
            };
        };
        let Some(operand) = self.operand(rule) else {
            return Verdict { holds: false, why: "the field it is compared with has no value".into() };
        };
        let holds = holds(&left, rule.operator, &operand, self.context);
        Verdict { holds, why: words(rule, &left, &operand, name, holds) }
    }

    /// The operand, with a field's value in place of the field.
    fn operand<'r>(&self, rule: &'r Rule) -> Option<Cow<'r, Operand>> {
        let Operand::Field { path, .. } = &rule.operand else { return Some(Cow::Borrowed(&rule.operand)) };
        let other = self.context.get(path).filter(|value| !value.is_null())?;
        let typed = Typed::read(&other, rule.ty).ok().or_else(|| Some(Typed::Any(other.into_owned())))?;
        Some(Cow::Owned(Operand::One(typed)))
    }

    fn list_contains(&self, rule: &Rule, value: &Value, name: &str) -> Verdict {
        let Some(items) = value.as_array() else {
            return Verdict { holds: false, why: format!("{name} is not a list") };
        };
        let Some(operand) = self.operand(rule) else {
            return Verdict { holds: false, why: "the field it is compared with has no value".into() };
        };
        let wanted: &[Typed] = match &*operand {
            Operand::One(one) => std::slice::from_ref(one),
            Operand::Many(many) => many,
            _ => &[],
        };
        let is_wanted = |item: &Value| {
            let item = Typed::Any(item.clone());
            wanted.iter().any(|wanted| item.compare(wanted) == Some(Ordering::Equal))
        };
        let found = items.iter().any(is_wanted);
        let negative =
            matches!(rule.operator, Operator::DoesNotContain | Operator::NotIn | Operator::NotEqual);
        let holds = match rule.operator {
            Operator::Equal | Operator::NotEqual => {
                let same = matches!(wanted, [Typed::Any(other)] if other == value);
                same != negative
            }
            Operator::Contains | Operator::DoesNotContain | Operator::In | Operator::NotIn => {
                found != negative
            }
            _ => false,
        };
        let what = wanted.iter().map(|w| w.shown(FieldType::Text)).collect::<Vec<_>>().join(", ");
        Verdict {
            holds,
            why: format!("{name} {} {what}", if found { "contains" } else { "does not contain" }),
        }
    }

    fn changed(&self, rule: &Rule, value: Option<&Value>, name: &str) -> Verdict {
        let Some(former) = self.context.former(name) else {
            return Verdict { holds: false, why: format!("{name} did not change") };
        };
        let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".into(), shorten);
        let why = format!("{name} changed from {} to {}", shown(Some(former)), shown(value));
        let same = |value: Option<&Value>| {
            let typed =
                value.filter(|value| !value.is_null()).and_then(|value| Typed::read(value, rule.ty).ok());
            typed.is_some_and(|typed| {
                self.operand(rule)
                    .is_some_and(|operand| holds(&typed, Operator::Equal, &operand, self.context))
            })
        };
        let holds = match rule.operator {
            Operator::ChangedFrom => same(Some(former)),
            Operator::ChangedTo => same(value),
            _ => true,
        };
        Verdict { holds, why }
    }
}

fn has_value(name: &str, value: Option<&Value>) -> String {
    format!("{name} has {}", if value.is_some() { "a value" } else { "no value" })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn text_of(value: &Typed) -> Option<Cow<'_, str>> {
    match value {
        Typed::Text(text) | Typed::Any(Value::String(text)) => Some(text.into()),
        Typed::Any(Value::Number(number)) => Some(number.to_string().into()),
        _ => None,
    }
}

fn holds(left: &Typed, operator: Operator, operand: &Operand, context: &Context) -> bool {
    use Operator::{
        AtLeast, AtMost, BeginsWith, Between, Contains, DoesNotBeginWith, DoesNotContain, DoesNotEndWith,
        EndsWith, Equal, Greater, In, Less, NotBetween, NotEqual, NotIn,
    };
    match operand {
        Operand::One(right) => {
            let order = left.compare(right);
            let texts = || text_of(left).zip(text_of(right));
            match operator {
                Equal => order == Some(Ordering::Equal),
                NotEqual => order != Some(Ordering::Equal),
                Less => order == Some(Ordering::Less),
                Greater => order == Some(Ordering::Greater),
                AtMost => order.is_some_and(Ordering::is_le),
                AtLeast => order.is_some_and(Ordering::is_ge),
                Contains => texts().is_some_and(|(a, b)| a.contains(&*b)),
                BeginsWith => texts().is_some_and(|(a, b)| a.starts_with(&*b)),
                EndsWith => texts().is_some_and(|(a, b)| a.ends_with(&*b)),
                DoesNotContain => texts().is_some_and(|(a, b)| !a.contains(&*b)),
                DoesNotBeginWith => texts().is_some_and(|(a, b)| !a.starts_with(&*b)),
                DoesNotEndWith => texts().is_some_and(|(a, b)| !a.ends_with(&*b)),
                _ => false,
            }
        }
        Operand::Many(items) => {
            let found = items.iter().any(|item| left.compare(item) == Some(Ordering::Equal));
            (operator == In && found) || (operator == NotIn && !found)
        }
        Operand::Range(low, high) => {
            let (low, high) = (left.compare(low), left.compare(high));
            let Some((low, high)) = low.zip(high) else { return false };
            let inside = low.is_ge() && high.is_le();
            (operator == Between && inside) || (operator == NotBetween && !inside)
        }
        Operand::Pattern(regex) => text_of(left).is_some_and(|text| regex.is_match(&text)),
        Operand::Span(span) => match left {
            Typed::Time(at) => (*at - context.now()).abs() <= *span,
            Typed::Any(Value::String(text)) => {
                super::value::instant(text).is_some_and(|at| (at - context.now()).abs() <= *span)
            }
            _ => false,
        },
        Operand::None | Operand::Field { .. } => false,
    }
}

/// "250.00 is at least 100.00", "status is `new`, not `paid`".
fn words(rule: &Rule, left: &Typed, operand: &Operand, name: &str, holds: bool) -> String {
    let show = |value: &Typed| value.shown(rule.ty);
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

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
