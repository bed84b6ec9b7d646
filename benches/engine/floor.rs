//! The floor of a drain: a program written for this one job, with the rows that the engine writes and nothing else.

use std::collections::HashMap;
use std::time::Instant;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::Outcome;
use crate::lab::connect;

const BATCH: i64 = 500;
/// As many as the daemon has workers.
const CONNECTIONS: usize = 2;

/// Works off what is queued, whenever it is due; how many seconds it took.
pub async fn by_floor(db: &Client, url: &str) -> Outcome<f64> {
    // It works as the engine does, so that no trigger keeps the balances beside it; but it locks what it claims.
    db.batch_execute(
        "grant update on workflow_queue to thendo_engine;
         create policy floor on workflow_queue for update to thendo_engine using (true)",
    )
    .await?;
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Floor::open(url).await?);
    }
    let began = Instant::now();
    let work = connections.into_iter().map(|floor| tokio::spawn(async move { floor.drain().await }));
    for worker in work.collect::<Vec<_>>() {
        worker.await??;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// One connection of the floor.
struct Floor {
    db: Client,
    claim: tokio_postgres::Statement,
    award: tokio_postgres::Statement,
    record: tokio_postgres::Statement,
}

impl Floor {
    async fn open(url: &str) -> Outcome<Self> {
        let db = connect(url).await?;
        db.batch_execute("set role thendo_engine").await?;
        let claim = "with taken as (delete from workflow_queue where ctid = any (array(
                         select ctid from workflow_queue order by lane, due_at, id limit $1 for update skip locked))
                         returning event_at, event_id)
                     select e.id, e.at, e.row_data, e.table_name from taken join lateral (
                         select id, at, row_data, table_name from workflow_events e where e.at = taken.event_at and e.id = taken.event_id) e on true";
        let award = "with entered as (
                         insert into loyalty_ledger (id, customer_id, order_id, points, reason, execution_id)
                         select id, customer, of_order, points, reason, execution from unnest(
                             $1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::uuid[])
                             as u (id, customer, of_order, points, reason, execution)
                         returning customer_id, points)
                     insert into loyalty_points (customer_id, balance)
                     select customer_id, sum(points) from entered group by 1 order by 1
                     on conflict (customer_id) do update set balance = loyalty_points.balance + excluded.balance";
        let record = "insert into workflow_executions
                         (id, event_at, event_id, workflow_id, version, mode, status, steps, started_at, finished_at)
                      select i, a, e, $4, 1, 'live', 'succeeded', s, now(), clock_timestamp()
                      from unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $5::jsonb[]) u (i, a, e, s)";
        Ok(Self {
            claim: db.prepare(claim).await?,
            award: db.prepare(award).await?,
            record: db.prepare(record).await?,
            db,
        })
    }

    async fn drain(self) -> Outcome<()> {
        loop {
            self.db.batch_execute("begin").await?;
            let rows = self.db.query(&self.claim, &[&BATCH]).await?;
            if rows.is_empty() {
                self.db.batch_execute("commit").await?;
                return Ok(());
            }
            let mut batch = Batch::default();
            // What was awarded is an event of its own, of which nothing comes: it is claimed too.
            for row in rows.iter().filter(|row| row.get::<_, &str>(3) == "orders") {
                batch.add(row.get(0), row.get(1), &row.get::<_, Value>(2))?;
            }
            batch.award(&self).await?;
            let steps: Vec<_> = batch.steps.iter().map(Json).collect();
            let workflow = Uuid::from_u128(42);
            self.db
                .execute(&self.record, &[&batch.executions, &batch.ats, &batch.events, &workflow, &steps])
                .await?;
            self.db.batch_execute("commit").await?;
        }
    }
}

#[derive(Default)]
struct Batch {
    executions: Vec<Uuid>,
    events: Vec<Uuid>,
    ats: Vec<DateTime<Utc>>,
    steps: Vec<Value>,
    awards: Vec<(Uuid, Uuid, Uuid, i64, Uuid)>,
}

impl Batch {
    fn add(&mut self, event: Uuid, at: DateTime<Utc>, order: &Value) -> Outcome<()> {
        let total = order["total"].as_i64().ok_or("no total")?;
        let id = |name: &str| {
            Ok::<Uuid, Box<dyn std::error::Error + Send + Sync>>(
                order[name].as_str().ok_or("no id")?.parse()?,
            )
        };
        let (execution, hit, points) = (Uuid::now_v7(), total >= 10_000, total / 100);
        let mut steps = vec![
            json!({ "node": "start", "outcome": "done", "why": "order created of order", "at": at }),
            json!({ "node": "big", "outcome": "done", "branch": if hit { "true" } else { "false" },
                "why": format!("{}.{:02} is {} 100.00", total / 100, total % 100, if hit { "at least" } else { "less than" }), "at": at }),
        ];
        if hit {
            let (ledger, customer) = (Uuid::now_v7(), id("customer_id")?);
            self.awards.push((ledger, customer, id("id")?, points, execution));
            steps.push(json!({ "node": "points", "outcome": "done", "result": { "points": points, "balance": points },
                "changes": [{ "table": "loyalty_ledger", "key": ledger, "after": { "points": points } },
                    { "table": "loyalty_points", "key": customer, "before": { "balance": 0 }, "after": { "balance": points } }],
                "at": at }));
        } else {
            steps.push(json!({ "node": "points", "outcome": "skipped", "why": "no way led here", "at": at }));
        }
        self.executions.push(execution);
        self.events.push(event);
        self.ats.push(at);
        self.steps.push(Value::Array(steps));
        Ok(())
    }

    async fn award(&self, floor: &Floor) -> Outcome<()> {
        // Two connections meet in the balances: lock them in order first, as anyone must.
        let sums: HashMap<Uuid, i64> = self.awards.iter().map(|a| (a.1, a.3)).collect();
        let mut customers: Vec<Uuid> = sums.into_keys().collect();
        customers.sort_unstable();
        floor
            .db
            .execute(
                "select 1 from loyalty_points where customer_id = any ($1) order by customer_id for update",
                &[&customers],
            )
            .await?;
        let column = |pick: fn(&(Uuid, Uuid, Uuid, i64, Uuid)) -> Uuid| {
            self.awards.iter().map(pick).collect::<Vec<_>>()
        };
        let points: Vec<i64> = self.awards.iter().map(|a| a.3).collect();
        let reasons = vec!["order"; self.awards.len()];
        floor
            .db
            .execute(
                &floor.award,
                &[&column(|a| a.0), &column(|a| a.1), &column(|a| a.2), &points, &reasons, &column(|a| a.4)],
            )
            .await?;
        Ok(())
    }
}
