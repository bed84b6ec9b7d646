//! Telling what changed to whoever watches. (`migrations/0196_changes.sql` tells of what others than the engine change.)

use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::{Client, Error};

use super::executions::{Ended, Resting};
use super::session::{Session, Sql, StoreError};

/// The channel of what changed.
pub const CHANGES: &str = "thendo_changes";
/// The channel of who watches.
pub const WATCHING: &str = "thendo_watching";
/// That somebody watches.
pub const WATCHES: &str = "watches";
/// Whether somebody does.
pub const ASKS: &str = "asks";
/// Who can hear nothing looks this often.
pub const DEAF_FOR: Duration = Duration::from_secs(5);
/// A notification has less than 8,000 bytes.
const MOST: usize = 100;

pub(super) static TELL: Sql = Sql {
    name: "tell_changes",
    text: "select pg_notify('thendo_changes', $1::text) where pg_notification_queue_usage() < 0.5 limit 1",
};

/// Says something about watching to all daemons, unless the server has more to pass on than it can.
///
/// # Errors
/// What PostgreSQL or the connection said.
pub async fn say(client: &Client, what: &str) -> Result<(), Error> {
    let sql = "select pg_notify($1, $2) where pg_notification_queue_usage() < 0.5";
    client.execute(sql, &[&WATCHING, &what]).await.map(|_| ())
}

/// Tells of executions that ended or rest, when the transaction counts.
///
/// # Errors
/// [`StoreError`].
pub async fn tell<S>(
    session: &Session,
    ended: &[Ended<'_>],
    resting: &[Resting<'_, S>],
) -> Result<(), StoreError> {
    let of = |id: uuid::Uuid, status: &str| json!({ "id": id, "status": status });
    let ended = ended.iter().map(|of_one| of(of_one.identity.id.0, of_one.status.as_str()));
    let resting = resting.iter().map(|of_one| of(of_one.identity.id.0, "waiting"));
    let all: Vec<Value> = ended.chain(resting).collect();
    if all.is_empty() {
        return Ok(());
    }
    let (told, more) = (&all[..all.len().min(MOST)], all.len().saturating_sub(MOST));
    let data = json!({ "topic": "executions", "data": { "changed": told, "more": more } }).to_string();
    session.execute(&TELL, &[&data]).await.map(|_| ())
}
