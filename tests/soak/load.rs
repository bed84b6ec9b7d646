//! The shop's own business: orders, payments, answers, and admins who try again what failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_postgres::{Client, Error};

use crate::drawings::NOTES;
use crate::plan::Dice;
use crate::world::World;

pub const CUSTOMERS: u64 = 30;

/// How much.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub until: Instant,
    /// Between two of a writer's transactions.
    pub pause: Duration,
    /// The largest bulk.
    pub bulk: u64,
}

/// What writers met. Only the server's own end and its closing of connections are none of the engine's doing.
#[derive(Debug, Default)]
pub struct Met {
    pub committed: AtomicU64,
    pub rolled_back: AtomicU64,
    pub lost: AtomicU64,
    pub refused: AtomicU64,
}

type Act = for<'a> fn(
    &'a Client,
    &'a mut Dice,
    Load,
) -> std::pin::Pin<Box<dyn Future<Output = Result<bool, Error>> + Send + 'a>>;

/// All of it until the load's end.
pub async fn run(world: &Arc<World>, seed: u64, load: Load) -> Arc<Met> {
    let db = world.connects().await;
    let sql = "insert into customers (email, name) select 'c' || g || '@example.com', 'C' from generate_series(1, $1::bigint) g";
    db.execute(sql, &[&(CUSTOMERS as i64)]).await.expect("customers");
    let met = Arc::new(Met::default());
    let acts: [(Act, u32); 8] = [
        (|db, dice, _| Box::pin(single(db, dice)), 1),
        (|db, dice, _| Box::pin(single(db, dice)), 1),
        (|db, dice, _| Box::pin(single(db, dice)), 2),
        (|db, dice, load| Box::pin(bulk(db, dice, load.bulk)), 12),
        (|db, dice, _| Box::pin(slow(db, dice)), 4),
        (|db, dice, _| Box::pin(pays(db, dice)), 1),
        (|db, dice, _| Box::pin(answers(db, dice)), 4),
        (|db, _, _| Box::pin(tries_again(db)), 20),
    ];
    let mut tasks = Vec::new();
    for (n, (act, slower)) in acts.into_iter().enumerate() {
        let (world, met, dice) = (world.clone(), met.clone(), Dice::new(seed + n as u64));
        tasks.push(tokio::spawn(again_and_again(world, met, dice, load, act, slower)));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    met
}

async fn again_and_again(
    world: Arc<World>,
    met: Arc<Met>,
    mut dice: Dice,
    load: Load,
    act: Act,
    slower: u32,
) {
    let mut db = world.connects().await;
    while Instant::now() < load.until {
        match act(&db, &mut dice, load).await {
            Ok(true) => &met.committed,
            Ok(false) => &met.rolled_back,
            Err(fault) => {
                let code = fault.code().map(|code| code.code().to_owned()).unwrap_or_default();
                let _ = db.batch_execute("rollback").await;
                let lost = code.is_empty() || code.starts_with("57P") || code.starts_with("08");
                if !lost {
                    world.says(format!("a writer was refused: {fault:?}"));
                }
                db = world.connects().await;
                if lost { &met.lost } else { &met.refused }
            }
        }
        .fetch_add(1, Ordering::Relaxed);
        let pause = load.pause * slower;
        sleep(pause / 2 + Duration::from_millis(dice.throw(pause.as_millis() as u64 + 1))).await;
    }
}

/// An order that a workflow of its own is for.
const ORDER: &str = "insert into orders (customer_id, total, note)
    select id, $2::bigint, $3 from customers where email = 'c' || $1::bigint || '@example.com'";

async fn single(db: &Client, dice: &mut Dice) -> Result<bool, Error> {
    let customer = dice.between(1, CUSTOMERS) as i64;
    let is_loop = dice.throw(40) == 0;
    let note = if is_loop { "loop" } else { dice.one_of(&NOTES) };
    let total = if is_loop { dice.between(50, 300) } else { dice.between(5_000, 20_000) } as i64;
    db.execute(ORDER, &[&customer, &total, &note]).await.map(|_| true)
}

/// Ends a transaction, one way or the other.
async fn ends(db: &Client, commits: bool) -> Result<bool, Error> {
    db.batch_execute(if commits { "commit" } else { "rollback" }).await.map(|()| commits)
}

/// Many orders of many customers in one statement.
pub async fn bulk(db: &Client, dice: &mut Dice, most: u64) -> Result<bool, Error> {
    db.batch_execute("begin").await?;
    let count = dice.between(most.min(20), most) as i64;
    let sql = "insert into orders (customer_id, total, note)
        select c.id, 5000 + g * 100, 'bulk' from generate_series(1, $1::bigint) g
        join customers c on c.email = 'c' || (1 + (g * $2::bigint) % 30) || '@example.com'";
    db.execute(sql, &[&count, &(dice.between(1, 29) as i64)]).await?;
    ends(db, dice.throw(5) > 0).await
}

/// A transaction that takes its time, and may come to nothing.
async fn slow(db: &Client, dice: &mut Dice) -> Result<bool, Error> {
    db.batch_execute("begin").await?;
    for _ in 0..dice.between(1, 3) {
        single(db, dice).await?;
        sleep(Duration::from_millis(dice.throw(2_000))).await;
    }
    ends(db, dice.throw(5) > 0).await
}

/// The oldest unpaid order of a customer, so that an entity's changes come in an order.
async fn pays(db: &Client, dice: &mut Dice) -> Result<bool, Error> {
    let sql = "update orders set payment_status = 'paid' where id = (
        select o.id from orders o join customers c on c.id = o.customer_id
         where c.email = 'c' || $1::bigint || '@example.com' and o.payment_status = 'unpaid'
           and o.note in ('wait', 'turn', 'plain') and o.created_at > now() - interval '10 seconds'
         order by o.created_at limit 1)";
    db.execute(sql, &[&(dice.between(1, CUSTOMERS) as i64)]).await.map(|_| true)
}

/// Approvals, each answered yes or no by its first letter.
pub async fn answers(db: &Client, dice: &mut Dice) -> Result<bool, Error> {
    let word = if dice.throw(2) == 0 { "approve" } else { "refuse" };
    let sql = "select count(*) from tell_executions(array(
        select a.execution_id from workflow_awaits a
         where a.table_name = 'thendo.word' and a.key = 'approval'
           and not exists (select from workflow_queue q where q.execution_id = a.execution_id and q.due_at <= now()) order by a.execution_id limit 20),
        jsonb_build_object('word', $1::text, 'node', 'ask', 'by', 'the test'))";
    db.query_one(sql, &[&word]).await.map(|_| true)
}

/// What failed of `fail`, if nobody has said so yet: words that wait in the queue are not said again.
pub async fn tries_again(db: &Client) -> Result<bool, Error> {
    let sql = "select count(*) from tell_executions(array(
        select d.id from workflow_dead_letters d join workflows w on w.id = d.workflow_id and w.name = 'fail'
         where not exists (select from workflow_queue q where q.execution_id = d.id and q.due_at <= now()) limit 50),
        '{\"word\": \"retry\", \"version\": \"latest\", \"by\": \"the test\"}')";
    db.query_one(sql, &[]).await.map(|_| true)
}
