//! The dry run: the engine's own way through one event, in a transaction that is always rolled back.
//!
//! A [`Stage`] is a database to try workflows on; a [`TestRun`] says what is tried; a [`Report`] is what comes of it.

mod assumed;
pub mod cases;
pub mod expect;
mod happened;
mod lay_in;
mod report;
mod stage;

pub mod backtest;

pub mod undo;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::database::connect::ConnectError;
use crate::domain::event::Event;
use crate::domain::ids::WorkflowId;
use crate::engine::apply::Fault;
use crate::store::session::{ErrorClass, StoreError};
use crate::store::staging::StagingError;
use crate::workflow::event_file::Given;
use crate::workflow::plan::Plan;

pub use assumed::{Assumed, Role};
pub use report::{Delivery, Outcome, Report, Timer, WouldStart};
pub use stage::Stage;

/// A test run holds what it has locked no longer than this.
const LONGEST: Duration = Duration::from_millis(1_500);

/// Why a test run gave no answer. Nothing stays then either.
#[derive(Debug, thiserror::Error)]
pub enum TestRunError {
    /// What is assumed does not fit.
    #[error("what is assumed does not fit the workflow: {}", .0.join("; "))]
    Assumed(Vec<String>),
    /// The event's rows can't be laid into the database.
    #[error(transparent)]
    Staging(#[from] StagingError),
    /// There is nobody whose rights could count.
    #[error("{0}")]
    Nobody(&'static str),
    /// The database's user may not become that role.
    #[error("the database's user can't act as `{0}`; have it granted: grant {0} to that user")]
    NotAs(&'static str, String),
    /// What was recorded.
    #[error("the row of event {0} can't be read: {1}")]
    Unreadable(Uuid, String),
    /// It would have held its locks for too long.
    #[error("the test run was ended and rolled back after {:.1} s: no longer may it hold what it has locked", LONGEST.as_secs_f64())]
    TooLong,
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database.
    #[error("the test run could not be done: {}", .0.told())]
    Store(#[from] StoreError),
    /// The engine gave up.
    #[error("the test run could not be done")]
    Fault(#[from] Fault),
}

impl TestRunError {
    /// Somebody else had a row in hand, or the server no room: it may pass.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Staging(StagingError::Busy(_)) => true,
            Self::Store(fault) | Self::Fault(Fault::Store(fault)) => fault.class() == ErrorClass::Transient,
            _ => false,
        }
    }
}

/// A workflow, an event, and what is assumed.
#[derive(Debug, Clone)]
pub struct TestRun {
    /// What is tried.
    pub plan: Arc<Plan>,
    /// The workflow and its version, if it is stored; nil and 0 for a file.
    pub workflow: WorkflowId,
    /// See there.
    pub version: i32,
    /// What happens.
    pub event: Event,
    /// Rows that are to be there before it.
    pub given: Vec<Given>,
    /// What is taken for granted.
    pub assumed: Assumed,
}

impl TestRun {
    /// Of a plan that is stored nowhere, with nothing assumed.
    pub fn of(plan: Arc<Plan>, event: Event, given: Vec<Given>) -> Self {
        let assumed = Assumed::default();
        Self { plan, workflow: WorkflowId(Uuid::nil()), version: 0, event, given, assumed }
    }
}
