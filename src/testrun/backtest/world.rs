//! What effects come to when nothing is written: each as it would succeed, with what is known of the shop.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::effect::{Answer, Effect, Request, Rows};
use crate::mail::content::finish;
use crate::store::recorded::{balances_at, order_totals};
use crate::store::session::{Session, StoreError};
use crate::workflow::context::{Context, time};

/// Customers whose balances are kept in memory; those beyond them begin anew with each page.
const MOST_BALANCES: usize = 200_000;

/// The shop, as far as effects are answered by it.
pub(super) struct World {
    since: DateTime<Utc>,
    /// By the ledger at `since`, and with what was awarded here since then.
    balances: HashMap<Uuid, i64>,
    /// Of customers for whom there is no room, for one page.
    passing: HashMap<Uuid, i64>,
    orders: HashMap<Uuid, (i64, String)>,
    /// Some had no room.
    pub forgets: bool,
}

impl World {
    /// As it was at `since`.
    pub fn new(since: DateTime<Utc>) -> Self {
        let (balances, passing, orders) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { since, balances, passing, orders, forgets: false }
    }

    /// Reads what executions of these customers will most likely be answered by; what was read for the page before and
    /// had no room is forgotten.
    pub async fn expect(
        &mut self,
        session: &Session,
        customers: impl Iterator<Item = Uuid>,
    ) -> Result<(), StoreError> {
        self.passing.clear();
        let customers = customers.filter(|of| !self.balances.contains_key(of)).collect();
        self.read(session, customers, Vec::new()).await
    }

    /// Reads what these requests are answered by, as far as it is not known yet.
    pub async fn learn(
        &mut self,
        session: &Session,
        requests: &[Request],
        context: &Context,
    ) -> Result<(), StoreError> {
        let knows = |of: &Uuid| self.balances.contains_key(of) || self.passing.contains_key(of);
        let effects = || requests.iter().map(|request| &request.effect);
        let customers = effects().filter_map(customer_of).filter(|of| !knows(of)).collect();
        let orders = effects().filter_map(order_of).filter(|of| own_total(*of, context).is_none());
        let orders = orders.collect();
        self.read(session, customers, orders).await
    }

    async fn read(
        &mut self,
        session: &Session,
        customers: BTreeSet<Uuid>,
        orders: Vec<Uuid>,
    ) -> Result<(), StoreError> {
        self.orders.clear();
        if customers.is_empty() && orders.is_empty() {
            return Ok(());
        }
        super::begin_reading(session).await?;
        let read = async {
            let mut balances = HashMap::new();
            if !customers.is_empty() {
                let customers: Vec<Uuid> = customers.into_iter().collect();
                balances = balances_at(session, &customers, self.since).await?;
            }
            let totals = match orders.is_empty() {
                true => HashMap::new(),
                false => order_totals(session, &orders).await?,
            };
            Ok((balances, totals))
        };
        let (balances, totals) = super::end_reading(session, read.await).await?;
        self.orders = totals;
        for (customer, balance) in balances {
            let has_room = self.balances.len() < MOST_BALANCES;
            self.forgets |= !has_room;
            if has_room { &mut self.balances } else { &mut self.passing }.insert(customer, balance);
        }
        Ok(())
    }

    /// What a request comes to.
    pub fn answer(&mut self, request: &Request, context: &Context) -> Answer {
        match &request.effect {
            Effect::AwardPoints { customer, points, .. } => self.moved(*customer, *points, *points),
            Effect::Rows(rows) if rows.kind == "redeem_points" => {
                let points = rows.input["points"].as_i64().unwrap_or(0);
                let customer = customer_of(&request.effect).unwrap_or_default();
                let balance = self.balance(customer);
                if points > *balance {
                    let reason = format!("{points} points are more than the balance of {balance}");
                    return Answer::Refused { reason };
                }
                self.moved(customer, -points, points)
            }
            Effect::Rows(rows) if rows.kind == "create_deposit" => self.deposit(request, rows, context),
            Effect::Rows(rows) => done(made_up(request, rows, context)),
            Effect::StartWorkflow { workflow, .. } => {
                done(json!({ "workflow_id": null, "workflow": workflow, "event_id": request.id.0 }))
            }
            // One without HTML has nothing to be finished.
            Effect::SendEmail(email) if email.html.is_none() => {
                done(mail(request, &email.to, &email.subject))
            }
            Effect::SendEmail(email) => match finish(email.clone()) {
                Ok(email) => done(mail(request, &email.to, &email.subject)),
                Err(fault) => Answer::Refused { reason: fault.to_string() },
            },
            // As in a test run: what they would answer nobody knows.
            Effect::HttpRequest(_) => done(json!({ "status": 200, "headers": {}, "body": null })),
        }
    }

    fn balance(&mut self, customer: Uuid) -> &mut i64 {
        match self.passing.get_mut(&customer) {
            Some(balance) => balance,
            // Read before, by whoever asks.
            None => self.balances.entry(customer).or_default(),
        }
    }

    fn moved(&mut self, customer: Uuid, by: i64, points: i64) -> Answer {
        let balance = self.balance(customer);
        *balance = balance.saturating_add(by);
        done(json!({ "points": points, "balance": *balance }))
    }

    fn deposit(&self, request: &Request, rows: &Rows, context: &Context) -> Answer {
        let order = order_of(&request.effect).or_else(|| uuid(&rows.input["order"]));
        let known = order.and_then(|order| {
            own_total(order, context).or_else(|| self.orders.get(&order).map(|(t, c)| (*t, c.as_str())))
        });
        let share = |total: i64| {
            let percent = rows.input["percent"].as_i64()?;
            // Rounded up, as the statement does.
            i64::try_from((i128::from(total) * i128::from(percent) + 99).div_euclid(100)).ok()
        };
        let amount = rows.input["amount"].as_i64().or_else(|| known.and_then(|(total, _)| share(total)));
        let currency = rows.input["currency"].as_str().or(known.map(|(_, currency)| currency));
        if amount.is_some_and(|amount| amount <= 0) {
            let reason = "there is nothing to pay: the order's total is not above zero".into();
            return Answer::Refused { reason };
        }
        let due = &rows.input["due"];
        done(json!({ "deposit_id": request.id.0, "amount": amount, "currency": currency, "due_date": due }))
    }
}

/// What a kind's statement would answer, as far as that can be said without it.
fn made_up(request: &Request, rows: &Rows, context: &Context) -> Value {
    let (id, input, now) = (request.id.0, &rows.input, time(context.now()));
    // Of the row that the event is about something is known.
    let of_row = |field: &str| {
        let is_own = context.row_field("id").is_some_and(|own| Some(own) == input.get("row"));
        context.row_field(field).filter(|_| is_own)
    };
    match rows.kind {
        "update_order_status" => {
            json!({ "order_id": input["row"], "status": input["to"], "former": of_row("status") })
        }
        "update_deposit" => {
            json!({ "deposit_id": input["row"], "status": input["to"], "former": of_row("status"),
            "amount": of_row("amount"), "currency": of_row("currency") })
        }
        "reverse_points" => json!({ "points": 0, "balance": null, "missing": 0 }),
        "set_tier" => json!({ "tier": input["tier"], "former": null, "changed": true }),
        "add_tag" | "remove_tag" => json!({ "tag": input["tag"], "changed": true }),
        "enroll_customer" => json!({ "enrollment_id": id, "created": true }),
        "create_referral_code" => {
            let code = input["code"].as_str().map_or_else(
                || id.simple().to_string().chars().rev().take(10).collect::<String>().to_uppercase(),
                str::to_owned,
            );
            json!({ "code": code, "referral_code_id": id, "created": true })
        }
        "add_comment" => json!({ "comment_id": id }),
        "set_published" => json!({ "id": input["row"], "slug": of_row("slug"), "status": input["status"],
            "former": of_row("status"), "published_at": now }),
        "create_changelog_entry" => json!({ "entry_id": id, "slug": input["slug"], "status": input["status"],
            "published_at": now }),
        "refresh_stats" => json!({ "asked_at": now }),
        "send_campaign" => json!({ "campaign_id": id, "recipients": 0 }),
        "update_row" => json!({ "row": input["row"], "changed": true }),
        _ => json!({ "row": id }),
    }
}

fn done(result: Value) -> Answer {
    Answer::Done { result, changes: Vec::new(), why: String::new() }
}

fn mail(request: &Request, to: &str, subject: &str) -> Value {
    json!({ "message_id": request.id.0, "to": to, "subject": subject, "status": "rendered" })
}

fn uuid(value: &Value) -> Option<Uuid> {
    value.as_str().and_then(|id| id.parse().ok())
}

/// Whose balance an effect moves.
fn customer_of(effect: &Effect) -> Option<Uuid> {
    match effect {
        Effect::AwardPoints { customer, .. } => Some(*customer),
        Effect::Rows(rows) if rows.kind == "redeem_points" => uuid(&rows.input["customer"]),
        _ => None,
    }
}

/// The order whose total says how much an effect is about.
fn order_of(effect: &Effect) -> Option<Uuid> {
    match effect {
        Effect::Rows(rows) if rows.kind == "create_deposit" => uuid(&rows.input["order"]),
        _ => None,
    }
}

/// An order's total as it was when the event happened, if the event is about that order.
fn own_total(order: Uuid, context: &Context) -> Option<(i64, &str)> {
    let is_own = context.subject() == "order" && context.row_id("id") == Some(order);
    is_own.then(|| {
        Some((context.row_field("total")?.as_i64()?, context.row_field("currency").and_then(Value::as_str)?))
    })?
}
