//! Orders and what hangs on them: deposits, quotes, enrollments, reviews.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::dice::{Dice, Of};
use super::slice::Slice;
use super::targets;
use crate::store::seed::{Load, cells};

/// An order.
#[derive(Debug)]
pub struct Order {
    pub number: u64,
    pub id: Uuid,
    /// Which customer of the slice.
    pub customer: usize,
    /// Which product of the shop.
    pub product: usize,
    /// Made to measure: quoted, and half of it asked for before.
    pub is_project: bool,
    pub total: i64,
    pub currency: &'static str,
    pub created: DateTime<Utc>,
    pub status: &'static str,
    pub payment: &'static str,
    pub fulfillment: &'static str,
    pub refunded: i64,
    pub paid: Option<DateTime<Utc>>,
    pub fulfilled: Option<DateTime<Utc>>,
    pub cancelled: Option<DateTime<Utc>>,
}

impl Order {
    /// When it last changed.
    pub fn changed(&self) -> DateTime<Utc> {
        [self.paid, self.fulfilled, self.cancelled].into_iter().flatten().fold(self.created, Ord::max)
    }
}

/// Makes one up.
pub fn make(slice: &Slice<'_>, number: u64, people: usize) -> Order {
    let mut dice = slice.dice(Of::Order, number);
    let end = slice.plan.end();
    // The shop grows: twice the time, four times the orders.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let second = (dice.share().sqrt() * (super::DAYS * 86_400) as f64) as i64;
    let created = slice.plan.begin() + TimeDelta::seconds(second);
    let is_project = dice.chance(5.0);
    let mut order = Order {
        number,
        id: slice.id(Of::Order, number),
        customer: dice.regular(people),
        product: dice.favoured(slice.products.len()),
        is_project,
        total: if is_project { dice.amount(240_000.0, 0.6) } else { dice.amount(4_500.0, 0.8) },
        currency: dice.weighed(&[("EUR", 85), ("USD", 8), ("GBP", 4), ("CHF", 3)]),
        created,
        status: "pending",
        payment: "unpaid",
        fulfillment: "unfulfilled",
        refunded: 0,
        paid: None,
        fulfilled: None,
        cancelled: None,
    };
    let days = (end - created).num_days();
    // pending, processing, completed, cancelled, refunded
    let weights = match days {
        ..2 => [45, 45, 5, 5, 0],
        2..14 => [2, 30, 60, 6, 2],
        _ => [1, 1, 88, 6, 4],
    };
    let states = ["pending", "processing", "completed", "cancelled", "refunded"];
    let states: Vec<(&'static str, u32)> = states.into_iter().zip(weights).collect();
    order.status = dice.weighed(&states);
    go_on(&mut order, &mut dice, end);
    order
}

/// What its status says of money and parcel, and when that was.
fn go_on(order: &mut Order, dice: &mut Dice, end: DateTime<Utc>) {
    let paid = dice.later(order.created, 1, 600, end);
    let sent = dice.later(paid, 240, 6 * 24 * 60, end);
    match order.status {
        "pending" => order.payment = dice.weighed(&[("unpaid", 70), ("authorized", 20), ("failed", 10)]),
        "processing" => {
            order.payment = dice.weighed(&[("paid", 80), ("authorized", 20)]);
            order.fulfillment = dice.weighed(&[("unfulfilled", 80), ("partially_fulfilled", 20)]);
        }
        "completed" => {
            order.payment = dice.weighed(&[("paid", 97), ("partially_refunded", 3)]);
            order.fulfillment = dice.weighed(&[("delivered", 90), ("fulfilled", 10)]);
        }
        "cancelled" => {
            order.payment = dice.weighed(&[("unpaid", 80), ("refunded", 20)]);
            order.cancelled = Some(dice.later(paid, 60, 3 * 24 * 60, end));
        }
        _ => {
            order.payment = "refunded";
            order.fulfillment = dice.weighed(&[("returned", 60), ("unfulfilled", 40)]);
        }
    }
    order.refunded = match order.payment {
        "refunded" => order.total,
        "partially_refunded" => dice.between(1, order.total / 2),
        _ => 0,
    };
    let took_money = matches!(order.payment, "paid" | "partially_refunded" | "refunded");
    order.paid = took_money.then_some(paid);
    let is_sent = matches!(order.fulfillment, "fulfilled" | "delivered" | "returned");
    order.fulfilled = is_sent.then_some(sent);
}

/// Orders and what hangs on them.
pub fn loads(slice: &Slice<'_>) -> Vec<Load> {
    let mut orders = Load::to(targets::ORDERS);
    for order in &slice.orders {
        let note = (order.number % 25 == 0).then_some("Please ring twice.");
        orders.add(cells![
            order.id,
            slice.customers[order.customer].id,
            order.status,
            order.total,
            order.currency,
            note,
            order.payment,
            order.fulfillment,
            order.refunded,
            order.paid,
            order.fulfilled,
            order.cancelled,
            order.created,
            order.changed()
        ]);
    }
    vec![orders, deposits(slice), quotes(slice), enrollments(slice), reviews(slice)]
}

fn deposits(slice: &Slice<'_>) -> Load {
    let mut deposits = Load::to(targets::DEPOSITS);
    for (n, order) in (0..).zip(slice.orders.iter().filter(|order| order.is_project)) {
        let status = match order.payment {
            "paid" | "partially_refunded" => "paid",
            "refunded" => "refunded",
            _ if order.status == "cancelled" => "waived",
            _ => "pending",
        };
        let due = order.created + TimeDelta::days(7);
        // Half of it, rounded up.
        let amount = order.total - order.total / 2;
        deposits.add(cells![
            slice.id(Of::Deposit, n),
            order.id,
            amount,
            order.currency,
            due,
            status,
            order.paid,
            order.created,
            order.changed()
        ]);
    }
    deposits
}

fn quotes(slice: &Slice<'_>) -> Load {
    let mut quotes = Load::to(targets::QUOTES);
    let titles = [
        "A kitchen in oak",
        "Curtains for a flat",
        "Shelves to the ceiling",
        "A sign for the shop",
        "A set of 40 mugs",
    ];
    let end = slice.plan.end();
    let mut n = 0;
    for order in slice.orders.iter().filter(|order| order.is_project) {
        let customer = slice.customers[order.customer].id;
        let mut dice = slice.dice(Of::Quote, n);
        let sent = order.created - TimeDelta::minutes(dice.between(60, 14 * 24 * 60));
        let made = sent - TimeDelta::minutes(dice.between(30, 2_000));
        quotes.add(cells![
            slice.id(Of::Quote, n),
            customer,
            dice.one(&titles),
            order.total,
            order.currency,
            "accepted",
            sent + TimeDelta::days(30),
            sent,
            order.created,
            order.id,
            made,
            order.created
        ]);
        n += 1;
        // One more that came to nothing, or not yet.
        let made = dice.later(made, 0, 60 * 24 * 60, end);
        let status = if (end - made).num_days() < 30 {
            dice.weighed(&[("draft", 30), ("sent", 70)])
        } else {
            dice.weighed(&[("declined", 60), ("expired", 40)])
        };
        let sent = (status != "draft").then(|| dice.later(made, 30, 2_000, end));
        let decided =
            if status == "declined" { sent.map(|sent| dice.later(sent, 60, 20_000, end)) } else { None };
        quotes.add(cells![
            slice.id(Of::Quote, n),
            customer,
            dice.one(&titles),
            dice.amount(240_000.0, 0.6),
            "EUR",
            status,
            sent.map(|sent| sent + TimeDelta::days(30)),
            sent,
            decided,
            None::<Uuid>,
            made,
            decided.or(sent).unwrap_or(made)
        ]);
        n += 1;
    }
    quotes
}

fn enrollments(slice: &Slice<'_>) -> Load {
    let mut enrollments = Load::to(targets::ENROLLMENTS);
    let mut known = HashSet::new();
    let mut n = 0;
    for order in &slice.orders {
        let product = &slice.products[order.product];
        let Some(since) = order.paid.filter(|_| product.is_course && order.refunded == 0) else { continue };
        if !known.insert((order.customer, order.product)) {
            continue;
        }
        let mut dice = slice.dice(Of::Enrollment, n);
        let days = (slice.plan.end() - since).num_days();
        let status = if days < 60 {
            dice.weighed(&[("active", 90), ("paused", 6), ("cancelled", 4)])
        } else {
            dice.weighed(&[("completed", 60), ("active", 15), ("expired", 18), ("cancelled", 7)])
        };
        let ended =
            (status == "completed").then(|| dice.later(since, 10 * 24 * 60, 60 * 24 * 60, slice.plan.end()));
        let progress = if ended.is_some() { 100 } else { dice.between(0, 95) };
        let expires = since + TimeDelta::days(365);
        enrollments.add(cells![
            slice.id(Of::Enrollment, n),
            slice.customers[order.customer].id,
            product.id.clone(),
            product.title.clone(),
            status,
            progress,
            order.id,
            since,
            ended,
            expires,
            since,
            ended.unwrap_or(since)
        ]);
        n += 1;
    }
    enrollments
}

fn reviews(slice: &Slice<'_>) -> Load {
    let mut reviews = Load::to(targets::REVIEWS);
    let mut known = HashSet::new();
    let mut n = 0;
    for order in slice.orders.iter().filter(|order| order.status == "completed") {
        let mut dice = slice.dice(Of::Review, order.number);
        if !dice.chance(18.0) || !known.insert((order.customer, order.product)) {
            continue;
        }
        let rating: i64 = dice.weighed(&[(5, 56), (4, 27), (3, 9), (2, 4), (1, 4)]);
        let (title, body) = said(&mut dice, rating);
        let made = dice.later(order.changed(), 24 * 60, 30 * 24 * 60, slice.plan.end());
        let status = dice.weighed(&[("approved", 92), ("rejected", 4), ("pending", 4)]);
        let moderated = (status != "pending").then(|| dice.later(made, 10, 3_000, slice.plan.end()));
        let customer = &slice.customers[order.customer];
        reviews.add(cells![
            slice.id(Of::Review, n),
            slice.products[order.product].id.clone(),
            customer.id,
            order.id,
            rating,
            title,
            body,
            customer.person.short_name.clone(),
            status,
            true,
            moderated,
            made,
            moderated.unwrap_or(made)
        ]);
        n += 1;
    }
    reviews
}

fn said(dice: &mut Dice, rating: i64) -> (&'static str, &'static str) {
    match rating {
        5 => dice.one(&[
            ("Wonderful", "Better than in the pictures. I would buy it again."),
            ("Perfect gift", "My sister loves it. It came within two days."),
            ("Made to last", "In use every day for months, and still like new."),
        ]),
        4 => dice.one(&[
            ("Very good", "Well made; the colour is a little darker than shown."),
            ("Happy with it", "Does what it should. Delivery took a while."),
        ]),
        3 => ("It is fine", "Nothing wrong with it, but smaller than I thought."),
        2 => ("Not for me", "The material feels cheaper than I hoped."),
        _ => ("Disappointed", "It arrived broken, and nobody answered for a week."),
    }
}
