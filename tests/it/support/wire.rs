//! A wire to the server that swallows notifications, as a transaction-mode pooler does, and can be cut.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

/// A TCP door to a server that listens on a Unix socket.
pub struct Wire {
    /// The same database, through this door.
    pub url: String,
    cut: watch::Sender<u32>,
    stalled: watch::Sender<bool>,
    leads_to: Arc<Mutex<PathBuf>>,
}

/// A part of the query of a test server's URL.
pub fn part_of<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Where the server at this URL listens.
fn socket_of(url: &str) -> PathBuf {
    let host = part_of(url, "host").expect("a socket's folder");
    let port = part_of(url, "port").unwrap_or("5432");
    PathBuf::from(host.replace("%2F", "/")).join(format!(".s.PGSQL.{port}"))
}

impl Wire {
    /// Opens one. `deaf`: messages of type `A` (NotificationResponse) never arrive.
    pub async fn open(url: &str, deaf: bool) -> Self {
        let base = url.split('?').next().expect("a base");
        let user = part_of(url, "user").expect("a user");
        let leads_to = Arc::new(Mutex::new(socket_of(url)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let name = base.rsplit('/').next().expect("a name");
        let url = format!("postgresql://{user}@{address}/{name}?sslmode=disable");
        let (cut, cuts) = watch::channel(0);
        let (stalled, stalls) = watch::channel(false);
        let target = leads_to.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let _ = client.set_nodelay(true);
                let socket = target.lock().expect("no panic").clone();
                // A server that is away: the client's connection ends.
                let Ok(server) = UnixStream::connect(&socket).await else { continue };
                let (there, back) = (stalls.clone(), stalls.clone());
                let mut cuts = cuts.clone();
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::select! {
                        _ = forward(from_client, to_server, there) => {}
                        _ = hand_back(from_server, to_client, deaf, back) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Self { url, cut, stalled, leads_to }
    }

    /// Nothing comes through any more, and nobody is told; or it does again.
    pub fn stalls(&self, stalls: bool) {
        self.stalled.send_replace(stalls);
    }

    /// From now on it leads to the server of this URL, as an address does after a failover.
    pub fn leads_to(&self, url: &str) {
        *self.leads_to.lock().expect("no panic") = socket_of(url);
        self.is_cut();
    }

    /// Cuts every connection that goes through it.
    pub fn is_cut(&self) {
        self.cut.send_modify(|times| *times += 1);
    }
}

async fn forward(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut stalled: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let _ = stalled.wait_for(|stalled| !stalled).await;
        to.write_all(&buffer[..read]).await?;
    }
}

/// Server to client, message by message: a type byte, a length that counts itself, a body.
async fn hand_back(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    deaf: bool,
    mut stalled: watch::Receiver<bool>,
) -> std::io::Result<()> {
    loop {
        let mut head = [0u8; 5];
        from.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0u8; length.saturating_sub(4)];
        from.read_exact(&mut body).await?;
        if deaf && head[0] == b'A' {
            continue;
        }
        let _ = stalled.wait_for(|stalled| !stalled).await;
        to.write_all(&head).await?;
        to.write_all(&body).await?;
    }
}
