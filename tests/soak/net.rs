//! A wire to the server that can be cut, blocked in one direction or both, and let go again.

use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy)]
struct State {
    up: bool,
    down: bool,
    cuts: u32,
}

/// A TCP door to a server that listens on a Unix socket.
pub struct Wire {
    /// The database through this door.
    pub url: String,
    state: watch::Sender<State>,
}

impl Wire {
    /// Opens one to the database of `url`, for a user of its own.
    pub async fn open(url: &str, user: &str) -> Self {
        let (base, query) = url.split_once('?').expect("a query");
        let of = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
        let folder = of("host=").expect("a socket's folder").replace("%2F", "/");
        let socket = PathBuf::from(folder).join(format!(".s.PGSQL.{}", of("port=").unwrap_or("5432")));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let name = base.rsplit('/').next().expect("a name");
        let url = format!("postgresql://{user}@{address}/{name}?sslmode=disable");
        let (state, seen) = watch::channel(State { up: true, down: true, cuts: 0 });
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Each answer at once, as a wire would: else every other one waits 40 ms for the kernel.
                let _ = client.set_nodelay(true);
                let (socket, mut seen) = (socket.clone(), seen.clone());
                tokio::spawn(async move {
                    // While the server is away, the door closes in the face of who comes.
                    let Ok(server) = UnixStream::connect(&socket).await else { return };
                    let cuts = seen.borrow_and_update().cuts;
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::select! {
                        _ = forward(from_client, to_server, seen.clone(), |state| state.up) => {}
                        _ = forward(from_server, to_client, seen.clone(), |state| state.down) => {}
                        _ = seen.wait_for(|state| state.cuts != cuts) => {}
                    }
                });
            }
        });
        Self { url, state }
    }

    /// Closes every connection that goes through it.
    pub fn is_cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// What goes through from now on: to the server, and from it.
    pub fn lets_through(&self, up: bool, down: bool) {
        self.state.send_modify(|state| (state.up, state.down) = (up, down));
    }
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut state: watch::Receiver<State>,
    is_open: fn(&State) -> bool,
) -> Option<()> {
    let mut buffer = vec![0u8; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        state.wait_for(is_open).await.ok()?;
        to.write_all(&buffer[..read]).await.ok()?;
    }
}
