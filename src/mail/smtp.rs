//! Conversations with an SMTP server, over connections that are kept for the next message.
//!
//! Rejected: lettre's own pool. A conversation that is given up in the middle goes back to it with an answer that nobody
//! has read, and the next message takes that for its own: one was counted as sent that no server ever took. And it says
//! neither by which connection a message goes, nor how far it got.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use lettre::{Address, Message};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::server::Server;
use crate::domain::delivery::DeliveryError;
use crate::domain::retry::Trouble;

/// How long a connection is kept without a message.
const IDLE: Duration = Duration::from_secs(20);
/// How long one that was kept may take to say that it is still there.
const STILL_THERE: Duration = Duration::from_secs(2);

/// What a server says that is ready for the message itself.
const GO_AHEAD: u16 = 354;

/// The way to one server.
pub struct Smtp {
    server: Server,
    /// Only those whose last message was taken with a word; the newest last.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    lines: Vec<(AsyncSmtpConnection, Instant)>,
    /// Somebody ends those that lie too long.
    looked_after: bool,
}

impl Smtp {
    /// To the server that `url` names.
    ///
    /// # Errors
    /// A URL that can't be read.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self { server: Server::from_url(url)?, kept: Mutex::default() })
    }

    /// Sends one message, within `time` each for a connection and for the message. Who gives up in the middle ends the
    /// connection.
    ///
    /// # Errors
    /// [`DeliveryError`]; unknown only if all of the message may have been handed over.
    pub async fn send(self: &Arc<Self>, message: &Message, time: Duration) -> Result<(), DeliveryError> {
        let peer = self.server.peer();
        let late = |what: &str| {
            let source = format!("no {what} within {} ms", time.as_millis());
            transient(&peer, Trouble::Timeout, source)
        };
        let line = timeout(time, self.line(time)).await.map_err(|_| late("greeting"))?;
        let mut line = line.map_err(|error| not_there(&peer, error))?;
        let until = Instant::now() + time;
        let text = message.formatted();
        let announced = timeout_at(until, announce(&mut line, message, text.is_ascii())).await;
        let go_ahead = announced.map_err(|_| late("go-ahead"))?.map_err(|error| refused(&peer, error))?;
        if !go_ahead.has_code(GO_AHEAD) {
            return Err(transient(&peer, Trouble::Server, format!("no go-ahead but {}", go_ahead.code())));
        }
        match timeout_at(until, line.message(&text)).await {
            Ok(Ok(taken)) if taken.code().severity == Severity::PositiveCompletion => {
                self.keeps(line);
                Ok(())
            }
            Ok(Err(error)) if error.status().is_some() => Err(refused(&peer, error)),
            Ok(_) => Err(DeliveryError::Unknown { peer }),
            Err(_) => Err(DeliveryError::Unknown { peer: format!("{peer}, within {} ms", time.as_millis()) }),
        }
    }

    /// One that was kept, if it still answers, else a new one: a server that hangs until then has taken nothing.
    async fn line(&self, time: Duration) -> Result<AsyncSmtpConnection, Error> {
        loop {
            let Some((mut line, since)) = self.kept().lines.pop() else { break };
            let answers = timeout(STILL_THERE.min(time / 2), line.test_connected());
            if since.elapsed() < IDLE && answers.await.unwrap_or(false) {
                return Ok(line);
            }
        }
        self.server.connects(time).await
    }

    fn keeps(self: &Arc<Self>, line: AsyncSmtpConnection) {
        let mut kept = self.kept();
        kept.lines.push((line, Instant::now()));
        if !std::mem::replace(&mut kept.looked_after, true) {
            tokio::spawn(end_idle(Arc::downgrade(self)));
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says goodbye to connections that nobody needs any more; ends with the last of them.
async fn end_idle(smtp: Weak<Smtp>) {
    loop {
        sleep(IDLE / 2).await;
        let Some(smtp) = smtp.upgrade() else { return };
        let (idle, all) = {
            let mut kept = smtp.kept();
            let idle = kept.lines.extract_if(.., |(_, since)| since.elapsed() >= IDLE);
            let idle: Vec<AsyncSmtpConnection> = idle.map(|(line, _)| line).collect();
            kept.looked_after = !kept.lines.is_empty();
            (idle, !kept.looked_after)
        };
        for mut line in idle {
            let _ = timeout(STILL_THERE, line.quit()).await;
        }
        if all {
            return;
        }
    }
}

/// Everything before the message itself.
async fn announce(
    line: &mut AsyncSmtpConnection,
    message: &Message,
    is_ascii: bool,
) -> Result<Response, Error> {
    let envelope = message.envelope();
    let mut parameters = Vec::new();
    let is_plain = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    if !envelope.from().is_none_or(is_plain) || !envelope.to().iter().all(is_plain) {
        parameters.push(MailParameter::SmtpUtfEight);
    }
    // A server that has never heard of it takes such bytes anyway, or says no.
    if !is_ascii && line.server_info().supports_feature(Extension::EightBitMime) {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    line.command(Mail::new(envelope.from().cloned(), parameters)).await?;
    for to in envelope.to() {
        line.command(Rcpt::new(to.clone(), Vec::new())).await?;
    }
    line.command(Data).await
}

/// What the server said no to, or broke off; nothing has been handed over, or not taken.
fn refused(peer: &str, error: Error) -> DeliveryError {
    match error.is_permanent() {
        true => DeliveryError::Refused { peer: peer.to_owned(), reason: error.to_string() },
        false => not_there(peer, error),
    }
}

/// Of a server that says no before it hears of the message, that is no word about the message: a password can be mended.
fn not_there(peer: &str, error: Error) -> DeliveryError {
    // 4xx: too busy, a full mailbox, a greylist. All of them mean later.
    let trouble = if error.is_transient() { Trouble::Throttled } else { Trouble::Connection };
    transient(peer, trouble, error)
}

fn transient(
    peer: &str,
    trouble: Trouble,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> DeliveryError {
    DeliveryError::Transient { peer: peer.to_owned(), trouble, retry_after: None, source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_is_away_is_transient() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = nobody.local_addr().expect("its address").port();
        drop(nobody);
        let message = Message::builder()
            .from("a@example.com".parse().expect("an address"))
            .to("b@example.com".parse().expect("an address"))
            .body(String::new())
            .expect("a message");
        for host in ["127.0.0.1", "no-such-host.invalid"] {
            let smtp = Arc::new(Smtp::new(&format!("smtp://{host}:{port}")).expect("a server"));
            let error = smtp.send(&message, Duration::from_secs(5)).await.expect_err("nobody is there");
            assert!(matches!(error, DeliveryError::Transient { trouble: Trouble::Connection, .. }), "{host}");
        }
    }
}
