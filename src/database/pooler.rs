//! Whether a connection is one session of the server's. Behind a pooler in transaction mode it is not: prepared statements,
//! settings, the role that is taken and locks end up with strangers, and what strangers left is met.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Client;
use uuid::Uuid;

use super::connect::{self, ConnectError};
use crate::domain::settings::mask_url;

/// Another client may take the very session that is asked about.
const TRIES: usize = 3;
/// A pooler without a free session lets its clients wait.
const PATIENCE: Duration = Duration::from_secs(3);

/// The connection string leads to a pooler in transaction mode.
#[derive(Debug, thiserror::Error)]
#[error("{shown} leads through a pooler in transaction mode, where no session is thendo's own")]
pub struct SharedSessions {
    shown: String,
}

impl SharedSessions {
    /// What to do about it.
    pub fn help(&self) -> String {
        "use the direct connection, or the pooler's session mode (Supabase: port 5432 instead of 6543). In transaction mode \
         roles, settings and locks of thendo's would fall to the shop's other programs"
            .into()
    }
}

/// Refuses a pooler that shares sessions out by the transaction. Nothing but a setting of no meaning is left with strangers.
///
/// # Errors
/// [`SharedSessions`]; [`ConnectError`] and others when nobody answers.
pub async fn refuse_shared_sessions(url: &SecretString) -> anyhow::Result<()> {
    let (one, other) = (bare(url).await?, bare(url).await?);
    let mut answered = false;
    for _ in 0..TRIES {
        match tokio::time::timeout(PATIENCE, are_shared(&one, &other)).await {
            Ok(Ok(true)) => return Err(SharedSessions { shown: mask_url(url.expose_secret()) }.into()),
            Ok(Ok(false)) => answered = true,
            Ok(Err(_)) | Err(_) => {}
        }
    }
    // A pooler whose sessions are all taken must not pass for none.
    anyhow::ensure!(
        answered,
        "{}: no session is free, and so it is not known whether they are shared by the transaction",
        mask_url(url.expose_secret())
    );
    Ok(())
}

async fn bare(url: &SecretString) -> Result<Client, ConnectError> {
    let (client, connection) = connect::with(url, "probe", "").await?;
    tokio::spawn(connect::drive(connection));
    Ok(client)
}

/// One says something in its session; the other takes a session for a transaction, the one's if that is free. Then either
/// the other hears what was said, or the one does no more.
async fn are_shared(one: &Client, other: &Client) -> Result<bool, tokio_postgres::Error> {
    let mark = Uuid::new_v4().to_string();
    let hears = async |client: &Client| {
        let said = client.simple_query("select current_setting('thendo.session', true)").await?;
        let said = said.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        Ok::<_, tokio_postgres::Error>(said == Some(mark.as_str()))
    };
    one.batch_execute(&format!("set thendo.session = '{mark}'")).await?;
    other.batch_execute("begin").await?;
    let shared = hears(other).await? || !hears(one).await?;
    other.batch_execute("rollback").await?;
    one.batch_execute("reset thendo.session").await?;
    Ok(shared)
}
