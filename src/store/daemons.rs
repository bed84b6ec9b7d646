//! Which daemons work here, which died, and what they had in hand.

use chrono::{DateTime, Utc};
use tokio_postgres::Client;
use uuid::Uuid;

use super::queue::Claimed;
use super::session::{Session, Sql, StoreError};

// Beyond half of the server's queue of notifications nobody of ours notifies (`migrations/0097_faults.sql`).
pub(super) static HOLD_LOCK: Sql = Sql {
    name: "hold_lock",
    text: "select pg_try_advisory_lock(1952998511, $1) as held, pg_notification_queue_usage() >= 0.5 as deaf",
};
// By itself: two daemons that bury each other must not have their own rows locked.
pub(super) static REGISTER: Sql = Sql {
    name: "register_daemon",
    text: "insert into public.workflow_daemons (id, host, pid, version, lock) values ($1, $2, $3, $4, $5)
           on conflict (id) do update set seen_at = excluded.seen_at, died_at = null",
};
pub(super) static BURY: Sql = Sql { name: "bury_daemons", text: include_str!("sql/bury_daemons.sql") };
pub(super) static STRIKES: Sql = Sql {
    name: "strikes",
    text: "select max(s.strikes) as strikes,
                  coalesce(bool_or(s.strikes > 0 and s.struck_at > clock_timestamp() - interval '3 seconds'), false) as lately,
                  (select count(*) from public.workflow_daemons d where d.died_at is not null) as deaths
           from unnest($1::smallint[], $2::timestamptz[], $3::bigint[]) as r (lane, due_at, queue_id)
           join public.workflow_strikes s using (lane, due_at, queue_id)",
};
pub(super) static TAKE_IN_HAND: Sql = Sql {
    name: "take_in_hand",
    text: "insert into public.workflow_hands (daemon_id, worker, lanes, due_ats, queue_ids) values ($1, $2, $3, $4, $5)
           on conflict (daemon_id, worker) do update
           set lanes = excluded.lanes, due_ats = excluded.due_ats, queue_ids = excluded.queue_ids, taken_at = excluded.taken_at",
};
pub(super) static PUT_DOWN: Sql = Sql {
    name: "put_down",
    text: "with hand as (delete from public.workflow_hands where daemon_id = $1 and worker = $2)
           delete from public.workflow_strikes s
           using unnest($3::smallint[], $4::timestamptz[], $5::bigint[]) as r (lane, due_at, queue_id)
           where (s.lane, s.due_at, s.queue_id) = (r.lane, r.due_at, r.queue_id)",
};

pub(super) static FORGET_DEATHS: Sql =
    Sql { name: "forget_deaths", text: "delete from public.workflow_daemons where died_at is not null" };

/// A daemon, as it is written down.
#[derive(Debug)]
pub struct Daemon {
    /// New with each start.
    pub id: Uuid,
    /// The machine's name.
    pub host: String,
    /// Its process there.
    pub pid: i32,
    /// The number of the lock that tells that it lives.
    pub lock: i32,
}

/// What is known of queue rows that daemons had in hand when they died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strikes {
    /// The most that one of them has.
    pub most: i16,
    /// How many daemons died in the last hour, of whatever.
    pub deaths: i64,
    /// One of them was struck a moment ago.
    pub lately: bool,
}

/// What a daemon learns when it says that it lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct News {
    /// How many others died.
    pub dead: i64,
    /// Queue rows that they had in hand; only careful ones say what they have.
    pub rows: i64,
    /// The server's queue of notifications is so full that nobody notifies.
    pub deaf: bool,
}

/// Says that `daemon` lives, and finds those that do not any more. `starts` with the first word of a process.
///
/// # Errors
/// [`StoreError`].
pub async fn report(session: &Session, daemon: &Daemon, starts: bool) -> Result<News, StoreError> {
    let version = env!("CARGO_PKG_VERSION");
    let Daemon { id, host, pid, lock } = daemon;
    let (locked, registered, buried) = tokio::join!(
        biased;
        async { session.query(&HOLD_LOCK, &[lock]).await },
        async { session.execute(&REGISTER, &[id, host, pid, &version, lock]).await },
        async { session.query(&BURY, &[id, &starts]).await },
    );
    let mut news = News { deaf: locked?.first().is_some_and(|row| row.get("deaf")), ..News::default() };
    registered?;
    if let Some(row) = buried?.first() {
        (news.dead, news.rows) = (row.get("dead"), row.get("rows"));
    }
    Ok(news)
}

/// A daemon has ended as it should: it leaves nothing behind.
///
/// # Errors
/// What PostgreSQL or the connection said.
pub async fn sign_off(client: &Client, id: Uuid) -> Result<(), tokio_postgres::Error> {
    let sql = "with hands as (delete from public.workflow_hands where daemon_id = $1)
               delete from public.workflow_daemons where id = $1";
    client.execute(sql, &[&id]).await.map(|_| ())
}

fn keys(rows: &[Claimed]) -> (Vec<i16>, Vec<DateTime<Utc>>, Vec<i64>) {
    let (mut lanes, mut dues, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        lanes.push(row.lane);
        dues.push(row.due_at);
        ids.push(row.id);
    }
    (lanes, dues, ids)
}

/// What is known of these rows; `None` if no daemon died with one of them in hand.
///
/// # Errors
/// [`StoreError`].
pub async fn strikes(session: &Session, rows: &[Claimed]) -> Result<Option<Strikes>, StoreError> {
    let (lanes, dues, ids) = keys(rows);
    let found = session.query(&STRIKES, &[&lanes, &dues, &ids]).await?;
    Ok(found.first().and_then(|row| {
        let most: Option<i16> = row.get("strikes");
        Some(Strikes { most: most?, deaths: row.get("deaths"), lately: row.get("lately") })
    }))
}

/// Writes down that a worker is about to work on these rows, at once and for others to see.
///
/// # Errors
/// [`StoreError`].
pub async fn take_in_hand(
    session: &Session,
    daemon: Uuid,
    worker: i16,
    rows: &[Claimed],
) -> Result<(), StoreError> {
    let (lanes, dues, ids) = keys(rows);
    session.execute(&TAKE_IN_HAND, &[&daemon, &worker, &lanes, &dues, &ids]).await.map(|_| ())
}

/// The worker has done these rows, once the transaction at hand is committed: nothing is held against them any more.
///
/// # Errors
/// [`StoreError`].
pub async fn put_down(
    session: &Session,
    daemon: Uuid,
    worker: i16,
    rows: &[Claimed],
) -> Result<(), StoreError> {
    let (lanes, dues, ids) = keys(rows);
    session.execute(&PUT_DOWN, &[&daemon, &worker, &lanes, &dues, &ids]).await.map(|_| ())
}

/// The reason of the deaths is found: they tell nothing about other rows.
///
/// # Errors
/// [`StoreError`].
pub async fn forget_deaths(session: &Session) -> Result<(), StoreError> {
    session.execute(&FORGET_DEATHS, &[]).await.map(|_| ())
}
