//! Actions: one file per kind, one line in the list. An action decides what is to be done; it does nothing.

use crate::workflow::catalogue::ActionKind;

pub mod award_points;
pub mod create_deposit;
pub mod http_request;
pub mod notify_slack;
mod requests;
pub mod send_email;
pub mod send_webhook;

/// Every kind of action.
pub const ALL: &[ActionKind] = &[
    award_points::KIND,
    create_deposit::KIND,
    send_email::KIND,
    http_request::KIND,
    send_webhook::KIND,
    notify_slack::KIND,
];
