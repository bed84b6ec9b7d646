//! The catalogue: every kind of node there is, as lists that the caller hands in.
//!
//! A kind is one file with a `KIND` and one line in its folder's list. The compiler, the editor's forms and the
//! docs know kinds from here only.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::config::Reader;
use super::context::Context;
use super::expression::EvalError;
use super::subjects::{Field, Subject};
use crate::domain::effect::Effect;
use crate::domain::event::{Event, Operation};

/// What every kind tells about itself.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// As drawings spell it: `award_points`.
    pub name: &'static str,
    /// As people read it: "Award points".
    pub label: &'static str,
    /// One sentence on what it does.
    pub docs: &'static str,
    /// The JSON Schema of its settings.
    pub schema: fn() -> Value,
}

/// Rows whose changes a trigger looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Source {
    /// The row's subject; it knows the table.
    pub subject: &'static Subject,
    /// What must be done to the row.
    pub operations: &'static [Operation],
}

/// A kind of trigger.
#[derive(Debug, Clone, Copy)]
pub struct TriggerKind {
    /// Name, label, docs, schema.
    pub about: About,
    /// All rows that it can look at.
    pub sources: &'static [Source],
    /// Reads a node's settings.
    pub build: fn(&mut Reader<'_>) -> Option<Box<dyn Trigger>>,
}

/// A kind of condition.
#[derive(Debug, Clone, Copy)]
pub struct ConditionKind {
    /// Name, label, docs, schema.
    pub about: About,
    /// The branches that it has whatever its settings are; empty if the settings name them.
    pub branches: &'static [&'static str],
    /// Reads a node's settings.
    pub build: fn(&mut Reader<'_>) -> Option<Box<dyn Condition>>,
}

/// A kind of action.
#[derive(Debug, Clone, Copy)]
pub struct ActionKind {
    /// Name, label, docs, schema.
    pub about: About,
    /// Dotted paths that it reads itself, beside its templates: `order.total`. With alternatives: `a|b`.
    pub needs: &'static [&'static str],
    /// What later nodes see as `steps.NODE`.
    pub result: &'static [Field],
    /// Reads a node's settings.
    pub build: fn(&mut Reader<'_>) -> Option<Box<dyn Action>>,
}

/// A trigger with its settings.
pub trait Trigger: fmt::Debug + Send + Sync {
    /// The rows that it looks at.
    fn sources(&self) -> Vec<Source>;
    /// Whether it starts for this event; asked only for events of its sources.
    fn matches(&self, event: &Event) -> bool;
}

/// A condition with its settings.
pub trait Condition: fmt::Debug + Send + Sync {
    /// The branches that it can leave by.
    fn branches(&self) -> Vec<&str>;
    /// Which way to go, and why.
    ///
    /// # Errors
    /// [`PlanError`] if that can't be said; the node fails.
    fn decide(&self, context: &Context) -> Result<Decision, PlanError>;
}

/// An action with its settings.
pub trait Action: fmt::Debug + Send + Sync {
    /// What it wants done, as data.
    ///
    /// # Errors
    /// [`PlanError`] if that can't be said; the node fails.
    fn plan(&self, context: &Context) -> Result<Effect, PlanError>;

    /// What the schema can't say: faults of settings that contradict each other.
    fn check(&self, _reader: &mut Reader<'_>) {}
}

/// A way out of a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// One of the condition's branches.
    pub branch: &'static str,
    /// What it saw, in words.
    pub why: String,
}

/// Why a node gave up, for the admin.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(pub String);

impl PlanError {
    /// The failure of one setting.
    pub fn of(setting: &str, error: &EvalError) -> Self {
        Self(format!("{setting}: {error}"))
    }
}

/// Reads a trigger's settings by its type's schema alone.
pub fn trigger<T: Trigger + DeserializeOwned + 'static>(reader: &mut Reader<'_>) -> Option<Box<dyn Trigger>> {
    reader.read::<T>().map(|built| Box::new(built) as Box<dyn Trigger>)
}

/// Reads an action's settings by its type's schema and its own check.
pub fn action<A: Action + DeserializeOwned + 'static>(reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let built = reader.read::<A>()?;
    built.check(reader);
    Some(Box::new(built))
}

/// The JSON Schema of a settings type.
pub fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// What a node can be.
#[derive(Debug, Clone, Copy)]
pub enum Kind<'a> {
    /// It starts executions.
    Trigger(&'a TriggerKind),
    /// It chooses a branch.
    Condition(&'a ConditionKind),
    /// It does something.
    Action(&'a ActionKind),
}

impl Kind<'_> {
    /// What it tells about itself.
    pub fn about(&self) -> &About {
        match self {
            Self::Trigger(kind) => &kind.about,
            Self::Condition(kind) => &kind.about,
            Self::Action(kind) => &kind.about,
        }
    }

    /// The word for what it is, as `node.type` spells it.
    pub fn role(&self) -> &'static str {
        match self {
            Self::Trigger(_) => "trigger",
            Self::Condition(_) => "condition",
            Self::Action(_) => "action",
        }
    }
}

/// Every kind there is.
#[derive(Debug, Clone, Copy)]
pub struct Catalogue {
    /// What starts executions.
    pub triggers: &'static [TriggerKind],
    /// What chooses branches.
    pub conditions: &'static [ConditionKind],
    /// What does something.
    pub actions: &'static [ActionKind],
}

impl Catalogue {
    /// All kinds, in the order of the lists.
    pub fn kinds(&self) -> impl Iterator<Item = Kind<'static>> + use<> {
        let triggers = self.triggers.iter().map(Kind::Trigger);
        let conditions = self.conditions.iter().map(Kind::Condition);
        triggers.chain(conditions).chain(self.actions.iter().map(Kind::Action))
    }

    /// The kind of that name.
    pub fn find(&self, name: &str) -> Option<Kind<'static>> {
        self.kinds().find(|kind| kind.about().name == name)
    }

    /// The trigger kind of that name.
    pub fn trigger(&self, name: &str) -> Option<&'static TriggerKind> {
        self.triggers.iter().find(|kind| kind.about.name == name)
    }

    /// The names of all kinds.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.kinds().map(|kind| kind.about().name)
    }
}
