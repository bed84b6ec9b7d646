//! What a server can do to a daemon: full, replaced, contended, flooded. Each goes on or stops with a clear word, heals
//! by itself, and nothing is lost or doubled.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use thendo::database::server::binaries::{self, Binaries};
use thendo::database::server::owner::Owner;
use thendo::database::server::{Options, PrivateServer};
use tokio_postgres::Client;

use crate::support::daemon::Daemon;
use crate::support::server::thendo;
use crate::support::wire::Wire;
use crate::support::{Shop, connect, points_and_deposit, until};

/// A server of one's own, migrated, with one customer and the workflow that awards points.
struct Own {
    server: PrivateServer,
    url: String,
}

impl Own {
    async fn start(folder: &Path, bin_dir: Option<String>, settings: &[(&str, &str)]) -> Self {
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options = Options { data_dir: folder.join("data"), bin_dir: bin_dir.map(Into::into), settings };
        let server =
            tokio::task::spawn_blocking(move || PrivateServer::start(&options).expect("a server")).await;
        let server = server.expect("no panic");
        let url = server.url("thendo");
        let migrated = thendo().args(["migrate", "--database-url", &url]).output().expect("the built binary");
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        let db = connect(&url).await;
        db.execute("insert into customers (email) values ('ada@example.com')", &[])
            .await
            .expect("a customer");
        Self { server, url }
    }
}

async fn publishes_points(db: &Client) {
    let sql = "insert into workflows (name, status, definition) values ('points', 'published', $1)";
    db.execute(sql, &[&points_and_deposit()]).await.expect("a workflow");
    until("it is in force", || async {
        number(db, "select coalesce(max(live_version), 0) from workflows").await == 1
    })
    .await;
}

async fn number(db: &Client, sql: &str) -> i64 {
    let row = db.query_one(&format!("select ({sql})::bigint"), &[]).await;
    row.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

const ORDER: &str = "insert into orders (customer_id, total) select id, 25000 from customers limit 1";

/// Every order that was committed has its points, once.
async fn each_order_was_served_once(db: &Client) {
    until("the queue is empty", || async { number(db, "select count(*) from workflow_queue").await == 0 })
        .await;
    let off = "select count(*) from orders o where (select count(*) from loyalty_ledger l where l.order_id = o.id) <> 1";
    assert_eq!(number(db, off).await, 0, "orders without exactly one award");
    let failed = "select count(*) from workflow_executions where status <> 'succeeded'";
    assert_eq!(number(db, failed).await, 0, "failed executions");
}

/// A folder on a small disk of its own, if this machine lets us make one.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, mib: u32) -> Option<Self> {
        let size = format!("size={mib}m,mode=0755");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output();
        mounted.ok()?.status.success().then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(&self.0).output();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_loudly_and_all_goes_on_once_there_is_room() {
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let disk = tempfile::tempdir_in("/tmp").expect("a folder");
    let Some(_mounted) = SmallDisk::mount(disk.path(), 160) else {
        println!("SKIPPED: a full disk needs the right to mount a small one");
        return;
    };
    let own = Own::start(
        disk.path(),
        None,
        &[("max_wal_size", "32MB"), ("min_wal_size", "32MB"), ("fsync", "off")],
    )
    .await;
    let daemon = Daemon::start(&own.url, folder.path(), &[]).await;
    let db = connect(&own.url).await;
    publishes_points(&db).await;
    // The write-ahead log has its files already; what is full is the place for tables.
    let filler = disk.path().join("filler");
    let full =
        Command::new("dd").args(["if=/dev/zero", "bs=64k"]).arg(format!("of={}", filler.display())).output();
    assert!(!full.expect("dd").status.success(), "the disk is not full");
    let (mut placed, mut refused) = (0, 0);
    for _ in 0..400 {
        let sql = "insert into orders (customer_id, total, note) select id, 25000, repeat(md5(random()::text), 30) from customers";
        match db.execute(sql, &[]).await {
            Ok(_) => placed += 1,
            Err(error) => {
                let code = error.code().expect("the server says why").code();
                assert_eq!(code, "53100", "{error:?}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "{placed} orders found room: the test tests nothing");
    until("the daemon says so", || async {
        let stuck = number(&db, "select count(*) from workflow_queue").await > 0;
        !stuck || daemon.logged().contains("batches fail one after the other")
    })
    .await;
    std::fs::remove_file(&filler).expect("room again");
    each_order_was_served_once(&db).await;
    assert_eq!(number(&db, "select count(*) from orders").await, placed);
    daemon.is_ready().await;
    println!("{placed} orders placed, {refused} refused by a full disk");
    assert!(daemon.stops().success());
}

#[tokio::test]
async fn a_failover_to_a_standby_goes_on_where_the_old_server_ended() {
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let mut own = Own::start(
        folder.path(),
        None,
        &[("wal_level", "replica"), ("max_wal_senders", "4"), ("fsync", "off")],
    )
    .await;
    let wire = Wire::open(&own.url, false).await;
    let daemon = Daemon::start(&wire.url, folder.path(), &[]).await;
    let db = connect(&own.url).await;
    publishes_points(&db).await;
    db.execute(ORDER, &[]).await.expect("an order");
    let Some(standby) = Standby::of(&own.url, &folder.path().join("data/postgres")) else {
        println!("SKIPPED: no pg_basebackup beside the server");
        return;
    };
    for _ in 0..50 {
        db.execute(ORDER, &[]).await.expect("an order");
    }
    // What the standby has not received is lost with the server: that is the shop's choice, and not ours to mend.
    let behind = "select count(*) from pg_stat_replication where replay_lsn = pg_current_wal_lsn()";
    until("the standby has all", || async { number(&db, behind).await == 1 }).await;
    own.server.crash();
    standby.is_promoted();
    wire.leads_to(&standby.url);
    let db = connect(&standby.url).await;
    db.execute(ORDER, &[]).await.expect("an order at the new server");
    each_order_was_served_once(&db).await;
    assert!(number(&db, "select count(*) from orders").await >= 50);
    daemon.is_ready().await;
    assert!(daemon.stops().success());
}

/// A copy of a server that follows it.
struct Standby {
    url: String,
    folder: tempfile::TempDir,
    binaries: Binaries,
    owner: Owner,
}

impl Standby {
    fn of(url: &str, cluster: &Path) -> Option<Self> {
        let binaries = binaries::find(None, cluster).ok()?;
        if !binaries.program("pg_basebackup").exists() {
            return None;
        }
        let folder = tempfile::tempdir_in("/tmp").ok()?;
        let passable = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(folder.path(), passable).ok()?;
        let owner = Owner::of_server(cluster).ok()?;
        let here = folder.path().join("standby").display().to_string();
        owner.make_private_dir(Path::new(&here)).ok()?;
        let user = url.split("user=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or("postgres");
        let url_here =
            format!("postgresql:///thendo?host={}&port=5433&user={user}", here.replace('/', "%2F"));
        let standby = Self { url: url_here, folder, binaries, owner };
        let data = standby.data();
        standby.runs("pg_basebackup", &["-d", url, "-D", &data, "-R", "-X", "stream", "-c", "fast"]);
        let options = format!(
            "-k {here} -c listen_addresses='' -c port=5433 -c max_connections=400 -c max_wal_senders=10 \
             -c max_worker_processes=32 -c max_locks_per_transaction=256"
        );
        standby.runs(
            "pg_ctl",
            &["-D", &data, "-w", "-l", &format!("{data}/server.log"), "-o", &options, "start"],
        );
        Some(standby)
    }

    fn data(&self) -> String {
        self.folder.path().join("standby").display().to_string()
    }

    fn runs(&self, program: &str, arguments: &[&str]) {
        let mut command = self.owner.command(&self.binaries.program(program));
        let done = command.args(arguments).current_dir("/").stdout(Stdio::null()).status().expect(program);
        assert!(done.success(), "{program} {arguments:?}");
    }

    fn is_promoted(&self) {
        self.runs("pg_ctl", &["-D", &self.data(), "-w", "promote"]);
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let mut command = self.owner.command(&self.binaries.program("pg_ctl"));
        let _ = command.args(["-D", &self.data(), "-m", "immediate", "stop"]).current_dir("/").output();
    }
}

/// Errors that mean nobody's fault: they are tried again until they pass, and count against no row.
#[tokio::test]
async fn deadlocks_and_serialization_failures_are_tried_again_and_blamed_on_nobody() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.db
        .batch_execute(
            "create sequence hitches;
             grant usage on hitches to public;
             create function hitch() returns trigger language plpgsql as $$ declare nth bigint := nextval('hitches'); begin
               if nth <= 12 then
                 raise exception 'provoked' using errcode = (array['40001', '40P01', '55P03'])[1 + nth % 3];
               end if;
               return new; end $$;
             create trigger hitch before insert on loyalty_ledger for each row execute function hitch();",
        )
        .await
        .expect("hitches");
    for _ in 0..30 {
        shop.places_order(200_00).await;
    }
    shop.has_settled().await;
    assert!(shop.number("select last_value from hitches", &[]).await > 12, "nothing was provoked");
    assert_eq!(shop.count("loyalty_ledger").await, 30);
    assert_eq!(
        shop.number("select count(*) from workflow_executions where status = 'succeeded'", &[]).await,
        30
    );
    assert!(daemon.metric("thendo_batches_rolled_back_total").await >= 12.0);
    assert_eq!(daemon.metric("thendo_rows_set_aside_total").await, 0.0);
}

/// A shop that locks balances the other way round waits for the engine's batch at most, and is never the victim.
#[tokio::test]
async fn a_shop_that_locks_in_another_order_is_never_the_victim_of_a_deadlock() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.db
        .batch_execute(
            "insert into customers (email) select 'c' || g || '@example.com' from generate_series(1, 50) g",
        )
        .await
        .expect("customers");
    let order = "insert into orders (customer_id, total) select id, 10000 from customers";
    shop.db.execute(order, &[]).await.expect("orders");
    shop.has_settled().await;
    let mut other = connect(&shop.url).await;
    // As a shop's own session is: it waits for as long as it takes.
    other.batch_execute("set lock_timeout = 0").await.expect("patience");
    for _ in 0..15 {
        shop.db.execute(order, &[]).await.expect("orders");
        let open = other.transaction().await.expect("a transaction");
        for half in
            ["id >= '80000000-0000-0000-0000-000000000000'", "id < '80000000-0000-0000-0000-000000000000'"]
        {
            let sql = format!(
                "select from loyalty_points where customer_id in (select id from customers where {half})
                 order by customer_id desc for update"
            );
            open.execute(&sql, &[]).await.expect("the shop is not the victim");
        }
        open.commit().await.expect("committed");
    }
    shop.has_settled().await;
    assert_eq!(shop.number("select count(*) from loyalty_points where balance = 1600", &[]).await, 51);
}

/// A backlog costs disk, not memory.
#[tokio::test]
async fn a_backlog_of_two_hundred_thousand_is_worked_off_in_bounded_memory() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    daemon.dies();
    shop.db
        .batch_execute(
            "set statement_timeout = 0;
             insert into customers (email) select 'c' || g || '@example.com' from generate_series(1, 500) g;
             insert into orders (customer_id, total, note)
                 select id, 1000, repeat('x', 300) from customers, generate_series(1, 400) where email like 'c%';
             -- And some of a megabyte, of which events keep what fits.
             insert into orders (customer_id, total, note)
                 select id, 20000, (select string_agg(md5(g::text), '') from generate_series(1, 32000) g)
                 from customers where email like 'c1_@%';",
        )
        .await
        .expect("a backlog");
    let queued = shop.count("workflow_queue").await;
    assert!(queued > 200_000, "{queued} queued");
    let daemon = shop.daemon().await;
    let began = Instant::now();
    until_within(Duration::from_secs(240), "the backlog is worked off", || async {
        shop.number("select count(*) from (select from workflow_queue limit 1) q", &[]).await == 0
    })
    .await;
    let memory = daemon.most_memory();
    println!("{queued} queued rows in {:?}, at most {memory:?} MiB", began.elapsed());
    assert!(memory.is_none_or(|mib| mib < 400), "{memory:?} MiB");
    assert!(shop.count("workflow_executions").await >= 200_010);
    assert_eq!(shop.count("loyalty_ledger").await, 10, "those of 100.00 and more");
}

async fn until_within<F: Future<Output = bool>>(most: Duration, what: &str, mut holds: impl FnMut() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < most, "waited {most:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A listener that never ends its transaction keeps every notification. The server refuses whoever notifies once there is
/// no room left: nobody of ours does by then, and orders are taken and served all the same.
#[tokio::test]
#[ignore = "needs a newer PostgreSQL: make test"]
async fn a_full_queue_of_notifications_refuses_no_order_and_is_said() {
    let newer = std::env::var("TEST_NEWER_POSTGRES").expect("a newer PostgreSQL");
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let own =
        Own::start(folder.path(), Some(newer), &[("max_notify_queue_pages", "64"), ("fsync", "off")]).await;
    let daemon = Daemon::start(&own.url, folder.path(), &[]).await;
    let db = connect(&own.url).await;
    publishes_points(&db).await;
    let listener = connect(&own.url).await;
    listener
        .batch_execute("set idle_in_transaction_session_timeout = 0; listen elsewhere")
        .await
        .expect("a listener");
    listener.batch_execute("begin").await.expect("it idles in its transaction");
    listener.batch_execute("select 1").await.expect("it idles in its transaction");
    // Until somebody is refused.
    let fill = "select count(pg_notify('elsewhere', g || repeat('x', 1000))) from generate_series(1, 40) g";
    let mut refused = None;
    for _ in 0..200 {
        if let Err(error) = db.query_one(fill, &[]).await {
            refused = error.code().map(|code| code.code().to_owned());
            break;
        }
    }
    assert_eq!(refused.as_deref(), Some("54000"), "the queue did not fill");
    // With a daemon asleep a write would notify.
    for _ in 0..10 {
        db.execute(ORDER, &[]).await.expect("an order is taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    db.execute("update workflows set description = 'edited', definition = definition || '{\"x\": 1}'", &[])
        .await
        .expect("an edit is taken");
    each_order_was_served_once(&db).await;
    // One that starts now works too, and says what is the matter.
    let second = Daemon::start(&own.url, folder.path(), &[]).await;
    until("it is said", || async { second.logged().contains("queue of notifications is half full") }).await;
    db.execute(ORDER, &[]).await.expect("an order is taken");
    each_order_was_served_once(&db).await;
    drop(listener);
    until("it is said that it is over", || async { second.logged().contains("has emptied") }).await;
    assert!(daemon.stops().success());
    assert!(second.stops().success());
}
