//! All SQL of the data plane and the lists, in functions named after what they do.

pub mod access;
pub mod alerts;
pub mod audit;
pub mod backtests;
pub mod bounces;
pub mod campaign_drafts;
pub mod campaigns;
pub mod cause;
pub mod changes;
pub mod constraints;
pub mod cursors;
pub mod daemons;
pub mod dead_letters;
pub mod deliveries;
pub mod demo;
pub mod effects;
pub mod embeddings;
pub mod erasure;
pub mod events;
pub mod executions;
pub mod figures;
pub mod flow;
pub mod history;
pub mod holds;
pub mod hooks;
pub mod in_force;
pub mod json;
pub mod lists;
pub mod mails;
pub mod maintenance;
pub mod outcomes;
pub mod outgoing;
pub mod queue;
pub mod recorded;
pub mod replays;
pub mod rights;
pub mod schedules;
pub mod secrets;
pub mod seed;
pub mod session;
pub mod shape;
pub mod signals;
pub mod staging;
mod starting;
pub mod telling;
pub mod templates;
pub mod testing;
pub mod tokens;
pub mod tracking;
pub mod undo;
pub mod unsubscribe;
pub mod versions;
pub mod waits;
pub mod workflow_files;
pub mod workflows;

use session::Sql;

/// What any batch may send: prepared when a worker connects. What few workflows have done is prepared when it is first needed.
pub static OF_A_BATCH: &[&Sql] = &[
    &queue::AGREE_WITH_PUBLISHING,
    &queue::LOCK_READY_LANES,
    &queue::CLAIM_DUE,
    &cause::TELL_CAUSES,
    &effects::LOCKS[0].1,
    &effects::LOCKS[1].1,
    &effects::LOCKS[2].1,
    &effects::LOCKS[3].1,
    &effects::AWARD_POINTS,
    &deliveries::HAND_OVER,
    &starting::START_WORKFLOWS,
    &executions::LOAD_CUSTOMERS,
    &flow::LOCK_FLOW,
    &flow::TAKEN_SLOTS,
    &flow::KEEP_FLOW,
    &flow::REPLACE_QUIET,
    &flow::TAKE_PLACES,
    &executions::TAKE_WAITING,
    &executions::FINISHED_DELIVERIES,
    &executions::RECORD,
    &executions::REPLACE_PUT_OFF,
    &executions::ROW_BY_NOW,
    &executions::PARK,
    &waits::REGISTER_AWAITS,
    &waits::WHO_AWAITS,
    &waits::STATES_OF,
    &waits::OFFER,
    &waits::LOOK_BACK,
    &waits::OFFERED,
    &waits::UNQUEUE,
    &holds::HOLD,
    &dead_letters::KEEP_DEAD,
    &dead_letters::TAKE_DEAD,
    &dead_letters::TELL_FAILURES,
    &alerts::RAISE,
    &alerts::RAISE_DEAD_LETTERS,
];

/// Every statement of the data plane.
pub fn statements() -> impl Iterator<Item = &'static Sql> {
    OF_A_BATCH.iter().chain(effects::STATEMENTS).chain(BESIDE_BATCHES).copied()
}

/// What is sent beside batches.
pub static BESIDE_BATCHES: &[&Sql] = &[
    &alerts::LOOK,
    &alerts::TAKE_UNTOLD,
    &alerts::MARK_TOLD,
    &campaigns::CONTENT,
    &cause::CHAINS,
    &changes::TELL,
    &constraints::CHECK_AT_ONCE,
    &daemons::HOLD_LOCK,
    &daemons::REGISTER,
    &daemons::BURY,
    &daemons::STRIKES,
    &daemons::TAKE_IN_HAND,
    &daemons::PUT_DOWN,
    &daemons::FORGET_DEATHS,
    &queue::QUARANTINE,
    &queue::IS_DUE,
    &queue::OLDEST_DUE,
    &deliveries::LEASE,
    &deliveries::FINISH,
    &deliveries::POSTPONE,
    &mails::COUNT_MAILS,
    &mails::SUPPRESS,
    &deliveries::LOOK,
    &deliveries::RESCUE,
    &deliveries::RENEW,
    &deliveries::HAND_BACK,
    &deliveries::CANCEL_PENDING,
    &embeddings::STORE,
    &events::FIND_EVENT,
    &events::LOAD_EVENTS,
    &flow::PRUNE_FLOW,
    &in_force::IN_FORCE_NOW,
    &recorded::RECORDED_EVENTS,
    &recorded::BALANCES_AT,
    &recorded::ORDER_TOTALS,
    &mails::STORED_MAILS,
    &rights::ACCOUNT_OF,
    &rights::ACT_AS,
    &rights::WRITE_OF,
    &schedules::LOOK,
    &secrets::USE_SECRETS,
    &schedules::START_TIMES,
    &testing::WRITTEN_EVENTS,
    &testing::NAMES_OF_WORKFLOWS,
    &testing::ROW_OF,
    &testing::LATEST_EVENTS,
    &testing::LATEST_ROW,
    &testing::CLOCK,
    &undo::ROOT_OF,
    &undo::MARK_UNDONE,
    &undo::UNDONE_BY,
    &undo::FORGET_DEAD,
    &undo::ATTEMPTS,
    &undo::RESTING_ATTEMPTS,
    &undo::EFFECTS_DONE,
    &undo::NOTE_UNDO,
    &undo::SAY_CAUSE,
    &undo::END_STATEMENTS,
    &undo::LOCK_UNDONE,
    &undo::UNDO_CHANGES,
    &undo::START_NOTHING,
    &workflows::VERSIONS_IN_FORCE,
    &workflows::ONE_VERSION,
    &workflows::UNCHECKED,
    &workflows::PLAN_EPOCH,
    &workflows::PUT_IN_FORCE,
    &workflows::MARK_CHECKED,
];
