//! The catalogue: every kind of node there is, as lists that the caller hands in.
//!
//! A kind is one file with a `KIND` and one line in its folder's list. The compiler, the editor's forms and the
//! docs know kinds from here only.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::anchor::Anchor;
use super::config::Reader;
use super::context::Context;
use super::control::Control;
use super::expression::EvalError;
use super::subjects::{Field, Subject};
use crate::domain::effect::{Effect, EffectKind};
use crate::domain::event::{Event, Operation};

/// What every kind tells about itself.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// As drawings spell it: `award_points`.
    pub name: &'static str,
    /// As people read it: "Award points".
    pub label: &'static str,
    /// What it does, in a sentence or a few.
    pub docs: &'static str,
    /// The name of its icon (Tabler's): `gift`.
    pub icon: &'static str,
    /// Settings that work, as JSON.
    pub example: &'static str,
    /// The JSON Schema of its settings.
    pub schema: fn() -> Value,
}

/// Rows whose changes a trigger looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// What the row is called and which fields it has.
    pub subject: &'static Subject,
    /// The table, without its schema.
    pub table: Cow<'static, str>,
    /// What must be done to the row.
    pub operations: &'static [Operation],
}

impl Source {
    /// The rows of a subject's own table.
    pub const fn of(subject: &'static Subject, operations: &'static [Operation]) -> Self {
        Self { subject, table: Cow::Borrowed(subject.table), operations }
    }

    /// Whether the event is about such a row.
    pub fn covers(&self, event: &Event) -> bool {
        self.table == event.table && self.operations.contains(&event.operation)
    }
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

/// A kind of control.
#[derive(Debug, Clone, Copy)]
pub struct ControlKind {
    /// Name, label, docs, schema.
    pub about: About,
    /// The branches that it has whatever its settings are.
    pub branches: &'static [&'static str],
    /// What later nodes see as `steps.NODE`.
    pub result: &'static [Field],
    /// Reads a node's settings.
    pub build: fn(&mut Reader<'_>) -> Option<Box<dyn Control>>,
}

/// How often an effect may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RetryClass {
    /// Rows of this database: done once with the execution's record, or not at all. Only passing faults are retried.
    Database,
    /// It leaves the database, and doing it twice is harmless: it carries a key by which the other side knows.
    Harmless,
    /// It leaves the database, and nobody can tell whether it arrived: never repeated once it may have.
    Once,
}

/// Rows that an action writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The table, without its schema.
    pub table: Cow<'static, str>,
    /// What it does to the row.
    pub operation: Operation,
}

impl Write {
    /// To rows of that table.
    pub const fn to(table: &'static str, operation: Operation) -> Self {
        Self { table: Cow::Borrowed(table), operation }
    }
}

/// What an action reads of the event itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// A dotted path: `order.total`. With alternatives: `a|b`.
    pub path: &'static str,
    /// The setting that says it in its place.
    pub unless: Option<&'static str>,
}

impl Need {
    /// In any case.
    pub const fn of(path: &'static str) -> Self {
        Self { path, unless: None }
    }

    /// Unless this setting says it.
    pub const fn unless(setting: &'static str, path: &'static str) -> Self {
        Self { path, unless: Some(setting) }
    }
}

/// A kind of action.
#[derive(Debug, Clone, Copy)]
pub struct ActionKind {
    /// Name, label, docs, schema.
    pub about: About,
    /// How often its effect may be tried.
    pub retry: RetryClass,
    /// What carries its effect out.
    pub effect: EffectKind,
    /// The rows that its effect writes: what they start may lead back to the workflow.
    pub writes: &'static [Write],
    /// What it reads itself of the event, beside its templates.
    pub needs: &'static [Need],
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

    /// Whether its events are addressed: they carry the `workflow_id` that they are for, and start no other.
    fn is_addressed(&self) -> bool {
        false
    }

    /// Facts about columns of the event's row, without each of which it does not match: it is found by them.
    fn anchors(&self) -> Vec<Anchor> {
        Vec::new()
    }

    /// Columns of the event's row that it reads itself, beside those of its anchors.
    fn columns(&self) -> Vec<&str> {
        Vec::new()
    }

    /// When an execution starts that does not start at once. A later event of the same row takes the place of this
    /// one; at that instant [`Trigger::still`] is asked.
    fn starts_at(&self, _event: &Event) -> Option<DateTime<Utc>> {
        None
    }

    /// Whether a row that an execution was put off for still counts, as it is by then.
    fn still(&self, _row: &Map<String, Value>) -> bool {
        true
    }
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

    /// The branch that it leaves by whatever happened, if its settings are such.
    fn always(&self) -> Option<&str> {
        None
    }
}

/// An action with its settings.
pub trait Action: fmt::Debug + Send + Sync {
    /// What it wants done, as data.
    ///
    /// # Errors
    /// [`PlanError`] if that can't be said; the node fails.
    fn plan(&self, context: &Context) -> Result<Effect, PlanError>;

    /// The rows that its effect writes beside those of its kind: where its settings say which.
    fn writes(&self) -> Vec<Write> {
        Vec::new()
    }

    /// The columns that it gives values to in what [`Action::writes`] says.
    fn sets(&self) -> Vec<&str> {
        Vec::new()
    }

    /// What the schema can't say: faults of settings that contradict each other.
    fn check(&self, _reader: &mut Reader<'_>) {}

    /// The stored mail that it sends, by name: whether there is one is the database's to say.
    fn template(&self) -> Option<&str> {
        None
    }
}

/// A way out of a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// One of the condition's branches.
    pub branch: String,
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

/// Reads a control's settings by its type's schema alone.
pub fn control<C: Control + DeserializeOwned + 'static>(reader: &mut Reader<'_>) -> Option<Box<dyn Control>> {
    reader.read::<C>().map(|built| Box::new(built) as Box<dyn Control>)
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
    /// It steers.
    Control(&'a ControlKind),
    /// It does something.
    Action(&'a ActionKind),
}

impl Kind<'_> {
    /// What it tells about itself.
    pub fn about(&self) -> &About {
        match self {
            Self::Trigger(kind) => &kind.about,
            Self::Condition(kind) => &kind.about,
            Self::Control(kind) => &kind.about,
            Self::Action(kind) => &kind.about,
        }
    }

    /// What later nodes see as `steps.NODE`.
    pub fn result(&self) -> &'static [Field] {
        match self {
            Self::Trigger(_) | Self::Condition(_) => &[],
            Self::Control(kind) => kind.result,
            Self::Action(kind) => kind.result,
        }
    }

    /// The rows that it writes.
    pub fn writes(&self) -> &'static [Write] {
        match self {
            Self::Action(kind) => kind.writes,
            _ => &[],
        }
    }

    /// How an action may be tried again.
    pub fn retry(&self) -> Option<RetryClass> {
        match self {
            Self::Action(kind) => Some(kind.retry),
            _ => None,
        }
    }

    /// The word for what it is, as `node.type` spells it.
    pub fn role(&self) -> &'static str {
        match self {
            Self::Trigger(_) => "trigger",
            Self::Condition(_) => "condition",
            Self::Control(_) => "control",
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
    /// What steers: waits, loops, joins.
    pub controls: &'static [ControlKind],
    /// What does something.
    pub actions: &'static [ActionKind],
}

impl Catalogue {
    /// No kinds.
    pub const EMPTY: Self = Self { triggers: &[], conditions: &[], controls: &[], actions: &[] };

    /// All kinds, in the order of the lists.
    pub fn kinds(&self) -> impl Iterator<Item = Kind<'static>> + use<> {
        let triggers = self.triggers.iter().map(Kind::Trigger);
        let conditions = self.conditions.iter().map(Kind::Condition);
        let controls = self.controls.iter().map(Kind::Control);
        triggers.chain(conditions).chain(controls).chain(self.actions.iter().map(Kind::Action))
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
