//! Controls: one file per kind, one line in the list.

use crate::workflow::catalogue::ControlKind;

pub mod approval;
mod awaited;
pub mod cancel_on;
pub mod delay;
pub mod for_each;
pub mod join;
pub mod set;
pub mod start_workflow;
pub mod stop;
pub mod time_window;
pub mod wait_for_event;
pub mod wait_until;

/// Every kind of control.
pub const ALL: &[ControlKind] = &[
    delay::KIND,
    wait_until::KIND,
    time_window::KIND,
    wait_for_event::KIND,
    for_each::KIND,
    join::KIND,
    approval::KIND,
    start_workflow::KIND,
    stop::KIND,
    cancel_on::KIND,
    set::KIND,
];
