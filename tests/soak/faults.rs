//! Doing what the plan says, and undoing it in the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::drawings::{STEERED, drawing};
use crate::load;
use crate::outside::Manner;
use crate::plan::{Dice, Kind, Planned};
use crate::takeover::Watch;
use crate::world::World;

/// How often a daemon is stopped until it is stopped with lanes in hand.
const TRIES: u32 = 100;

/// Each fault at its time; returns when the last is over.
pub async fn run(world: &Arc<World>, plan: &[Planned]) -> Vec<Watch> {
    let mut tasks = Vec::new();
    for fault in plan {
        tokio::time::sleep_until((world.began + fault.at).into()).await;
        world.looks_after_daemons();
        let (world, fault) = (world.clone(), *fault);
        tasks.push(tokio::spawn(async move {
            let since = world.began.elapsed();
            let watch = happens(&world, fault).await;
            world.troubles.lock().expect("no panic").push((fault.kind, since, world.began.elapsed()));
            watch
        }));
    }
    let mut watches = Vec::new();
    for task in tasks {
        watches.extend(task.await.expect("no panic"));
    }
    watches
}

async fn happens(world: &Arc<World>, fault: Planned) -> Option<Watch> {
    let Planned { kind, which, lasts, seed, .. } = fault;
    match kind {
        Kind::Kill | Kind::Freeze => return stopped(world, fault).await,
        Kind::Restart => restarts(world, which).await,
        Kind::Cut => world.wires[which].is_cut(),
        Kind::Stall | Kind::Deaf | Kind::Mute => {
            world.wires[which].lets_through(kind == Kind::Deaf, kind == Kind::Mute);
            sleep(lasts).await;
            world.wires[which].lets_through(true, true);
            // What was blocked long enough is often closed by somebody on the way.
            if seed % 2 == 0 {
                world.wires[which].is_cut();
            }
        }
        Kind::Crash => crashes(world).await,
        Kind::Terminate | Kind::Cancel => backends(world, kind, lasts, seed).await,
        Kind::IdleWriter | Kind::LongReader | Kind::LockBalances => {
            sits(world, kind, lasts).await;
        }
        Kind::Republish | Kind::Pause | Kind::Hold => steers(world, kind, which, lasts, seed).await,
        Kind::MailRefuses | Kind::MailStalls | Kind::MailDrops => {
            world.mail.behaves(match kind {
                Kind::MailRefuses => Manner::Refuses,
                Kind::MailDrops => Manner::Drops,
                _ if seed % 2 == 0 => Manner::Hangs,
                _ => Manner::HangsAtTheEnd,
            });
            sleep(lasts).await;
            world.mail.behaves(Manner::Fine);
        }
        Kind::HookHangs | Kind::HookFails => {
            world.hook.behaves(if kind == Kind::HookHangs { Manner::Hangs } else { Manner::Refuses });
            sleep(lasts).await;
            world.hook.behaves(Manner::Fine);
        }
    }
    None
}

/// Killed or frozen, if it can be had while it holds lanes.
async fn stopped(world: &Arc<World>, fault: Planned) -> Option<Watch> {
    let Planned { kind, which, lasts, seed, .. } = fault;
    let db = world.connects().await;
    let signal = |freezes: bool| {
        if let Some(daemon) = world.daemons[which].lock().expect("no panic").as_ref() {
            if freezes { daemon.freezes() } else { daemon.thaws() }
        }
    };
    let mut watch = None;
    let mut dice = Dice::new(seed);
    // So that there is something to hold.
    let _ = load::bulk(&db, &mut dice, 300).await;
    for tried in 0..TRIES {
        signal(true);
        watch = Watch::begins(world, &db, kind, which).await;
        if watch.as_ref().is_none_or(|watch| watch.holds_lanes()) || tried + 1 == TRIES {
            break;
        }
        signal(false);
        sleep(Duration::from_millis(dice.between(1, 12))).await;
    }
    if kind == Kind::Kill {
        let daemon = world.daemons[which].lock().expect("no panic").take();
        if let Some(daemon) = daemon {
            tokio::task::spawn_blocking(move || daemon.dies()).await.expect("no panic");
        }
        world.launches(which);
    }
    let held = watch.as_ref().map_or_else(|| "nobody knows what".to_owned(), Watch::held);
    world.says(format!("{kind:?} {which}, which held {held}"));
    let (measured, ()) = tokio::join!(
        async {
            match watch {
                Some(mut watch) => watch.ends(&db).await.map(|()| watch),
                None => None,
            }
        },
        async {
            sleep(lasts).await;
            if kind == Kind::Freeze {
                signal(false);
            }
        }
    );
    measured
}

async fn restarts(world: &Arc<World>, which: usize) {
    let daemon = world.daemons[which].lock().expect("no panic").take();
    if let Some(daemon) = daemon {
        let began = std::time::Instant::now();
        let ended = tokio::task::spawn_blocking(move || daemon.stops()).await.expect("no panic");
        if !ended.success() {
            world.says(format!("WRONG: SIGTERM ended a daemon with {ended} after {:?}", began.elapsed()));
        }
    }
    world.launches(which);
}

async fn crashes(world: &Arc<World>) {
    let mut held = world.server.lock().await;
    let mut server = held.take().expect("a server");
    let server = tokio::task::spawn_blocking(move || {
        server.crash();
        server.restart().expect("restarted");
        server
    });
    *held = Some(server.await.expect("no panic"));
}

/// Ends some of the engine's connections, or gives up whatever it asks for.
async fn backends(world: &Arc<World>, kind: Kind, lasts: Duration, seed: u64) {
    let db = world.connects().await;
    let mut dice = Dice::new(seed);
    let began = std::time::Instant::now();
    loop {
        let (what, of) = match kind {
            Kind::Cancel => ("pg_cancel_backend", "and state = 'active'"),
            _ => ("pg_terminate_backend", ""),
        };
        let sql = format!(
            "select count({what}(pid)) from (select pid from pg_stat_activity
              where usename like 'daemon%' {of} order by md5(pid::text || $1::text) limit $2) t"
        );
        let most = if kind == Kind::Cancel { 50 } else { dice.between(1, 4) as i64 };
        let _ = db.query(&sql, &[&dice.throw(u64::MAX).to_string(), &most]).await;
        if began.elapsed() >= lasts {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// A transaction that sits there.
async fn sits(world: &Arc<World>, kind: Kind, lasts: Duration) {
    let db = world.connects().await;
    let (begin, then) = match kind {
        Kind::LongReader => ("begin isolation level repeatable read", "select count(*) from orders"),
        Kind::IdleWriter => (
            "begin",
            "insert into orders (customer_id, total, note) select id, 12000, 'plain' from customers where email = 'c7@example.com'",
        ),
        _ => ("begin", "select 1 from loyalty_points order by customer_id limit 10 for update"),
    };
    let done = async {
        db.batch_execute(begin).await?;
        db.batch_execute(then).await?;
        sleep(lasts).await;
        db.batch_execute("commit").await
    };
    if let Err(fault) = done.await
        && fault.code().is_some_and(|code| !code.code().starts_with("57P"))
    {
        world.says(format!("WRONG: {kind:?} was refused: {fault:?}"));
    }
}

async fn steers(world: &Arc<World>, kind: Kind, which: usize, lasts: Duration, seed: u64) {
    let name = STEERED[which % STEERED.len()];
    let (first, second) = match kind {
        Kind::Republish => {
            let drawn = drawing(name, 1 + seed % 1_000_000, &world.hook.address);
            insists(world, "update workflows set definition = $2 where name = $1", &[&name, &drawn]).await;
            return;
        }
        Kind::Pause => (
            "update workflows set status = 'paused' where name = $1",
            "update workflows set status = 'published' where name = $1",
        ),
        _ => (
            "select hold_workflow(id, 'chaos', 'the test') from workflows where name = $1",
            "select release_workflow(id, false, 'the test') from workflows where name = $1",
        ),
    };
    insists(world, first, &[&name]).await;
    sleep(lasts).await;
    insists(world, second, &[&name]).await;
}

/// Until it is done, whatever happens to the server meanwhile.
pub async fn insists(world: &World, sql: &str, values: &[&(dyn tokio_postgres::types::ToSql + Sync)]) {
    loop {
        let db = world.connects().await;
        match db.execute(sql, values).await {
            Ok(_) => return,
            // A batch hung for longer than an admin waits: once more.
            Err(fault)
                if fault
                    .code()
                    .is_none_or(|code| code.code().starts_with("57P") || code.code() == "55P03") => {}
            Err(fault) => {
                world.says(format!("WRONG: an admin was refused: {fault:?}"));
                return;
            }
        }
    }
}
