//! Mails by encrypted ways, from the first byte and by STARTTLS, with a name and a password, in real conversations.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Shop, mail_on_order};

/// A server that takes mails only from who is encrypted and knows the password.
struct Guarded {
    port: u16,
    certificate: String,
    taken: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Guarded {
    async fn open(from_the_first_byte: bool) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a server");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let (taken, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (kept, came) = (taken.clone(), connections.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *came.lock().expect("no panic") += 1;
                let (acceptor, kept) = (acceptor.clone(), kept.clone());
                tokio::spawn(async move {
                    let mut stream = stream;
                    if !from_the_first_byte {
                        upgrades(&mut stream).await?;
                    }
                    let stream = acceptor.accept(stream).await.ok()?;
                    converse(stream, from_the_first_byte, kept).await
                });
            }
        });
        Self { port, certificate: made.cert.pem(), taken, connections }
    }
}

/// Speaks in the clear until STARTTLS, and takes nothing else.
async fn upgrades(stream: &mut tokio::net::TcpStream) -> Option<()> {
    stream.write_all(b"220 guarded\r\n").await.ok()?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).await.ok().filter(|bytes| *bytes > 0)?;
        let answer: &[u8] = match line.split_whitespace().next()? {
            "EHLO" => b"250-guarded\r\n250 STARTTLS\r\n",
            "STARTTLS" => {
                lines.get_mut().write_all(b"220 go on\r\n").await.ok()?;
                return Some(());
            }
            _ => b"530 5.7.0 STARTTLS first\r\n",
        };
        lines.get_mut().write_all(answer).await.ok()?;
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite,
    greets: bool,
    taken: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut lines = BufReader::new(reader).lines();
    if greets {
        writer.write_all(b"220 guarded\r\n").await.ok()?;
    }
    let mut is_known = false;
    while let Some(line) = lines.next_line().await.ok()? {
        let answer = match line.split([' ', ':']).next()? {
            "EHLO" => "250-guarded\r\n250 AUTH PLAIN",
            "AUTH" => {
                let said = line.rsplit(' ').next().and_then(|said| STANDARD.decode(said).ok());
                is_known = said.as_deref() == Some(b"\0ada@shop\0p:ss");
                if is_known { "235 2.7.0 hello" } else { "535 5.7.8 who are you" }
            }
            "DATA" if is_known => {
                writer.write_all(b"354 go on\r\n").await.ok()?;
                let mut message = String::new();
                loop {
                    let line = lines.next_line().await.ok()??;
                    if line == "." {
                        break;
                    }
                    message.push_str(&line);
                    message.push('\n');
                }
                taken.lock().expect("no panic").push(message);
                "250 taken"
            }
            "QUIT" | "RSET" | "NOOP" => "250 ok",
            _ if is_known => "250 ok",
            _ => "530 5.7.0 say who you are first",
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}

async fn orders_with(server: &Guarded, url: &str, trusted: &str) -> Shop {
    let shop = Shop::open().await;
    let file = shop.folder.path().join("authorities.pem");
    std::fs::write(&file, trusted).expect("written");
    let settings = [
        ("THENDO_MAIL__SMTP_URL", url),
        ("SSL_CERT_FILE", file.to_str().expect("a path")),
        ("THENDO_DELIVERIES__BACKOFF_MS", "50"),
        ("THENDO_MAIL__ATTEMPTS", "2"),
    ];
    let _daemon = shop.daemon_with(&settings).await;
    shop.publishes("mail", &mail_on_order()).await;
    for _ in 0..3 {
        shop.places_order(250_00).await;
        shop.has_settled().await;
    }
    assert!(*server.connections.lock().expect("no panic") > 0, "somebody came");
    shop
}

#[tokio::test]
async fn mails_go_encrypted_and_with_a_password_one_after_the_other() {
    for from_the_first_byte in [true, false] {
        let server = Guarded::open(from_the_first_byte).await;
        let (scheme, query) = if from_the_first_byte { ("smtps", "") } else { ("smtp", "?tls=required") };
        let url = format!("{scheme}://ada%40shop:p%3Ass@localhost:{}{query}", server.port);
        let shop = orders_with(&server, &url, &server.certificate).await;
        let sent = "select count(*) from workflow_deliveries where status = 'sent'";
        assert_eq!(shop.number(sent, &[]).await, 3, "{url}");
        let taken = server.taken.lock().expect("no panic").clone();
        assert!(taken.len() == 3 && taken[0].contains("Subject: Thank you, Ada"), "{taken:?}");
        assert!(*server.connections.lock().expect("no panic") < 3, "one connection serves many");
    }
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_and_a_wrong_password_get_no_mail() {
    let other = Guarded::open(true).await.certificate;
    for from_the_first_byte in [true, false] {
        let server = Guarded::open(from_the_first_byte).await;
        let (scheme, query) = if from_the_first_byte { ("smtps", "") } else { ("smtp", "?tls=required") };
        for (password, trusted) in [("p%3Ass", &other), ("falsch", &server.certificate)] {
            let url = format!("{scheme}://ada%40shop:{password}@localhost:{}{query}", server.port);
            let shop = orders_with(&server, &url, trusted).await;
            let given_up =
                "select count(*) from workflow_deliveries where status = 'refused' and attempt = 2";
            assert_eq!(shop.number(given_up, &[]).await, 3, "{url}: nothing had left");
            assert_eq!(server.taken.lock().expect("no panic").len(), 0);
        }
    }
}
