//! Rules: conditions in the form of react-querybuilder, read against the fields' types and decided with a reason.

pub mod decide;
mod operand;
pub mod operator;
pub mod read;
pub mod test;
pub mod time;
pub mod value;
mod words;

#[cfg(test)]
mod agreement_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod table_tests;

use chrono_tz::Tz;
use operator::Operator;
pub use time::{instant, moment, span_of};
use value::Operand;

use super::subjects::FieldType;

/// A group of rules, or one.
#[derive(Debug, Clone)]
pub enum Check {
    /// Several, joined.
    Group(Group),
    /// One.
    Rule(Box<Rule>),
}

/// Rules joined by and or or.
#[derive(Debug, Clone)]
pub struct Group {
    /// All must hold; else one is enough.
    pub all: bool,
    /// The group is turned round.
    pub not: bool,
    /// In the order of the drawing, without those that are muted or ask nothing.
    pub checks: Vec<Check>,
}

impl Group {
    /// What it says whatever happened, if it is such a group.
    pub fn always(&self) -> Option<bool> {
        let each: Vec<Option<bool>> = self.checks.iter().map(Check::always).collect();
        // One that fails decides where all must hold; one that holds where one is enough.
        if each.is_empty() {
            return Some(true);
        }
        let decided = each.contains(&Some(!self.all)).then_some(!self.all);
        let same = each.iter().all(|one| *one == Some(self.all)).then_some(self.all);
        decided.or(same).map(|holds| holds != self.not)
    }
}

impl Check {
    fn always(&self) -> Option<bool> {
        match self {
            Self::Group(group) => group.always(),
            Self::Rule(rule) => {
                let of_nothing =
                    rule.matching.is_none() && matches!(&rule.operand, Operand::Many(m) if m.is_empty());
                (rule.operator == Operator::In && of_nothing).then_some(false)
            }
        }
    }
}

/// One comparison.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The field's path, split at its dots. Empty: the element of a list itself.
    pub field: Vec<String>,
    /// As it was written.
    pub name: String,
    /// How the field's values are read.
    pub ty: FieldType,
    /// What is asked.
    pub operator: Operator,
    /// What it is compared with.
    pub operand: Operand,
    /// Where days begin, and where times without an offset are meant.
    pub zone: Tz,
    /// For lists: how many elements must pass.
    pub matching: Option<Matching>,
}

/// How many elements of a list must pass.
#[derive(Debug, Clone)]
pub struct Matching {
    /// The mode, with its number.
    pub mode: Mode,
    /// What each element is asked; without it, the rule's own operator and value.
    pub each: Option<Group>,
}

/// The modes of `match`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// Every element; an empty list passes.
    All,
    /// At least one.
    Some,
    /// Not one.
    None,
    /// So many or more.
    AtLeast(Threshold),
    /// So many or less.
    AtMost(Threshold),
    /// So many.
    Exactly(Threshold),
}

/// How many elements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// A number of them.
    Count(u64),
    /// A share of all, between 0 and 1.
    Share(f64),
}
