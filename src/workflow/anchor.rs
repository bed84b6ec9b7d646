//! Anchors: facts about one field without which a test can't hold. Plans are found by them ([`super::index`]), so that an
//! event asks those alone that it may start. An anchor may be too lenient, never too strict: whoever is found by it is asked.

use chrono_tz::Tz;
use minijinja::machinery::ast::{BinOp, BinOpKind, Expr};
use serde_json::Value;

use super::reads;
use super::rules::operator::Operator;
use super::rules::value::{Operand, Typed};
use super::rules::{Check, Group, Rule};
use super::subjects::FieldType;

/// A fact about a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Anchor {
    /// The field's path: `order`, `total`; of a trigger, the column alone.
    pub path: Vec<String>,
    /// How its value is read.
    pub reading: Reading,
    /// What must be so of it.
    pub bound: Bound,
}

/// What must be so of a field's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// It is one of these.
    OneOf(Vec<Key>),
    /// It is so much or more.
    AtLeast(i64),
    /// It is so much or less.
    AtMost(i64),
}

/// A value that fields are looked up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// Text, or an id.
    Text(String),
    /// A whole number, or money in minor units.
    Whole(i64),
    /// True or false.
    Flag(bool),
}

/// How a field's value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reading {
    /// As rules do it. What is nothing of the type, or isn't there, compares with nothing.
    Typed(FieldType, Tz),
    /// As expressions and triggers do it: as it is.
    Plain,
}

/// What a field's value is, for anchors.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// Nothing that any anchor holds for.
    Nothing,
    /// This.
    Key(Key),
    /// No value: equal to no key, but perhaps less or more than a number.
    Null,
    /// Something that may be equal to anything: all anchors count as holding.
    Anything,
}

/// Several anchors of which one at least must hold.
pub type Anchors = Vec<Anchor>;

impl Reading {
    /// Reads a field's value.
    pub fn see(self, value: Option<&Value>) -> Seen {
        match self {
            Self::Typed(ty, zone) => value
                .filter(|value| !value.is_null())
                .and_then(|value| key(&Typed::read_in(value, ty, zone)?))
                .map_or(Seen::Nothing, Seen::Key),
            Self::Plain => match value {
                Some(Value::String(text)) => Seen::Key(Key::Text(text.clone())),
                Some(Value::Number(number)) => {
                    number.as_i64().map_or(Seen::Anything, |number| Seen::Key(Key::Whole(number)))
                }
                None | Some(Value::Null) => Seen::Null,
                _ => Seen::Anything,
            },
        }
    }
}

impl Anchor {
    /// A column that is one of these texts; of no texts, nothing.
    pub fn texts<S: Into<String>>(column: &str, texts: impl IntoIterator<Item = S>) -> Option<Self> {
        let keys: Vec<Key> = texts.into_iter().map(|text| Key::Text(text.into())).collect();
        let bound = (!keys.is_empty()).then_some(Bound::OneOf(keys))?;
        Some(Self { path: vec![column.to_owned()], reading: Reading::Plain, bound })
    }

    /// A column that is one of these values, read as rules do; nothing if they can't be looked up by, or are none.
    pub fn values(column: &str, ty: FieldType, values: &[Value]) -> Option<Self> {
        let read = |value: &Value| key(&Typed::read(value, ty).ok()?);
        let keys: Vec<Key> = values.iter().map(read).collect::<Option<_>>()?;
        let bound = (is_looked_up(ty) && !keys.is_empty()).then_some(Bound::OneOf(keys))?;
        Some(Self { path: vec![column.to_owned()], reading: Reading::Typed(ty, Tz::UTC), bound })
    }

    /// A column that is a whole number, so much or more.
    pub fn at_least(column: &str, least: i64) -> Self {
        Self { path: vec![column.to_owned()], reading: Reading::Plain, bound: Bound::AtLeast(least) }
    }
}

fn is_looked_up(ty: FieldType) -> bool {
    use FieldType::{Boolean, Id, Integer, Money, Text};
    matches!(ty, Boolean | Id | Integer | Money | Text)
}

/// What a group of rules is anchored in: of each entry one anchor must hold, or the group does not.
pub fn of_rules(group: &Group) -> Vec<Anchors> {
    if group.not {
        return Vec::new();
    }
    let each = group.checks.iter().map(|check| match check {
        Check::Group(inner) => of_rules(inner),
        Check::Rule(rule) => of_rule(rule).map(|anchor| vec![anchor]).into_iter().collect(),
    });
    if group.all { each.flatten().collect() } else { any_of(each.collect()) }
}

/// What an expression is anchored in.
pub(super) fn of_expression(root: &Expr<'_>) -> Vec<Anchors> {
    let Expr::BinOp(both) = root else { return Vec::new() };
    let each = || vec![of_expression(&both.left), of_expression(&both.right)];
    match both.op {
        BinOpKind::ScAnd => each().concat(),
        BinOpKind::ScOr => any_of(each()),
        _ => of_comparison(both).map(|anchor| vec![vec![anchor]]).unwrap_or_default(),
    }
}

/// Where one of several is enough, all of them must be anchored.
fn any_of(each: Vec<Vec<Anchors>>) -> Vec<Anchors> {
    let chosen: Option<Vec<Anchors>> =
        each.into_iter().map(|ways| ways.into_iter().min_by_key(cost)).collect();
    let anchors = chosen.unwrap_or_default().concat();
    if anchors.is_empty() { Vec::new() } else { vec![anchors] }
}

/// Fewer is better, and equal better than more or less.
fn cost(anchors: &Anchors) -> usize {
    let each = anchors.iter().map(|anchor| match &anchor.bound {
        Bound::OneOf(keys) => keys.len(),
        Bound::AtLeast(_) | Bound::AtMost(_) => 1_000,
    });
    each.sum()
}

fn of_rule(rule: &Rule) -> Option<Anchor> {
    if rule.matching.is_some() || !is_looked_up(rule.ty) {
        return None;
    }
    let whole = |typed: &Typed<'_>| match typed {
        Typed::Whole(number) => Some(*number),
        _ => None,
    };
    let bound = match (rule.operator, &rule.operand) {
        (Operator::Equal | Operator::ChangedTo, Operand::One(one)) => Bound::OneOf(vec![key(one)?]),
        (Operator::In, Operand::Many(many)) => Bound::OneOf(many.iter().map(key).collect::<Option<_>>()?),
        (Operator::AtLeast | Operator::Greater, Operand::One(one)) => Bound::AtLeast(whole(one)?),
        (Operator::AtMost | Operator::Less, Operand::One(one)) => Bound::AtMost(whole(one)?),
        (Operator::Between, Operand::Range(from, _)) => Bound::AtLeast(whole(from)?),
        _ => return None,
    };
    Some(Anchor { path: rule.field.clone(), reading: Reading::Typed(rule.ty, rule.zone), bound })
}

fn key(typed: &Typed<'_>) -> Option<Key> {
    match typed {
        Typed::Text(text) => Some(Key::Text(text.clone().into_owned())),
        Typed::Whole(number) => Some(Key::Whole(*number)),
        Typed::Flag(flag) => Some(Key::Flag(*flag)),
        Typed::Number(_) | Typed::Time(_) | Typed::Day(..) | Typed::Any(_) => None,
    }
}

/// A path that is compared with constants.
fn of_comparison(both: &BinOp<'_>) -> Option<Anchor> {
    use BinOpKind::{Eq, Gt, Gte, In, Lt, Lte};
    let (path, constant, op) = match (reads::path(&both.left), reads::path(&both.right)) {
        (Some(path), None) => (path, &both.right, both.op),
        (None, Some(path)) => {
            let turned = match both.op {
                Gt => Lt,
                Gte => Lte,
                Lt => Gt,
                Lte => Gte,
                Eq => Eq,
                _ => return None,
            };
            (path, &both.left, turned)
        }
        _ => return None,
    };
    let whole = || match key_of(constant)? {
        Key::Whole(number) => Some(number),
        Key::Text(_) | Key::Flag(_) => None,
    };
    let bound = match op {
        Eq => Bound::OneOf(vec![key_of(constant)?]),
        In => match constant {
            Expr::List(list) => Bound::OneOf(list.items.iter().map(key_of).collect::<Option<_>>()?),
            _ => return None,
        },
        Gt | Gte => Bound::AtLeast(whole()?),
        Lt | Lte => Bound::AtMost(whole()?),
        _ => return None,
    };
    Some(Anchor { path, reading: Reading::Plain, bound })
}

fn key_of(root: &Expr<'_>) -> Option<Key> {
    let Expr::Const(constant) = root else { return None };
    let value = &constant.value;
    match value.as_str() {
        Some(text) => Some(Key::Text(text.to_owned())),
        None if value.is_integer() => value.as_i64().map(Key::Whole),
        None => None,
    }
}
