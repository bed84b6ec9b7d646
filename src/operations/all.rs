//! The list of all operations: one line each. From it come the routes and the API's description.

use super::{
    Operation, alerts, audit, backtests, campaigns, deliveries, events, executions, keys, secrets, session,
    test_runs, workflows,
};

/// Is shown every operation, as a type.
pub trait Visitor {
    /// One of them.
    fn meets<O: Operation>(&mut self);
}

/// Shows `visitor` every operation.
pub fn visit(visitor: &mut impl Visitor) {
    visitor.meets::<session::WhoAmI>();
    visitor.meets::<workflows::List>();
    visitor.meets::<workflows::Add>();
    visitor.meets::<workflows::Show>();
    visitor.meets::<workflows::ReadDraft>();
    visitor.meets::<workflows::WriteDraft>();
    visitor.meets::<workflows::Versions>();
    visitor.meets::<workflows::ShowVersion>();
    visitor.meets::<workflows::Validate>();
    visitor.meets::<workflows::Publish>();
    visitor.meets::<workflows::Pause>();
    visitor.meets::<workflows::Resume>();
    visitor.meets::<workflows::Archive>();
    visitor.meets::<workflows::Unarchive>();
    visitor.meets::<workflows::Restore>();
    visitor.meets::<workflows::Compare>();
    visitor.meets::<test_runs::Try>();
    visitor.meets::<backtests::List>();
    visitor.meets::<backtests::Start>();
    visitor.meets::<backtests::Show>();
    visitor.meets::<backtests::Cancel>();
    visitor.meets::<executions::List>();
    visitor.meets::<executions::Show>();
    visitor.meets::<executions::Approvals>();
    visitor.meets::<executions::Approve>();
    visitor.meets::<executions::Refuse>();
    visitor.meets::<executions::Cancel>();
    visitor.meets::<executions::Retry>();
    visitor.meets::<executions::Undo>();
    visitor.meets::<campaigns::List>();
    visitor.meets::<campaigns::Show>();
    visitor.meets::<campaigns::Pause>();
    visitor.meets::<campaigns::Resume>();
    visitor.meets::<campaigns::Cancel>();
    visitor.meets::<deliveries::List>();
    visitor.meets::<deliveries::Show>();
    visitor.meets::<deliveries::DeadLetters>();
    visitor.meets::<events::List>();
    visitor.meets::<events::Kinds>();
    visitor.meets::<events::Show>();
    visitor.meets::<events::Replay>();
    visitor.meets::<alerts::List>();
    visitor.meets::<keys::List>();
    visitor.meets::<keys::Create>();
    visitor.meets::<keys::Revoke>();
    visitor.meets::<secrets::List>();
    visitor.meets::<secrets::Put>();
    visitor.meets::<secrets::Remove>();
    visitor.meets::<audit::List>();
}
