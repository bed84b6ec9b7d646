//! What customers have beside their orders: points, codes, tags, consents, subscriptions, places on waitlists.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::dice::Of;
use super::people::person;
use super::slice::Slice;
use super::targets;
use crate::store::seed::{Load, cells};

/// Customers, with the tier that their points give.
pub fn customers(slice: &Slice<'_>, balances: &[i64], tiers: &[(Uuid, i64)]) -> Load {
    let mut customers = Load::to(targets::CUSTOMERS);
    for ((n, customer), balance) in (0..).zip(&slice.customers).zip(balances) {
        let mut dice = slice.dice(Of::Consent, n << 8);
        let phone = dice.chance(40.0).then(|| format!("+99900{:07}", dice.between(0, 9_999_999)));
        let preferences = json!({"newsletter": dice.chance(40.0), "theme": dice.one(&["light", "dark"])});
        let tier = tiers.iter().rev().find(|(_, least)| *balance > 0 && least <= balance).map(|(id, _)| *id);
        customers.add(cells![
            customer.id,
            customer.person.email.clone(),
            customer.person.name.clone(),
            phone,
            customer.person.locale,
            preferences,
            customer.referred_by,
            tier,
            customer.since,
            customer.since
        ]);
    }
    customers
}

/// One point a unit of money for what is paid, taken back with the money, spent now and then. The table's trigger
/// sums the lines up as balances; the sums are given here too, for the tiers.
pub fn ledger(slice: &Slice<'_>) -> (Load, Vec<i64>) {
    let mut moves: Vec<(DateTime<Utc>, u64, usize, Uuid, i64)> = Vec::new();
    for order in &slice.orders {
        let points = order.total / 100;
        let (Some(paid), true) = (order.paid, matches!(order.status, "completed" | "refunded")) else {
            continue;
        };
        moves.push((paid, order.number * 2, order.customer, order.id, points));
        if order.status == "refunded" {
            let back =
                slice.dice(Of::Line, order.number).later(order.changed(), 60, 20_000, slice.plan.end());
            moves.push((back, order.number * 2 + 1, order.customer, order.id, -points));
        }
    }
    moves.sort_unstable();
    let mut balances = vec![0_i64; slice.customers.len()];
    let mut ledger = Load::to(targets::LEDGER);
    let mut n = 0;
    let mut enter =
        |customer: usize, order: Option<Uuid>, points: i64, reason: &'static str, at: DateTime<Utc>| {
            ledger.add(cells![
                slice.id(Of::Line, n),
                slice.customers[customer].id,
                order,
                points,
                reason,
                at,
                at
            ]);
            n += 1;
        };
    for (at, number, customer, order, points) in moves {
        let balance = &mut balances[customer];
        // What was spent already can't be taken back.
        let points = points.max(-*balance);
        if points == 0 {
            continue;
        }
        *balance += points;
        enter(customer, Some(order), points, if points > 0 { "order" } else { "refund" }, at);
        if points > 0 && *balance >= 200 && slice.dice(Of::Code, number + 1).chance(12.0) {
            let spent = *balance / 100 * 100;
            *balance -= spent;
            let at = (at + TimeDelta::minutes(5)).min(slice.plan.end());
            enter(customer, None, -spent, "redeemed", at);
        }
    }
    (ledger, balances)
}

/// Codes, tags, Stripe, subscriptions, the blog's subscribers, consents.
pub fn loads(slice: &Slice<'_>) -> Vec<Load> {
    let mut spent = vec![0; slice.customers.len()];
    for order in &slice.orders {
        spent[order.customer] += order.total - order.refunded;
    }
    let [mut codes, mut tags] = [targets::CODES, targets::TAGS].map(Load::to);
    for ((n, customer), spent) in (0..).zip(&slice.customers).zip(spent) {
        let at = customer.since;
        if let Some(uses) = customer.code_uses {
            let given =
                customer.person.name.chars().filter(char::is_ascii_alphabetic).take(5).collect::<String>();
            let code = format!("{}-{:x}{:x}{}", given.to_uppercase(), slice.number, n, slice.plan.suffix());
            codes.add(cells![slice.id(Of::Code, n), customer.id, format!("REF-{code}"), uses, at, at]);
        }
        let mut dice = slice.dice(Of::Customer, n | 1 << 23);
        for (tag, fits) in [
            ("VIP", spent > 150_000),
            ("wholesale", dice.chance(2.0)),
            ("press", dice.chance(1.0)),
            ("early bird", at < slice.plan.begin() + TimeDelta::days(180)),
        ] {
            if fits {
                tags.add(cells![customer.id, tag, at, at]);
            }
        }
    }
    let mut loads = vec![codes, tags];
    loads.extend(billing(slice));
    loads.extend(agreements(slice));
    loads
}

fn billing(slice: &Slice<'_>) -> Vec<Load> {
    let [mut known, mut subscriptions] = [targets::STRIPE_CUSTOMERS, targets::SUBSCRIPTIONS].map(Load::to);
    let end = slice.plan.end();
    for (n, customer) in (0..).zip(&slice.customers) {
        let mut dice = slice.dice(Of::Subscription, n);
        let subscribes = dice.chance(4.0);
        if !subscribes && !dice.chance(55.0) {
            continue;
        }
        let id = slice.id(Of::StripeCustomer, n);
        known.add(cells![
            id,
            customer.id,
            format!("cus_{}", id.simple()),
            false,
            customer.since,
            customer.since
        ]);
        if !subscribes {
            continue;
        }
        let id = slice.id(Of::Subscription, n);
        let (plan, amount): (&'static str, i64) =
            dice.weighed(&[(("basic", 900), 60), (("plus", 1_900), 30), (("studio", 4_900), 10)]);
        let status = dice.weighed(&[("active", 74), ("trialing", 6), ("past_due", 4), ("canceled", 16)]);
        let began = dice.later(customer.since, 60, 90 * 24 * 60, end);
        // The period that the end lies in; of a cancelled one, its last.
        let months = (end - began).num_days() / 30;
        let at =
            began + TimeDelta::days(30 * if status == "canceled" { dice.between(0, months) } else { months });
        let cancelled = (status == "canceled").then(|| dice.later(at, 60, 20_000, end));
        subscriptions.add(cells![
            id,
            customer.id,
            format!("sub_{}", id.simple()),
            plan,
            status,
            amount,
            at,
            at + TimeDelta::days(30),
            cancelled,
            began,
            cancelled.unwrap_or(at)
        ]);
    }
    vec![known, subscriptions]
}

fn agreements(slice: &Slice<'_>) -> Vec<Load> {
    let [mut subscribers, mut consents] = [targets::SUBSCRIBERS, targets::CONSENTS].map(Load::to);
    let end = slice.plan.end();
    for (n, customer) in (0..).zip(&slice.customers) {
        let mut dice = slice.dice(Of::Subscriber, n);
        let (email, at) = (&customer.person.email, customer.since);
        if dice.chance(33.0) {
            let status = dice.weighed(&[("subscribed", 82), ("pending", 10), ("unsubscribed", 8)]);
            let confirmed = (status != "pending").then(|| dice.later(at, 1, 3_000, end));
            subscribers.add(cells![
                slice.id(Of::Subscriber, n),
                email.clone(),
                customer.person.name.clone(),
                customer.id,
                status,
                confirmed,
                at,
                confirmed.unwrap_or(at)
            ]);
        }
        let mut place = n << 2;
        for (purpose, percent) in [("marketing", 60.0), ("analytics", 40.0)] {
            if dice.chance(percent) {
                let id = slice.id(Of::Consent, place);
                consents.add(cells![id, email.clone(), customer.id, purpose, "granted", "checkout", at, at]);
                place += 1;
            }
        }
        if place > n << 2 && dice.chance(6.0) {
            let later = dice.later(at, 24 * 60, 200 * 24 * 60, end);
            let id = slice.id(Of::Consent, place);
            consents.add(cells![
                id,
                email.clone(),
                customer.id,
                "marketing",
                "withdrawn",
                "account page",
                later,
                later
            ]);
        }
    }
    vec![subscribers, consents]
}

/// Who waits for what, and the mailings that told some of them.
pub fn waitlist(slice: &Slice<'_>) -> Vec<Load> {
    let [mut places, mut recipients] = [targets::PLACES, targets::RECIPIENTS].map(Load::to);
    let [mut opens, mut clicks] = [targets::OPENS, targets::CLICKS].map(Load::to);
    let end = slice.plan.end();
    let mut known = HashSet::new();
    for n in 0..slice.orders().div_ceil(20) {
        let mut dice = slice.dice(Of::Place, n);
        let product = &slice.products[dice.favoured(slice.products.len())];
        let customer = dice.chance(70.0).then(|| &slice.customers[dice.favoured(slice.customers.len())]);
        let stranger = person(slice.plan, &mut dice, slice.number * 1_000_000 + 900_000 + n);
        let somebody = customer.map_or(&stranger, |customer| &customer.person);
        if product.is_course || !known.insert((product.id.clone(), somebody.email.clone())) {
            continue;
        }
        let since = customer.map_or_else(|| slice.plan.begin(), |customer| customer.since);
        let minutes = (end - since).num_minutes();
        let at = dice.later(since, 0, minutes, end);
        let campaign =
            slice.campaigns.iter().find(|campaign| campaign.product_id == product.id && campaign.at > at);
        let status = match campaign {
            Some(_) => dice.weighed(&[("notified", 75), ("converted", 25)]),
            None => dice.weighed(&[("waiting", 93), ("cancelled", 7)]),
        };
        let told = campaign.map(|campaign| campaign.at);
        let (id, theirs) = (slice.id(Of::Place, n), customer.map(|customer| customer.id));
        let (email, name) = (somebody.email.clone(), somebody.name.clone());
        places.add(cells![
            id,
            product.id.clone(),
            theirs,
            email.clone(),
            name.clone(),
            status,
            told,
            at,
            told.unwrap_or(at)
        ]);
        let Some(campaign) = campaign else { continue };
        let recipient = slice.id(Of::Recipient, n);
        let fate = dice.weighed(&[("sent", 96), ("bounced", 2), ("refused", 1), ("suppressed", 1)]);
        let sent = (fate == "sent").then(|| dice.later(campaign.at, 0, 20, end));
        recipients.add(cells![
            recipient,
            campaign.id,
            id,
            theirs,
            email,
            name,
            fate,
            sent,
            campaign.at,
            sent.unwrap_or(campaign.at)
        ]);
        let Some(sent) = sent.filter(|_| dice.chance(48.0)) else { continue };
        let opened = dice.later(sent, 1, 4_000, end);
        opens.add(cells![campaign.id, recipient, opened, dice.chance(20.0), opened, opened]);
        if status == "converted" || dice.chance(15.0) {
            let clicked = dice.later(opened, 0, 30, end);
            let url = format!("https://shop.example.com/products/{}", product.id);
            clicks.add(cells![campaign.id, recipient, url, clicked, clicked, clicked]);
        }
    }
    vec![places, recipients, opens, clicks]
}
