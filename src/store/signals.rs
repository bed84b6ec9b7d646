//! What sessions say to each other beside rows: notifications and the gate.

use tokio_postgres::{Client, Error};

/// Listens on `channel`, which must be a plain name.
///
/// # Errors
/// What PostgreSQL or the connection said.
pub async fn listen(client: &Client, channel: &str) -> Result<(), Error> {
    client.batch_execute(&format!("listen {channel}")).await
}

/// No longer listens on `channel`.
///
/// # Errors
/// What PostgreSQL or the connection said.
pub async fn stop_listening(client: &Client, channel: &str) -> Result<(), Error> {
    client.batch_execute(&format!("unlisten {channel}")).await
}

/// Notifies `channel`, without a payload.
///
/// # Errors
/// What PostgreSQL or the connection said.
pub async fn notify(client: &Client, channel: &str) -> Result<(), Error> {
    client.batch_execute(&format!("notify {channel}")).await
}

/// Closes the gate: waits until no writer's transaction holds it open, however long that takes.
///
/// # Errors
/// The wait was cancelled, or the connection is gone.
pub async fn close_gate(client: &Client) -> Result<(), Error> {
    // It waits on purpose: without the limits that the engine's other sessions have.
    client
        .batch_execute(
            "set lock_timeout = 0; set statement_timeout = 0; select pg_advisory_lock(1952998511, 0)",
        )
        .await
}

/// Opens the gate again.
///
/// # Errors
/// The connection is gone, and with it the lock.
pub async fn open_gate(client: &Client) -> Result<(), Error> {
    client.batch_execute("select pg_advisory_unlock(1952998511, 0)").await
}
