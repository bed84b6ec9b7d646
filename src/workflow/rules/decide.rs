//! Decides rules and says why, in words.
//!
//! Without a value every comparison is false, the negative ones too; `null`, `notNull` and `isEmpty` alone ask
//! for it. A value that is not of its field's type compares like no value. docs/conditions.md has it as a table.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::operator::Operator;
use super::time::moment;
use super::value::{Operand, Typed, shorten};
use super::words::words;
use super::{Check, Group, Matching, Mode, Rule, Threshold};
use crate::workflow::context::Context;
use crate::workflow::subjects::FieldType;

/// Letters of a text that a pattern is looked for in.
const MAX_MATCHED: usize = 4_000;

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
    Decider { context, element: None, worded: true }.group(group)
}

/// As [`group`], without the words.
pub fn holds(group: &Group, context: &Context) -> bool {
    Decider { context, element: None, worded: false }.group(group).holds
}

#[derive(Clone, Copy)]
struct Decider<'a> {
    context: &'a Context,
    element: Option<&'a Value>,
    /// Whether the reason is asked for too.
    worded: bool,
}

impl<'a> Decider<'a> {
    fn say(self, holds: bool, why: impl FnOnce() -> String) -> Verdict {
        Verdict { holds, why: if self.worded { why() } else { String::new() } }
    }

    /// The check that decides is the reason; where none does alone, all are.
    fn group(self, group: &Group) -> Verdict {
        if let ([only], false) = (&group.checks[..], group.not) {
            return self.check(only);
        }
        let quiet = Self { worded: false, ..self };
        let deciding = group.checks.iter().find(|check| quiet.check(check).holds != group.all);
        let holds = (group.checks.is_empty() || deciding.is_some() != group.all) != group.not;
        self.say(holds, || {
            let why = match deciding {
                Some(check) => self.check(check).why,
                None if group.checks.is_empty() => "there are no rules".into(),
                None => {
                    let all: Vec<String> = group.checks.iter().map(|check| self.check(check).why).collect();
                    all.join(" and ")
                }
            };
            if group.not { format!("turned round by `not`: {why}") } else { why }
        })
    }

    fn check(self, check: &Check) -> Verdict {
        match check {
            Check::Group(inner) => self.group(inner),
            Check::Rule(rule) => self.rule(rule),
        }
    }

    fn get(self, path: &[String]) -> Option<Cow<'a, Value>> {
        let found = match self.element {
            None => self.context.get(path)?,
            Some(element) => Cow::Borrowed(path.iter().try_fold(element, |value, key| match value {
                Value::Array(items) => items.get(key.parse::<usize>().ok()?),
                other => other.get(key.as_str()),
            })?),
        };
        (!found.is_null()).then_some(found)
    }

    fn rule(self, rule: &Rule) -> Verdict {
        let value = self.get(&rule.field);
        let name = rule.field.last().map_or("the item", String::as_str);
        match &rule.matching {
            Some(matching) => self.elements(rule, matching, value.as_deref(), name),
            None => self.compare(rule, value.as_deref(), name),
        }
    }

    fn elements(self, rule: &Rule, matching: &Matching, value: Option<&Value>, name: &str) -> Verdict {
        let Some(items) = value.and_then(Value::as_array) else {
            return self.say(false, || format!("{name} is not a list"));
        };
        let quiet = Self { worded: false, ..self };
        let passes = |item: &&Value| match &matching.each {
            Some(group) => Decider { element: Some(item), ..quiet }.group(group).holds,
            None => quiet.compare(rule, Some(*item).filter(|item| !item.is_null()), name).holds,
        };
        let (count, all) = (items.iter().filter(passes).count(), items.len());
        let holds = match matching.mode {
            Mode::All => count == all,
            Mode::Some => count > 0,
            Mode::None => count == 0,
            Mode::AtLeast(threshold) => against(count, all, threshold).is_ge(),
            Mode::AtMost(threshold) => against(count, all, threshold).is_le(),
            Mode::Exactly(threshold) => against(count, all, threshold).is_eq(),
        };
        self.say(holds, || format!("{count} of {all} in {name} match"))
    }

    fn compare(self, rule: &Rule, value: Option<&Value>, name: &str) -> Verdict {
        use Operator::{Changed, ChangedFrom, ChangedTo, IsEmpty, NotNull, Null};
        let has_value = || format!("{name} has {}", if value.is_some() { "a value" } else { "no value" });
        match rule.operator {
            Null => self.say(value.is_none(), has_value),
            NotNull => self.say(value.is_some(), has_value),
            IsEmpty => {
                let empty = value.is_none_or(is_empty);
                self.say(empty, || format!("{name} is {}", if empty { "empty" } else { "not empty" }))
            }
            Changed | ChangedFrom | ChangedTo => self.changed(rule, value, name),
            _ => match value {
                None => self.say(false, || format!("{name} has no value")),
                Some(value) => self.compare_present(rule, value, name),
            },
        }
    }

    fn compare_present(self, rule: &Rule, value: &Value, name: &str) -> Verdict {
        if rule.ty == FieldType::List || (rule.ty == FieldType::Json && value.is_array()) {
            return self.list(rule, value, name);
        }
        let Some(left) = Typed::read_in(value, rule.ty, rule.zone) else {
            return self.say(false, || format!("{name} is {}, not {}", shorten(value), rule.ty.described()));
        };
        let Some(operand) = self.operand(rule) else { return self.no_operand() };
        let holds = passes(&left, rule, &operand, self.context);
        self.say(holds, || words(rule, &left, &operand, name, holds))
    }

    fn no_operand(self) -> Verdict {
        self.say(false, || "the field it is compared with has no value".into())
    }

    /// The operand, with a field's value in place of the field.
    fn operand<'r>(self, rule: &'r Rule) -> Option<Cow<'r, Operand>> {
        let Operand::Field { path, ty } = &rule.operand else { return Some(Cow::Borrowed(&rule.operand)) };
        let other = self.get(path)?;
        let typed = Typed::read_in(&other, *ty, rule.zone).map(Typed::into_owned);
        Some(Cow::Owned(Operand::One(typed.unwrap_or_else(|| Typed::Any(Cow::Owned(other.into_owned()))))))
    }

    fn list(self, rule: &Rule, value: &Value, name: &str) -> Verdict {
        let Some(items) = value.as_array() else {
            return self.say(false, || format!("{name} is not a list"));
        };
        let Some(operand) = self.operand(rule) else { return self.no_operand() };
        let wanted: &[Typed<'_>] = match &*operand {
            Operand::One(one) => std::slice::from_ref(one),
            Operand::Many(many) => many,
            _ => &[],
        };
        let equals = |item: &Value| {
            let item = Typed::Any(Cow::Borrowed(item));
            wanted.iter().any(|wanted| item.compare(wanted) == Some(Ordering::Equal))
        };
        let holds = match rule.operator {
            Operator::Equal | Operator::In => equals(value),
            Operator::NotEqual | Operator::NotIn => !equals(value),
            Operator::Contains => items.iter().any(equals),
            Operator::DoesNotContain => !items.iter().any(equals),
            _ => false,
        };
        self.say(holds, || {
            let what: Vec<String> = wanted.iter().map(|wanted| wanted.shown(FieldType::Text)).collect();
            let verb = match rule.operator {
                Operator::Contains | Operator::DoesNotContain => ["does not contain", "contains"]
                    [usize::from(holds == (rule.operator == Operator::Contains))],
                Operator::Equal | Operator::NotEqual | Operator::In | Operator::NotIn => {
                    let equal = matches!(rule.operator, Operator::Equal | Operator::In);
                    ["is not", "is"][usize::from(holds == equal)]
                }
                _ => return format!("{name} is a list"),
            };
            format!("{name} {verb} {}", what.join(", "))
        })
    }

    fn changed(self, rule: &Rule, value: Option<&Value>, name: &str) -> Verdict {
        let Some(former) = self.context.former(name) else {
            return self.say(false, || format!("{name} did not change"));
        };
        let same = |value: Option<&Value>| {
            let typed = value
                .filter(|value| !value.is_null())
                .and_then(|value| Typed::read_in(value, rule.ty, rule.zone));
            let is_wanted = |operand: &Operand| match (&typed, operand) {
                (Some(typed), Operand::One(wanted)) => typed.compare(wanted) == Some(Ordering::Equal),
                _ => false,
            };
            self.operand(rule).is_some_and(|operand| is_wanted(&operand))
        };
        let holds = match rule.operator {
            Operator::ChangedFrom => same(Some(former)),
            Operator::ChangedTo => same(value),
            _ => true,
        };
        self.say(holds, || {
            let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".into(), shorten);
            format!("{name} changed from {} to {}", shown(Some(former)), shown(value))
        })
    }
}

/// A count against a number, or against a share of all.
fn against(count: usize, all: usize, threshold: Threshold) -> Ordering {
    match threshold {
        Threshold::Count(number) => (count as u64).cmp(&number),
        Threshold::Share(share) => (count as f64).total_cmp(&(all as f64 * share)),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn text_of<'t>(value: &'t Typed<'_>) -> Option<Cow<'t, str>> {
    match value {
        Typed::Text(text) => Some(Cow::Borrowed(text)),
        Typed::Any(value) => match &**value {
            Value::String(text) => Some(text.into()),
            Value::Number(number) => Some(number.to_string().into()),
            _ => None,
        },
        _ => None,
    }
}

fn passes(left: &Typed<'_>, rule: &Rule, operand: &Operand, context: &Context) -> bool {
    use Operator::{
        AtLeast, AtMost, BeginsWith, Between, Contains, DoesNotBeginWith, DoesNotContain, DoesNotEndWith,
        EndsWith, Equal, Greater, In, Less, NotBetween, NotEqual, NotIn,
    };
    let operator = rule.operator;
    match operand {
        Operand::One(right) => {
            let order = || left.compare(right);
            let texts = |test: fn(&str, &str) -> bool| {
                text_of(left).zip(text_of(right)).is_some_and(|(left, right)| test(&left, &right))
            };
            match operator {
                Equal => order() == Some(Ordering::Equal),
                NotEqual => order() != Some(Ordering::Equal),
                Less => order() == Some(Ordering::Less),
                Greater => order() == Some(Ordering::Greater),
                AtMost => order().is_some_and(Ordering::is_le),
                AtLeast => order().is_some_and(Ordering::is_ge),
                Contains => texts(|left, right| left.contains(right)),
                BeginsWith => texts(|left, right| left.starts_with(right)),
                EndsWith => texts(|left, right| left.ends_with(right)),
                DoesNotContain => texts(|left, right| !left.contains(right)),
                DoesNotBeginWith => texts(|left, right| !left.starts_with(right)),
                DoesNotEndWith => texts(|left, right| !left.ends_with(right)),
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
        Operand::Pattern(regex) => text_of(left).is_some_and(|text| {
            let most = text.char_indices().nth(MAX_MATCHED).map_or(text.len(), |(at, _)| at);
            regex.is_match(&text[..most])
        }),
        Operand::Span(span) => {
            let near = |at: &Typed<'_>| match at {
                Typed::Time(at) | Typed::Day(at, _) => (*at - context.now()).abs() <= *span,
                _ => false,
            };
            match left {
                Typed::Any(value) => {
                    let at = value.as_str().and_then(|text| moment(text, rule.zone));
                    at.is_some_and(|at| near(&at))
                }
                at => near(at),
            }
        }
        Operand::None | Operand::Field { .. } => false,
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
