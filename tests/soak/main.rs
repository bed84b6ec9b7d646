//! Chaos: three daemons under load, and everything goes wrong that can: by a plan that is drawn from a seed before it
//! begins. When all has settled, the books must balance. A minute of it with every run of the tests; more by
//! SOAK_SEED=… SOAK_SECONDS=… make soak
//!
//! Clocks can't be skewed here: server and daemons share the machine's. Only the server's is asked anyway.

mod audit;
mod drawings;
mod faults;
mod load;
mod net;
mod outside;
mod plan;
#[allow(dead_code)]
#[path = "../it/support/mod.rs"]
mod support;
mod takeover;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use load::{Load, Met};
use plan::{Kind, Planned};
use takeover::{Watch, middle_and_most};
use tokio::time::sleep;
use tokio_postgres::Client;
use world::World;

/// After the last fault. Freezes and leases run out within seconds; attempts of deliveries come every two; of `serial`, a
/// customer's executions begin one after the other, each a second long.
const SETTLES: Duration = Duration::from_secs(300);
/// The longest that what a dead daemon had in hand may lie.
const TAKEN_OVER: Duration = Duration::from_secs(15);

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_of_chaos_leaves_the_books_in_order() {
    chaos(setting("SOAK_SEED", 20_261_122), Duration::from_secs(45)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as it is told: make soak"]
async fn as_much_chaos_as_is_asked_for_leaves_the_books_in_order() {
    let seed = setting("SOAK_SEED", u64::from(std::process::id()) * 7919 + 1);
    chaos(seed, Duration::from_secs(setting("SOAK_SECONDS", 900))).await;
}

/// The audit itself: of a quiet run everything is right, and each wrong that is done to the books is found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_finds_each_wrong() {
    let mut world = World::open().await;
    world.began = Instant::now();
    let world = Arc::new(world);
    let until = world.began + Duration::from_secs(6);
    load::run(&world, 7, Load { until, pause: Duration::from_millis(40), bulk: 20 }).await;
    assert!(settle(&world, 7).await, "it has not settled");
    let db = world.connects().await;
    let clean = audit::audit(&world, &db).await;
    assert!(clean.is_clean(), "{:#?}", clean.found);
    for (what, damage) in DAMAGES {
        let harm = format!("drop schema chaos cascade; set session_replication_role = replica; {damage}");
        db.batch_execute(&harm).await.expect("a damage");
        let found = audit::audit(&world, &db).await.found;
        assert!(found.iter().any(|line| line.contains(what)), "not found: {what}: {found:#?}");
    }
    let mail = world.mail.came().into_keys().next().expect("a mail");
    world.mail.came_again(&mail);
    db.batch_execute("drop schema chaos cascade").await.expect("once more");
    let found = audit::audit(&world, &db).await.found;
    assert!(found.iter().any(|line| line.contains("mails that came twice")), "{found:#?}");
}

/// What is done to the books, and what is found by it.
const DAMAGES: [(&str, &str); 10] = [
    ("turns that ended the other way", "update workflow_executions set status = 'cancelled' where id = (select x.id from workflow_executions x join workflows w on w.id = x.workflow_id and w.name = 'turn' where x.status = 'succeeded' limit 1)"),
    ("orders without their points", "delete from loyalty_ledger where id = (select l.id from loyalty_ledger l join workflow_executions x on x.id = l.execution_id join workflows w on w.id = x.workflow_id and w.name = 'points' limit 1)"),
    ("balances that are not the sum", "update loyalty_points set balance = balance + 1"),
    ("effects done twice", "insert into loyalty_ledger (customer_id, order_id, points, reason, execution_id) select customer_id, order_id, points, reason, execution_id from loyalty_ledger where reason = 'delayed' limit 1"),
    ("orders with several deposits", "insert into deposits (order_id, amount, due_date) select order_id, amount, due_date from deposits limit 1"),
    ("events without their execution", "delete from workflow_executions where id = (select x.id from workflow_executions x join workflows w on w.id = x.workflow_id and w.name = 'ask' limit 1)"),
    ("overtook an earlier event", "update workflow_executions set started_at = started_at + interval '1 hour' where id in (select distinct on (o.customer_id) x.id from workflow_executions x
        join workflows w on w.id = x.workflow_id and w.name = 'points' join workflow_events e on e.id = x.event_id join orders o on o.id::text = e.row_data ->> 'id' order by o.customer_id, x.event_at)"),
    ("never came", "update workflow_deliveries set id = gen_random_uuid() where id = (select id from workflow_deliveries where kind = 'http' limit 1)"),
    ("times of the schedule that came twice", "update workflow_events e set row_data = jsonb_set(row_data, '{due_at}', to_jsonb((select min(row_data ->> 'due_at') from workflow_events where table_name = 'thendo.schedule')))
        where table_name = 'thendo.schedule'"),
    ("orders without an event", "delete from workflow_events where ctid = (select ctid from workflow_events where table_name = 'orders' and operation = 'insert' limit 1) and table_name = 'orders'"),
];

async fn chaos(seed: u64, span: Duration) {
    println!("SOAK_SEED={seed} SOAK_SECONDS={}", span.as_secs());
    let plan = plan::draw(seed, span, Duration::from_millis(1_500), drawings::STEERED.len());
    plan.iter().for_each(|fault| println!("{fault}"));
    let mut world = World::open().await;
    world.began = Instant::now();
    let world = Arc::new(world);
    let load = Load {
        until: world.began + span,
        pause: Duration::from_millis(setting("SOAK_PAUSE_MS", 80)),
        bulk: 200,
    };
    let (met, watches) = tokio::join!(load::run(&world, seed, load), faults::run(&world, &plan));
    let load_ended = world.began.elapsed();
    let settled = settle(&world, seed).await;
    println!("\nsettled {:.1} s after the load", (world.began.elapsed() - load_ended).as_secs_f64());
    let db = world.connects().await;
    let verdict = audit::audit(&world, &db).await;
    print_faults(&plan);
    print_books(&db, &met).await;
    let slow = print_takeovers(&watches);
    println!(
        "lost {}, doubled {}, out of order {}, wrong {}",
        verdict.lost, verdict.doubled, verdict.out_of_order, verdict.wrong
    );
    for found in &verdict.found {
        println!("  {found}");
    }
    if !verdict.is_clean() || !settled || !slow.is_empty() {
        keep_logs(&world);
        panic!(
            "SOAK_SEED={seed} SOAK_SECONDS={}: settled: {settled}, take-overs: {slow:?}, {:#?}",
            span.as_secs(),
            verdict.found
        );
    }
    drop(db);
}

/// Until nothing is queued, rests or is under way; `fail` is mended meanwhile and tried again.
async fn settle(world: &Arc<World>, seed: u64) -> bool {
    let began = Instant::now();
    let mended = drawings::drawing("fail", 1, &world.hook.address);
    faults::insists(world, "update workflows set definition = $1 where name = 'fail'", &[&mended]).await;
    let db = world.connects().await;
    let mut dice = plan::Dice::new(seed);
    let sql = "select (select count(*) from workflow_queue), (select count(*) from workflow_waiting),
        (select count(*) from workflow_deliveries where status in ('pending', 'sending')),
        (select count(*) from workflow_dead_letters d join workflows w on w.id = d.workflow_id and w.name = 'fail')";
    let mut told = Instant::now();
    let mut quiet = 0;
    while began.elapsed() < SETTLES {
        world.looks_after_daemons();
        load::answers(&db, &mut dice).await.expect("answered");
        load::tries_again(&db).await.expect("tried again");
        sleep(Duration::from_millis(500)).await;
        let row = db.query_one(sql, &[]).await.expect("a look");
        let left: Vec<i64> = (0..4).map(|at| row.get(at)).collect();
        // The schedule goes on all the time.
        quiet = if left[0] <= 1 && left[1] <= 1 && left[2..] == [0, 0] { quiet + 1 } else { 0 };
        if quiet == 1 {
            db.batch_execute("update workflows set status = 'paused' where name = 'tick'")
                .await
                .expect("paused");
        }
        if quiet >= 4 && left == [0, 0, 0, 0] {
            return true;
        }
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            world.says(format!(
                "left: queued {}, resting {}, deliveries {}, failed {}",
                left[0], left[1], left[2], left[3]
            ));
        }
    }
    false
}

fn print_faults(plan: &[Planned]) {
    let mut counted: BTreeMap<Kind, usize> = BTreeMap::new();
    for fault in plan {
        *counted.entry(fault.kind).or_default() += 1;
    }
    let all: Vec<String> = counted.iter().map(|(kind, n)| format!("{kind:?} {n}")).collect();
    println!("{} faults: {}", plan.len(), all.join(", "));
}

async fn print_books(db: &Client, met: &Met) {
    let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "transactions: {} committed, {} rolled back, {} lost with the server, {} refused",
        of(&met.committed),
        of(&met.rolled_back),
        of(&met.lost),
        of(&met.refused)
    );
    for (what, sql) in [
        ("events", "select table_name || ' ' || operation as of, count(*) from chaos.events group by 1"),
        ("executions", "select name || ' ' || status as of, count(*) from chaos.runs group by 1"),
        (
            "effects",
            "select coalesce(name, '-') as of, count(*) from chaos.ledger group by 1 union all select 'deposits', count(*) from deposits",
        ),
        ("deliveries", "select kind || ' ' || status as of, count(*) from workflow_deliveries group by 1"),
    ] {
        let sql = format!(
            "select coalesce(string_agg(of || ' ' || count, ', ' order by of), 'none'), coalesce(sum(count), 0)::bigint from ({sql}) t"
        );
        let row = db.query_one(&sql, &[]).await.expect("counted");
        println!("{what}: {} ({})", row.get::<_, i64>(1), row.get::<_, String>(0));
    }
}

/// Those that took too long though nothing else was wrong.
fn print_takeovers(watches: &[Watch]) -> Vec<String> {
    let mut slow = Vec::new();
    for kind in [Kind::Kill, Kind::Freeze] {
        for (what, of) in [
            ("events", (|watch| watch.events) as fn(&Watch) -> Option<Duration>),
            ("deliveries", |watch| watch.deliveries),
        ] {
            for alone in [true, false] {
                let took = watches.iter().filter(|watch| watch.kind == kind && watch.is_alone() == alone);
                let took: Vec<Duration> = took.filter_map(of).collect();
                let count = took.len();
                let Some((middle, most)) = middle_and_most(took) else { continue };
                let beside = if alone { "" } else { ", beside other faults" };
                println!(
                    "{what} of a daemon taken over after {kind:?}{beside}: median {:.1} s, longest {:.1} s, of {count}",
                    middle.as_secs_f64(),
                    most.as_secs_f64()
                );
                if alone && most > TAKEN_OVER {
                    slow.push(format!("{what} after {kind:?}: {most:?}"));
                }
            }
        }
    }
    slow
}

/// What the daemons logged, where it outlives the test.
fn keep_logs(world: &World) {
    let kept = std::env::temp_dir().join(format!("thendo-soak-{}", std::process::id()));
    let _ = std::fs::create_dir_all(&kept);
    for entry in std::fs::read_dir(world.folder.path()).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|end| end == "log") {
            let _ = std::fs::copy(entry.path(), kept.join(entry.file_name()));
        }
    }
    println!("logs: {}", kept.display());
}
