//! An SMTP server as its URL names it, and connections to it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use anyhow::{Context, bail};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use percent_encoding::percent_decode_str;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

/// Of the network, or of the server: then lettre's.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

const HELP: &str = "mail.smtp_url can't be read: write it as smtp://user:password@host:587?tls=required";

/// Where mails go. The URL is as lettre reads it, which keeps what it read to itself.
pub struct Server {
    host: String,
    port: u16,
    tls: Tls,
    hello: ClientId,
    credentials: Option<Credentials>,
}

enum Tls {
    None,
    /// From the first byte.
    Wrapped(Arc<ClientConfig>),
    /// By STARTTLS; without it if the server can't, unless it must.
    Upgraded(TlsParameters, Must),
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Must {
    Yes,
    No,
}

impl Server {
    /// `smtp://` (25), `smtp://…?tls=required|opportunistic` (587) or `smtps://` (465); a path is the name to say hello with.
    ///
    /// # Errors
    /// What else it may be; without the password.
    pub fn from_url(url: &str) -> anyhow::Result<Self> {
        let url = Url::parse(url).context(HELP)?;
        let host = match url.host().context(HELP)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let tls = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
        let parameters = || TlsParameters::new(host.clone()).context(HELP);
        let (tls, port) = match (url.scheme(), tls.as_deref()) {
            ("smtp", None) => (Tls::None, SMTP_PORT),
            ("smtp", Some("required")) => (Tls::Upgraded(parameters()?, Must::Yes), SUBMISSION_PORT),
            ("smtp", Some("opportunistic")) => (Tls::Upgraded(parameters()?, Must::No), SUBMISSION_PORT),
            ("smtps", _) => (Tls::Wrapped(trusting_the_system()?), SUBMISSIONS_PORT),
            ("smtp", Some(other)) => bail!("mail.smtp_url says tls={other}: write required or opportunistic"),
            (other, _) => bail!("mail.smtp_url begins with {other}: write smtp or smtps"),
        };
        let named = url.path().trim_matches('/');
        let hello = if named.is_empty() { ClientId::default() } else { ClientId::Domain(named.to_owned()) };
        let decoded = |text: &str| {
            Ok::<_, anyhow::Error>(percent_decode_str(text).decode_utf8().context(HELP)?.into_owned())
        };
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(decoded(url.username())?, decoded(password)?)),
            None => None,
        };
        Ok(Self { port: url.port().unwrap_or(port), host, tls, hello, credentials })
    }

    /// Host and port, for messages.
    pub fn peer(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A connection that is ready for a message. `time`: the longest that reaching the server may take.
    ///
    /// # Errors
    /// Whatever the server or the network says; nothing has been handed over.
    pub async fn connects(&self, time: Duration) -> Result<AsyncSmtpConnection, Error> {
        let mut line = match &self.tls {
            Tls::Wrapped(config) => {
                // By hand: lettre's own way keeps Nagle's algorithm.
                let name = ServerName::try_from(self.host.clone())?;
                let stream = self.reaches(time).await?;
                let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
                AsyncSmtpConnection::connect_with_transport(Box::new(Wrapped(stream)), &self.hello).await?
            }
            Tls::None | Tls::Upgraded(..) => {
                let stream = Box::new(self.reaches(time).await?);
                AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await?
            }
        };
        if let Tls::Upgraded(parameters, must) = &self.tls
            && (*must == Must::Yes || line.can_starttls())
        {
            line.starttls(parameters.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            line.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(line)
    }

    /// The first of its addresses that answers. Without Nagle's algorithm: a message's end is a small write after a large one,
    /// and would wait 40 ms for the other side's word.
    async fn reaches(&self, time: Duration) -> io::Result<TcpStream> {
        let addresses: Vec<_> = lookup_host((self.host.as_str(), self.port)).await?.collect();
        let each = time / u32::try_from(addresses.len() + 1).unwrap_or(u32::MAX);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in addresses {
            match timeout(each, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(last)
    }
}

/// As lettre does for STARTTLS: the system's authorities.
fn trusting_the_system() -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS can't be set up")?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// A connection that was encrypted before its first word.
#[derive(Debug)]
struct Wrapped(TlsStream<TcpStream>);

impl AsyncTokioStream for Wrapped {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Wrapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, to)
    }
}

impl AsyncWrite for Wrapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how() {
        let plain = Server::from_url("smtp://mail.example.com").expect("a server");
        assert!(matches!(plain.tls, Tls::None) && plain.credentials.is_none());
        assert_eq!(plain.peer(), "mail.example.com:25");
        let secret = "smtp://me%40example.com:p%3Ass@[::1]:2525/shop.example.com?tls=required";
        let named = Server::from_url(secret).expect("a server");
        assert_eq!((named.host.as_str(), named.port), ("::1", 2525));
        assert!(matches!(named.tls, Tls::Upgraded(_, Must::Yes)));
        assert_eq!(named.hello, ClientId::Domain("shop.example.com".into()));
        assert_eq!(named.credentials, Some(Credentials::new("me@example.com".into(), "p:ss".into())));
        let wrapped = Server::from_url("smtps://mail.example.com").expect("a server");
        assert!(matches!(wrapped.tls, Tls::Wrapped(_)) && wrapped.port == 465);
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        for (url, word) in [
            ("smtp://u:geheim@mail?tls=maybe", "tls=maybe"),
            ("http://u:geheim@mail", "begins with http"),
            ("mail:geheim", "can't be read"),
            ("smtp://u:geheim@", "can't be read"),
        ] {
            let error = Server::from_url(url).err().map(|error| format!("{error:#}")).expect(url);
            assert!(error.contains(word) && !error.contains("geheim"), "{error}");
        }
    }
}
