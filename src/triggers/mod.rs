//! Triggers: one file per kind, one line in the list.

use crate::workflow::catalogue::TriggerKind;

pub mod content_published;
pub mod order_created;
pub mod waitlist_joined;

/// Every kind of trigger.
pub const ALL: &[TriggerKind] = &[order_created::KIND, waitlist_joined::KIND, content_published::KIND];
