//! Controls: one file per kind, one line in the list.

use crate::workflow::catalogue::ControlKind;

pub mod stop;

/// Every kind of control.
pub const ALL: &[ControlKind] = &[stop::KIND];
