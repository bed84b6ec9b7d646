//! Conditions: one file per kind, one line in the list.

use crate::workflow::catalogue::ConditionKind;

pub mod condition;

/// Every kind of condition.
pub const ALL: &[ConditionKind] = &[condition::KIND];
