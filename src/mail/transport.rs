//! Hands messages over: to an SMTP server, or to a folder of .eml files when none is set.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use lettre::message::Mailbox;
use lettre::transport::smtp::{self, AsyncSmtpTransportBuilder, PoolConfig};
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::render::{message_id, render};
use crate::domain::delivery::DeliveryError;
use crate::domain::effect::Email;
use crate::domain::ids::EffectId;
use crate::domain::retry::Trouble;
use crate::domain::settings::Settings;

/// Where files of the mailbox are written before they are put in their place.
const UNFINISHED: &str = ".unfinished";

/// The way out for mails.
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

enum Way {
    Folder(PathBuf),
    /// Each message has a transport of its own. A connection that is given up in the middle, because it took too long, would
    /// go back to a pool with answers that nobody has read, and the next message would take those for its own: one was
    /// counted as sent that the server never took.
    Smtp {
        transport: Box<AsyncSmtpTransportBuilder>,
        peer: String,
    },
}

impl Mailer {
    /// As the settings say: SMTP if a server is set, else the mailbox folder, made if missing.
    ///
    /// # Errors
    /// A sender or URL that can't be read, a folder that can't be made.
    pub fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        let from: Mailbox = settings.mail.from.parse().with_context(|| {
            format!("mail.from is `{}`: write it as `Shop <shop@example.com>`", settings.mail.from)
        })?;
        let way = match &settings.mail.smtp_url {
            Some(url) => {
                let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret()).context(
                    "mail.smtp_url can't be read: write it as smtp://user:password@host:587?tls=required",
                )?;
                let transport = builder
                    .timeout(Some(Duration::from_millis(settings.deliveries.timeout_ms)))
                    .pool_config(PoolConfig::new().max_size(1));
                Way::Smtp { transport: Box::new(transport), peer: host_of(url.expose_secret()) }
            }
            None => {
                let folder = settings.mailbox();
                let failed = || format!("the mailbox folder {} can't be made", folder.display());
                // The folders above are others' too: the private server's user passes through them.
                folder.parent().map_or(Ok(()), std::fs::create_dir_all).with_context(failed)?;
                // Whom the shop writes to is nobody else's business.
                let mut private = DirBuilder::new();
                private.recursive(true).mode(0o700);
                private.create(folder.join(UNFINISHED)).with_context(failed)?;
                Way::Folder(folder)
            }
        };
        Ok(Self { from, way })
    }

    /// Whether sending the same message again is harmless: a file is written over by itself.
    pub fn repeatable(&self) -> bool {
        matches!(self.way, Way::Folder(_))
    }

    /// Sends one message, within `time`. What later nodes see as the step's result.
    ///
    /// # Errors
    /// [`DeliveryError`]; its variant decides what happens next.
    pub async fn send(&self, id: EffectId, email: &Email, time: Duration) -> Result<Value, DeliveryError> {
        let message = render(id, email, &self.from)
            .map_err(|error| DeliveryError::Refused { peer: "thendo".into(), reason: error.to_string() })?;
        let mut result = json!({
            "message_id": message_id(id, &self.from), "to": email.to, "subject": email.subject, "status": "sent",
        });
        match &self.way {
            Way::Folder(folder) => {
                let file = write(folder, id, message).await?;
                result["file"] = json!(file);
            }
            Way::Smtp { transport, peer } => {
                let transport = (**transport).clone().build::<Tokio1Executor>();
                let _ends = Ends(transport.clone());
                greeted(&transport, peer, time).await?;
                let sent = timeout(time, transport.send(message)).await;
                let late =
                    || DeliveryError::Unknown { peer: format!("{peer}, within {} ms", time.as_millis()) };
                sent.map_err(|_| late())?.map_err(|error| sorted(peer, error))?;
            }
        }
        Ok(result)
    }
}

/// Says goodbye in the background, whatever came before.
struct Ends(AsyncSmtpTransport<Tokio1Executor>);

impl Drop for Ends {
    fn drop(&mut self) {
        let transport = self.0.clone();
        tokio::spawn(async move { transport.shutdown().await });
    }
}

/// lettre names files by chance, and a second attempt must meet the first one's file: so each is written out
/// of sight and then put in its place, whole.
async fn write(folder: &Path, id: EffectId, message: lettre::Message) -> Result<PathBuf, DeliveryError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| DeliveryError::Transient {
        peer: format!("the mailbox folder {}", folder.display()),
        trouble: Trouble::Server,
        retry_after: None,
        source,
    };
    let hidden = folder.join(UNFINISHED);
    let by_chance = AsyncFileTransport::<Tokio1Executor>::new(&hidden)
        .send(message)
        .await
        .map_err(|e| failed(e.into()))?;
    let file = folder.join(format!("{}.eml", id.0));
    tokio::fs::rename(hidden.join(format!("{by_chance}.eml")), &file).await.map_err(|e| failed(e.into()))?;
    Ok(file)
}

/// Makes sure of a connection that answers before a message goes out by it: a server that hangs until then has taken nothing.
async fn greeted(
    transport: &AsyncSmtpTransport<Tokio1Executor>,
    peer: &str,
    time: Duration,
) -> Result<(), DeliveryError> {
    let transient = |trouble, source| DeliveryError::Transient {
        peer: peer.to_owned(),
        trouble,
        retry_after: None,
        source,
    };
    let late = || transient(Trouble::Timeout, format!("no greeting within {} ms", time.as_millis()).into());
    match timeout(time, transport.test_connection()).await.map_err(|_| late())? {
        Ok(true) => Ok(()),
        Ok(false) => Err(transient(Trouble::Connection, "the connection does not answer".into())),
        Err(error) => Err(match sorted(peer, error) {
            DeliveryError::Unknown { .. } => {
                transient(Trouble::Connection, "the connection broke before the message".into())
            }
            known => known,
        }),
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
    let before_the_message = error.to_string().starts_with("Connection error") || refused_connection;
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
