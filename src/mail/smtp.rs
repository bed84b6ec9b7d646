//! Conversations with an SMTP server, over connections that are kept for the next message.
//!
//! Rejected: lettre's own pool. A conversation that is given up in the middle goes back to it with an answer that nobody
//! has read, and the next message takes that for its own: one was counted as sent that no server ever took. And it says
//! neither by which connection a message goes, nor how far it got.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::compose::Letter;
use super::server::{self, Server};
use crate::domain::delivery::{DeliveryError, Reply};
use crate::domain::retry::Trouble;

/// How long a connection is kept without a message.
const IDLE: Duration = Duration::from_secs(20);
/// Servers let so many messages come by one connection, or more.
const MOST_MESSAGES: u32 = 100;
/// How long one that was kept may take to say that it is still there, and any to say goodbye.
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
    lines: Vec<Line>,
    /// Somebody ends those that lie too long.
    looked_after: bool,
}

/// A connection.
struct Line {
    smtp: AsyncSmtpConnection,
    messages: u32,
    used: Instant,
}

/// How a message ended, and whether every answer was read: else nobody may speak by that line again.
struct Ended {
    sent: Result<(), DeliveryError>,
    is_clean: bool,
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
    pub async fn send(self: &Arc<Self>, letter: &Letter, time: Duration) -> Result<(), DeliveryError> {
        let peer = self.server.peer();
        // lettre takes some nonsense of a server's for impossible.
        let line = timeout(time, AssertUnwindSafe(self.line(time)).catch_unwind()).await;
        let line = line.map_err(|_| late(&peer, "greeting", time))?;
        let line = line.map_err(|_| transient(&peer, Trouble::Connection, "its greeting can't be read"))?;
        let mut line = line.map_err(|error| match error.downcast::<Error>() {
            Ok(error) => not_there(&peer, *error),
            Err(error) => transient(&peer, Trouble::Connection, error),
        })?;
        let Ended { sent, is_clean } = exchange(&mut line.smtp, &peer, letter, time).await;
        line.messages += 1;
        line.used = Instant::now();
        match is_clean {
            true if sent.is_ok() && line.messages < MOST_MESSAGES => self.keeps(line),
            true => drop(tokio::spawn(line.ends())),
            false => {}
        }
        sent
    }

    /// One that was kept, if it still answers, else a new one: a server that hangs until then has taken nothing.
    async fn line(&self, time: Duration) -> Result<Line, server::Error> {
        loop {
            let Some(mut line) = self.kept().lines.pop() else { break };
            let answers = timeout(STILL_THERE.min(time / 2), line.smtp.test_connected());
            if line.used.elapsed() < IDLE && answers.await.unwrap_or(false) {
                return Ok(line);
            }
        }
        Ok(Line { smtp: self.server.connects(time).await?, messages: 0, used: Instant::now() })
    }

    fn keeps(self: &Arc<Self>, line: Line) {
        let mut kept = self.kept();
        kept.lines.push(line);
        if !std::mem::replace(&mut kept.looked_after, true) {
            tokio::spawn(end_idle(Arc::downgrade(self)));
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Says goodbye.
    async fn ends(mut self) {
        let _ = timeout(STILL_THERE, self.smtp.quit()).await;
    }
}

/// Says goodbye to connections that nobody needs any more; ends with the last of them.
async fn end_idle(smtp: Weak<Smtp>) {
    loop {
        sleep(IDLE / 2).await;
        let Some(smtp) = smtp.upgrade() else { return };
        let (idle, all) = {
            let mut kept = smtp.kept();
            let idle: Vec<Line> = kept.lines.extract_if(.., |line| line.used.elapsed() >= IDLE).collect();
            kept.looked_after = !kept.lines.is_empty();
            (idle, !kept.looked_after)
        };
        for line in idle {
            line.ends().await;
        }
        if all {
            return;
        }
    }
}

async fn exchange(line: &mut AsyncSmtpConnection, peer: &str, letter: &Letter, time: Duration) -> Ended {
    let until = Instant::now() + time;
    let text = &letter.bytes;
    let parameters = match parameters(line, letter, text.is_ascii()) {
        Ok(parameters) => parameters,
        Err(reason) => {
            let refused = DeliveryError::Refused { peer: peer.to_owned(), reason: reason.to_owned() };
            return Ended { sent: Err(refused), is_clean: true };
        }
    };
    match timeout_at(until, announce(line, letter, parameters)).await {
        Ok(Ok(word)) if word.has_code(GO_AHEAD) => {}
        Ok(Ok(word)) => {
            let error = transient(peer, Trouble::Server, format!("no go-ahead but {}", word.code()));
            return Ended { sent: Err(error), is_clean: false };
        }
        Ok(Err((error, of_recipient))) => {
            let is_clean = error.status().is_some();
            return Ended { sent: Err(refused(peer, error, of_recipient)), is_clean };
        }
        Err(_) => return Ended { sent: Err(late(peer, "go-ahead", time)), is_clean: false },
    }
    // Asked for more, all of the text has gone, but not yet the mark of its end.
    let mut whole = false;
    let parts = std::iter::once(text.as_slice()).chain(std::iter::from_fn(|| {
        whole = true;
        None
    }));
    let taken = timeout_at(until, line.message_iter(parts)).await;
    let unknown = |peer: String| match whole {
        true => DeliveryError::Unknown { peer },
        false => transient(&peer, Trouble::Connection, "it broke off in the middle of the message"),
    };
    match taken {
        Ok(Ok(word)) if word.code().severity == Severity::PositiveCompletion => {
            Ended { sent: Ok(()), is_clean: true }
        }
        Ok(Err(error)) if error.status().is_some() => {
            Ended { sent: Err(refused(peer, error, false)), is_clean: true }
        }
        Ok(_) => Ended { sent: Err(unknown(peer.to_owned())), is_clean: false },
        Err(_) => {
            let peer = format!("{peer}, within {} ms", time.as_millis());
            Ended { sent: Err(unknown(peer)), is_clean: false }
        }
    }
}

/// What the server must know of the message beforehand; an error if it can't take such a one.
fn parameters(
    line: &AsyncSmtpConnection,
    letter: &Letter,
    is_ascii: bool,
) -> Result<Vec<MailParameter>, &'static str> {
    let envelope = &letter.envelope;
    let is_plain = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    let mut parameters = Vec::new();
    if !envelope.from().is_none_or(is_plain) || !envelope.to().iter().all(is_plain) {
        if !line.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err("the address has letters beyond ASCII, and the server takes none (SMTPUTF8)");
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    // A server that has never heard of it takes such bytes anyway, or says no.
    if !is_ascii && line.server_info().supports_feature(Extension::EightBitMime) {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

/// Everything before the message itself. With an error: whether it is about the recipient.
async fn announce(
    line: &mut AsyncSmtpConnection,
    letter: &Letter,
    parameters: Vec<MailParameter>,
) -> Result<Response, (Error, bool)> {
    let envelope = &letter.envelope;
    let (of_recipient, of_all) = (|error| (error, true), |error| (error, false));
    line.command(Mail::new(envelope.from().cloned(), parameters)).await.map_err(of_all)?;
    for to in envelope.to() {
        line.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(of_recipient)?;
    }
    line.command(Data).await.map_err(of_all)
}

/// What the server said no to, or broke off; nothing has been handed over, or not taken.
fn refused(peer: &str, error: Error, of_recipient: bool) -> DeliveryError {
    let code = error.status().filter(|_| error.is_permanent());
    let Some(code) = code.and_then(|code| code.to_string().parse().ok()) else {
        return not_there(peer, error);
    };
    let words = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    DeliveryError::Rejected { peer: peer.to_owned(), reply: Reply::read(code, &words, of_recipient) }
}

/// Of a server that says no before it hears of the message, that is no word about the message: a password can be mended.
fn not_there(peer: &str, error: Error) -> DeliveryError {
    // 4xx: too busy, a full mailbox, a greylist. All of them mean later.
    let trouble = if error.is_transient() { Trouble::Throttled } else { Trouble::Connection };
    transient(peer, trouble, error)
}

fn late(peer: &str, what: &str, time: Duration) -> DeliveryError {
    transient(peer, Trouble::Timeout, format!("no {what} within {} ms", time.as_millis()))
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
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};

    use lettre::Message;

    use super::*;

    fn letter(body: String) -> Letter {
        let message = Message::builder()
            .from("a@example.com".parse().expect("an address"))
            .to("b@example.com".parse().expect("an address"))
            .body(body)
            .expect("a message");
        let (envelope, bytes) = (message.envelope().clone(), message.formatted());
        Letter { envelope, bytes, message_id: String::new() }
    }

    /// Takes a message up to its end, or not at all, and hangs up.
    async fn hangs_up(stream: TcpStream, reads: bool) -> Option<()> {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        writer.write_all(b"220 hello\r\n").await.ok()?;
        while !lines.next_line().await.ok()??.starts_with("DATA") {
            writer.write_all(b"250 ok\r\n").await.ok()?;
        }
        writer.write_all(b"354 go on\r\n").await.ok()?;
        while reads && lines.next_line().await.ok()?? != "." {}
        Some(())
    }

    #[tokio::test]
    async fn only_what_went_out_whole_is_unknown() {
        // More than the sockets between them hold.
        let message = letter("many words\r\n".repeat(2_000_000));
        for reads in [true, false] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let url = format!("smtp://{}", listener.local_addr().expect("its address"));
            let server = tokio::spawn(async move {
                let (stream, _) = listener.accept().await.expect("somebody");
                hangs_up(stream, reads).await
            });
            let smtp = Arc::new(Smtp::new(&url).expect("a server"));
            let error = smtp.send(&message, Duration::from_secs(20)).await.expect_err("it hung up");
            assert_eq!(matches!(error, DeliveryError::Unknown { .. }), reads, "{error:?}");
            server.await.expect("no panic");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_transient() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = nobody.local_addr().expect("its address").port();
        drop(nobody);
        let message = letter(String::new());
        for host in ["127.0.0.1", "no-such-host.invalid"] {
            let smtp = Arc::new(Smtp::new(&format!("smtp://{host}:{port}")).expect("a server"));
            let error = smtp.send(&message, Duration::from_secs(5)).await.expect_err("nobody is there");
            assert!(matches!(error, DeliveryError::Transient { .. }), "{host}");
        }
    }
}
