//! Actions: one file per kind, one line in the list. An action decides what is to be done; it does nothing.

use crate::workflow::catalogue::ActionKind;

mod given;

pub mod add_comment;
pub mod add_tag;
pub mod award_points;
pub mod create_changelog_entry;
pub mod create_deposit;
pub mod create_referral_code;
pub mod embed_content;
pub mod enroll_customer;
pub mod http_request;
pub mod insert_row;
pub mod notify_slack;
pub mod publish_page;
pub mod redeem_points;
pub mod refresh_stats;
pub mod remove_tag;
mod requests;
pub mod reverse_points;
pub mod send_campaign;
pub mod send_email;
pub mod send_webhook;
pub mod set_tier;
pub mod unpublish_page;
pub mod update_deposit;
pub mod update_order_status;
pub mod update_row;

/// Every kind of action.
pub const ALL: &[ActionKind] = &[
    award_points::KIND,
    redeem_points::KIND,
    reverse_points::KIND,
    set_tier::KIND,
    create_deposit::KIND,
    update_deposit::KIND,
    update_order_status::KIND,
    enroll_customer::KIND,
    create_referral_code::KIND,
    add_tag::KIND,
    remove_tag::KIND,
    add_comment::KIND,
    publish_page::KIND,
    unpublish_page::KIND,
    create_changelog_entry::KIND,
    embed_content::KIND,
    refresh_stats::KIND,
    update_row::KIND,
    insert_row::KIND,
    send_email::KIND,
    send_campaign::KIND,
    http_request::KIND,
    send_webhook::KIND,
    notify_slack::KIND,
];
