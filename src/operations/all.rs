//! The list of all operations: one line each. From it come the routes and the API's description.

use super::{
    Operation, alerts, audit, backtests, campaigns, catalogue, customers, deliveries, events, examples,
    executions, health, keys, links, outcomes, schedules, secrets, session, settings, templates, test_runs,
    workflows,
};

/// Is shown every operation, as a type.
pub trait Visitor {
    /// One of them.
    fn meets<O: Operation>(&mut self);
}

/// Shows `visitor` every operation.
pub fn visit(visitor: &mut impl Visitor) {
    visitor.meets::<session::WhoAmI>();
    visitor.meets::<session::List>();
    visitor.meets::<session::End>();
    visitor.meets::<workflows::List>();
    visitor.meets::<outcomes::List>();
    visitor.meets::<examples::List>();
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
    visitor.meets::<workflows::Hold>();
    visitor.meets::<workflows::Release>();
    visitor.meets::<workflows::HoldAll>();
    visitor.meets::<workflows::ReleaseAll>();
    visitor.meets::<workflows::Holds>();
    visitor.meets::<workflows::Start>();
    visitor.meets::<workflows::Import>();
    visitor.meets::<workflows::Load>();
    visitor.meets::<workflows::Push>();
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
    visitor.meets::<campaigns::Add>();
    visitor.meets::<campaigns::Write>();
    visitor.meets::<campaigns::Sample>();
    visitor.meets::<campaigns::Send>();
    visitor.meets::<campaigns::Hits>();
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
    visitor.meets::<templates::List>();
    visitor.meets::<templates::Show>();
    visitor.meets::<templates::Add>();
    visitor.meets::<templates::Write>();
    visitor.meets::<templates::Remove>();
    visitor.meets::<templates::Preview>();
    visitor.meets::<customers::Erase>();
    visitor.meets::<schedules::List>();
    visitor.meets::<catalogue::List>();
    visitor.meets::<settings::Show>();
    visitor.meets::<health::Show>();
    visitor.meets::<alerts::List>();
    visitor.meets::<keys::List>();
    visitor.meets::<keys::Create>();
    visitor.meets::<keys::Revoke>();
    visitor.meets::<links::Make>();
    visitor.meets::<secrets::List>();
    visitor.meets::<secrets::Put>();
    visitor.meets::<secrets::Remove>();
    visitor.meets::<audit::List>();
}
