//! An execution: one run of one version for one event, its steps and its states.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::ids::NodeId;

/// Whether it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// For real.
    Live,
    /// A dry run by a developer: nothing stays.
    Test,
    /// A draft against recorded events: nothing stays.
    Backtest,
}

impl Mode {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
            Self::Backtest => "backtest",
        }
    }
}

/// Where an execution stands; `workflow_executions.status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// In a batch right now; never stored.
    Running,
    /// Rests until a delivery, a time or an event; lives in `workflow_waiting`.
    Waiting,
    /// Every node that was to run is done.
    Succeeded,
    /// A node gave up.
    Failed,
    /// Stopped by an admin.
    Cancelled,
}

/// What happens to an execution as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// It rests.
    Parked,
    /// What it waited for came.
    Resumed,
    /// Nothing is left to do.
    Ended,
    /// A node failed for good.
    GaveUp,
    /// An admin stopped it.
    Stopped,
}

/// A move that a state does not allow: a fault in the engine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an execution that is {state:?} can't be {step:?}")]
pub struct IllegalMove {
    /// Where it stood.
    pub state: Status,
    /// What was tried.
    pub step: Move,
}

impl Status {
    /// The one transition table.
    ///
    /// # Errors
    /// [`IllegalMove`] for every pair that is not in it.
    pub fn after(self, step: Move) -> Result<Self, IllegalMove> {
        use Move::{Ended, GaveUp, Parked, Resumed, Stopped};
        match (self, step) {
            (Self::Running, Parked) => Ok(Self::Waiting),
            (Self::Waiting, Resumed) => Ok(Self::Running),
            (Self::Running, Ended) => Ok(Self::Succeeded),
            (Self::Running | Self::Waiting, GaveUp) => Ok(Self::Failed),
            (Self::Running | Self::Waiting, Stopped) => Ok(Self::Cancelled),
            (state, step) => Err(IllegalMove { state, step }),
        }
    }

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How a node's turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepOutcome {
    /// It ran.
    Done,
    /// No way led to it, or it is disabled.
    Skipped,
    /// It gave up.
    Failed,
    /// Its delivery is on the way.
    Waiting,
}

/// One node's turn, as stored in `workflow_executions.steps` and shown to admins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Which node.
    #[schema(value_type = String)]
    pub node: NodeId,
    /// For which item of each loop around it, counted from 0, from the outermost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub item: Vec<u32>,
    /// How it ended.
    pub outcome: StepOutcome,
    /// The handle an execution left a condition by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What it saw and why it decided so, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What later nodes see as `steps.NODE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Which attempt it was, if not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u16>,
    /// Rows it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// When it ended, on the database's clock at the batch's start.
    pub at: DateTime<Utc>,
}

/// A row that an effect changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Table without schema.
    pub table: String,
    /// The row's key as text.
    pub key: String,
    /// The written columns before; absent for a new row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The written columns after; absent for a deleted row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawing_in_the_docs_has_every_move_and_no_other() {
        let words = [
            (Move::Parked, "parked"),
            (Move::Resumed, "resumed"),
            (Move::Ended, "ended"),
            (Move::GaveUp, "gave up"),
            (Move::Stopped, "stopped"),
        ];
        let mut moves = std::collections::BTreeSet::new();
        for state in [Status::Running, Status::Waiting, Status::Succeeded, Status::Failed, Status::Cancelled]
        {
            for (step, word) in words {
                moves.extend(state.after(step).map(|to| format!("{state:?} --> {to:?}: {word}")));
            }
        }
        let drawn = include_str!("../../docs/executions.md").lines().map(str::trim);
        let drawn = drawn.filter(|line| line.contains(" --> ") && !line.starts_with('['));
        assert_eq!(drawn.map(str::to_owned).collect::<std::collections::BTreeSet<_>>(), moves);
    }

    #[test]
    fn an_ended_execution_never_moves_again() {
        for state in [Status::Succeeded, Status::Failed, Status::Cancelled] {
            for step in [Move::Parked, Move::Resumed, Move::Ended, Move::GaveUp, Move::Stopped] {
                assert_eq!(state.after(step), Err(IllegalMove { state, step }));
            }
        }
    }
}
