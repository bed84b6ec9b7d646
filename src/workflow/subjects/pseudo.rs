//! What no table of the shop tells, but thendo itself.

use super::FieldType::{Id, Integer, Json, Text, Time};
use super::{Field, Subject};

/// A time of a schedule has come. `due_at` is the time itself, `at` when it was told, `missed` how many before it
/// were passed over.
pub static SCHEDULE: Subject = Subject {
    name: "schedule",
    table: "thendo.schedule",
    open: false,
    fields: &[
        Field::new("at", Time),
        Field::new("due_at", Time),
        Field::new("missed", Integer),
        Field::new("workflow_id", Id),
    ],
};

/// A request came in. Headers have their names in small letters.
pub static WEBHOOK: Subject = Subject {
    name: "webhook",
    table: "thendo.webhook",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("method", Text),
        Field::required("path", Text),
        Field::new("query", Json),
        Field::new("headers", Json),
        Field::new("body", Json),
        Field::new("received_at", Time),
        Field::new("sender_id", Text),
        Field::new("verified", Json),
    ],
};

/// Somebody started the workflow by hand, or another workflow did: then `depth` is how many started each other so.
pub static MANUAL: Subject = Subject {
    name: "manual",
    table: "thendo.manual",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("by", Text),
        Field::new("input", Json),
        Field::new("depth", Integer),
        Field::new("workflow_id", Id),
    ],
};

/// An execution failed. `event` is what had started it.
pub static FAILURE: Subject = Subject {
    name: "failure",
    table: "thendo.failure",
    open: false,
    fields: &[
        Field::new("workflow", Id),
        Field::new("workflow_name", Text),
        Field::new("execution", Id),
        Field::new("node", Text),
        Field::new("reason", Text),
        Field::new("failed_at", Time),
        Field::new("event", Json),
    ],
};

/// All of them.
pub static PSEUDO: &[&Subject] = &[&SCHEDULE, &WEBHOOK, &MANUAL, &FAILURE];
