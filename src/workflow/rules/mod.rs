//! Rules: conditions in the form of react-querybuilder, read against the fields' types and decided with a reason.

pub mod decide;
pub mod operator;
pub mod read;
pub mod test;
pub mod value;

use operator::Operator;
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
    /// In the order of the drawing.
    pub checks: Vec<Check>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Every element; an empty list passes.
    All,
    /// At least one.
    Some,
    /// Not one.
    None,
    /// The number or more.
    AtLeast(u64),
    /// The number or less.
    AtMost(u64),
    /// The number.
    Exactly(u64),
}
