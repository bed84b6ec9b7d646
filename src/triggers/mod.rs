//! Triggers: one file per kind, one line in the list.

use crate::workflow::catalogue::TriggerKind;

pub mod blog_post_published;
pub mod campaign_clicked;
pub mod campaign_opened;
pub mod cart_abandoned;
pub mod changelog_published;
mod changes;
pub mod content_published;
pub mod customer_created;
pub mod deposit_due;
pub mod deposit_paid;
pub mod enrollment_created;
pub mod manual;
pub mod order_cancelled;
pub mod order_created;
pub mod order_fulfilled;
pub mod order_paid;
pub mod order_refunded;
pub mod order_status_changed;
pub mod order_updated;
pub mod page_content_changed;
pub mod page_published;
pub mod page_updated;
pub mod payment_captured;
pub mod points_balance_reached;
pub mod product_restocked;
pub mod quote_accepted;
pub mod referral_used;
pub mod review_approved;
pub mod review_submitted;
pub mod row_changed;
pub mod schedule;
mod settings;
pub mod subscription_changed;
pub mod waitlist_joined;
pub mod webhook;
pub mod workflow_failed;

/// Every kind of trigger.
pub const ALL: &[TriggerKind] = &[
    order_created::KIND,
    order_updated::KIND,
    order_status_changed::KIND,
    order_paid::KIND,
    order_fulfilled::KIND,
    order_cancelled::KIND,
    order_refunded::KIND,
    payment_captured::KIND,
    cart_abandoned::KIND,
    waitlist_joined::KIND,
    product_restocked::KIND,
    page_published::KIND,
    page_updated::KIND,
    page_content_changed::KIND,
    blog_post_published::KIND,
    changelog_published::KIND,
    content_published::KIND,
    review_submitted::KIND,
    review_approved::KIND,
    customer_created::KIND,
    enrollment_created::KIND,
    quote_accepted::KIND,
    subscription_changed::KIND,
    deposit_due::KIND,
    deposit_paid::KIND,
    points_balance_reached::KIND,
    referral_used::KIND,
    campaign_opened::KIND,
    campaign_clicked::KIND,
    row_changed::KIND,
    schedule::KIND,
    webhook::KIND,
    manual::KIND,
    workflow_failed::KIND,
];
