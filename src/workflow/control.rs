//! Controls: what steers an execution. They decide what is to happen next and leave the doing to the engine.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::catalogue::{PlanError, Trigger};
use super::context::Context;
use super::rules::test::Test;
use crate::domain::effect::Effect;

/// A control with its settings.
pub trait Control: fmt::Debug + Send + Sync {
    /// The branches that it can leave by; none if every edge without a handle is its way on.
    fn branches(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Its turn has come.
    ///
    /// # Errors
    /// [`PlanError`] if it can't be said what is to be done; the node fails.
    fn enter(&self, context: &Context) -> Result<Next, PlanError>;

    /// What it rested for came.
    ///
    /// # Errors
    /// As [`Control::enter`].
    fn wake(&self, _context: &Context, _wake: &Wake) -> Result<Next, PlanError> {
        Ok(Next::pass("it is time"))
    }

    /// The events that it can rest for.
    fn awaits(&self) -> Option<&Awaited> {
        None
    }

    /// The workflow that it starts, by its name.
    fn starts(&self) -> Option<&str> {
        None
    }

    /// The variables that it sets.
    fn sets(&self) -> Vec<String> {
        Vec::new()
    }

    /// As which of the controls that shape the graph the compiler treats it.
    fn shape(&self) -> Shape {
        Shape::Plain
    }
}

/// What a control means for the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// Nothing special.
    #[default]
    Plain,
    /// Its branch `each` is a body that runs for every item.
    Loop,
    /// It runs as soon as one way into it arrives.
    First,
    /// It runs when all ways into it are settled, as every node does; it says so.
    All,
    /// Nothing follows it.
    End,
}

/// What a control wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Go on.
    Pass {
        /// By which branch, if it has branches.
        branch: Option<String>,
        /// What later nodes see as `steps.NODE`.
        result: Value,
        /// In words.
        why: String,
    },
    /// Rest: until an instant, an event, an admin's word, or the first of them.
    Rest {
        /// Until when at the latest.
        until: Option<DateTime<Utc>>,
        /// What is waited for beside the time.
        wants: Wants,
        /// In words.
        why: String,
    },
    /// Go on, and end the execution when such an event happens before it has ended.
    CancelOn {
        /// Whose events.
        key: Key,
        /// In words.
        why: String,
    },
    /// Run the body for each item.
    Each {
        /// The items, in their order.
        items: Vec<Value>,
        /// How many run side by side.
        at_once: usize,
        /// One that fails ends the loop.
        stop_on_failure: bool,
    },
    /// Go on, with these variables set.
    Set {
        /// Names and values.
        vars: Map<String, Value>,
        /// In words.
        why: String,
    },
    /// End the execution.
    Stop {
        /// As failed; else as succeeded.
        failed: bool,
        /// In words.
        why: String,
    },
    /// Have something done, as an action does.
    Do(Effect),
}

impl Next {
    /// Goes on by the only way there is.
    pub fn pass(why: impl Into<String>) -> Self {
        Self::Pass { branch: None, result: Value::Object(Map::new()), why: why.into() }
    }

    /// Goes on by a branch.
    pub fn branch(branch: &str, result: Value, why: impl Into<String>) -> Self {
        Self::Pass { branch: Some(branch.to_owned()), result, why: why.into() }
    }
}

/// What a resting control waits for beside the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wants {
    /// Nothing.
    Time,
    /// An event of those that [`Control::awaits`] tells, with this key.
    Event(Key),
    /// An admin's word.
    Approval,
}

/// Whose events: they are registered and looked up by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// Of one row, by its id as text.
    Row(String),
    /// Of one customer.
    Customer(Uuid),
    /// Of anyone.
    Any,
}

impl fmt::Display for Key {
    /// As it is registered: `*`, `row:ID`, `customer:ID`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // An index takes no long keys; whoever is found looks at the whole id.
            Self::Row(id) => write!(f, "row:{id:.200}"),
            Self::Customer(id) => write!(f, "customer:{id}"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// Events that a control rests for, or that end an execution.
#[derive(Debug)]
pub struct Awaited {
    /// What they are, and which of them.
    pub trigger: Box<dyn Trigger>,
    /// The kind's name.
    pub kind: &'static str,
    /// What else must hold; the awaited row is `awaited` there.
    pub filter: Option<Test>,
}

/// What came for a resting control.
#[derive(Debug, Clone, PartialEq)]
pub enum Wake {
    /// Its time.
    Time,
    /// The event: its row.
    Event(Map<String, Value>),
    /// An admin's word.
    Approval {
        /// Whether it was granted.
        granted: bool,
        /// By whom.
        by: String,
        /// What was said beside it.
        comment: String,
    },
}
