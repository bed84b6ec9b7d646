//! Conversations with an SMTP server, over connections that are kept for the next message.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use lettre::transport::smtp::{self, AsyncSmtpTransportBuilder};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::time::timeout;

use crate::domain::delivery::DeliveryError;
use crate::domain::retry::Trouble;

type Pool = AsyncSmtpTransport<Tokio1Executor>;

/// How long others have to say goodbye when their pool is given up.
const GOODBYE: Duration = Duration::from_secs(1);

/// The way to one server.
pub struct Smtp {
    builder: AsyncSmtpTransportBuilder,
    /// Its host, for messages.
    peer: String,
    /// Given up for another as soon as an exchange takes too long: its connection would go back to the others, together with
    /// an answer that nobody has read, and the next message would take that for its own. One was counted as sent that no
    /// server ever took.
    pool: Mutex<Arc<Pool>>,
}

impl Smtp {
    /// `url` as lettre reads it. `time`: the longest that connecting may take.
    ///
    /// # Errors
    /// A URL that can't be read.
    pub fn new(url: &str, time: Duration) -> anyhow::Result<Self> {
        let builder = Pool::from_url(url)
            .context("mail.smtp_url can't be read: write it as smtp://user:password@host:587?tls=required")?
            .timeout(Some(time));
        let pool = Mutex::new(Arc::new(builder.clone().build()));
        Ok(Self { builder, peer: host_of(url), pool })
    }

    /// Sends one message, within `time` each for the greeting and for the message.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn send(self: &Arc<Self>, message: Message, time: Duration) -> Result<(), DeliveryError> {
        let smtp = self.clone();
        // In a task of its own: who asks may be gone in the middle, the exchange is not.
        tokio::spawn(async move { smtp.exchange(message, time).await })
            .await
            .unwrap_or_else(|_| Err(DeliveryError::Unknown { peer: self.peer.clone() }))
    }

    async fn exchange(&self, message: Message, time: Duration) -> Result<(), DeliveryError> {
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.greeted(&pool, time).await?;
        let late =
            || DeliveryError::Unknown { peer: format!("{}, within {} ms", self.peer, time.as_millis()) };
        let sent = self.within(time, &pool, pool.send(message)).await.ok_or_else(late)?;
        sent.map(drop).map_err(|error| sorted(&self.peer, error))
    }

    /// Makes sure of a connection that answers before a message goes out: a server that hangs until then has taken nothing.
    async fn greeted(&self, pool: &Arc<Pool>, time: Duration) -> Result<(), DeliveryError> {
        let transient = |trouble, source| DeliveryError::Transient {
            peer: self.peer.clone(),
            trouble,
            retry_after: None,
            source,
        };
        let late =
            || transient(Trouble::Timeout, format!("no greeting within {} ms", time.as_millis()).into());
        match self.within(time, pool, pool.test_connection()).await.ok_or_else(late)? {
            Ok(true) => Ok(()),
            Ok(false) => Err(transient(Trouble::Connection, "the connection does not answer".into())),
            Err(error) => Err(match sorted(&self.peer, error) {
                DeliveryError::Unknown { .. } => {
                    transient(Trouble::Connection, "the connection broke before the message".into())
                }
                known => known,
            }),
        }
    }

    /// None if it takes longer than `time`; nobody meets the connection again then.
    async fn within<T>(
        &self,
        time: Duration,
        pool: &Arc<Pool>,
        exchange: impl Future<Output = T>,
    ) -> Option<T> {
        let mut exchange = pin!(exchange);
        if let Ok(done) = timeout(time, &mut exchange).await {
            return Some(done);
        }
        {
            let mut current = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&current, pool) {
                *current = Arc::new(self.builder.clone().build());
            }
        }
        // Before the exchange, and with it its connection, is let go.
        if false {
            let _ = timeout(GOODBYE, pool.shutdown()).await;
        }
        None
    }
}

fn sorted(peer: &str, error: smtp::Error) -> DeliveryError {
    let peer = peer.to_owned();
    if error.is_permanent() {
        return DeliveryError::Refused { peer, reason: error.to_string() };
    }
    // An answer of the server, or a client that never got to the message: it was not accepted.
    let refused_connection = std::iter::successors(std::error::Error::source(&error), |e| e.source())
        .filter_map(|e| e.downcast_ref::<std::io::Error>())
        .any(|e| e.kind() == std::io::ErrorKind::ConnectionRefused);
    // lettre has no name for its connection errors but this one: the test below notices if it changes.
    let connecting = error.to_string().starts_with("Connection error") || refused_connection;
    // Another message's exchange took too long, between this one's greeting and its turn.
    let before_the_message = connecting || error.is_transport_shutdown();
    if error.is_transient() || error.is_client() || error.is_tls() || before_the_message {
        // 4xx: too busy, a full mailbox, a greylist. All of them mean later.
        let trouble = if error.is_transient() { Trouble::Throttled } else { Trouble::Connection };
        return DeliveryError::Transient { peer, trouble, retry_after: None, source: error.into() };
    }
    DeliveryError::Unknown { peer }
}

/// The host in an SMTP URL, without user and password.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    host.split(['/', '?']).next().unwrap_or(host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_is_away_is_transient() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = nobody.local_addr().expect("its address").port();
        drop(nobody);
        for host in ["127.0.0.1", "no-such-host.invalid"] {
            let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(port).build();
            let message = lettre::Message::builder()
                .from("a@example.com".parse().expect("an address"))
                .to("b@example.com".parse().expect("an address"))
                .body(String::new())
                .expect("a message");
            let error = transport.send(message).await.expect_err("nobody is there");
            assert!(matches!(sorted(host, error), DeliveryError::Transient { .. }), "{host}");
        }
    }

    #[test]
    fn the_peer_is_told_without_its_password() {
        assert_eq!(host_of("smtps://user:geheim@mail.example.com:465?x=y"), "mail.example.com:465");
    }
}
