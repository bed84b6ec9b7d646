//! Connections of those who ask: so many at once, and none that takes its time to say what it wants, or to hear it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Whoever comes then waits in the system's queue.
const AT_ONCE: usize = 512;
/// For the head of a request, and between two of them.
const LONGEST_HEAD: Duration = Duration::from_secs(10);
/// Whoever does not read what they asked for.
const LONGEST_UNREAD: Duration = Duration::from_secs(30);
/// The system has no more of something that a connection needs.
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// Answers until `shutdown`; what is being answered then is finished.
pub(super) async fn serve(listener: TcpListener, app: Router, shutdown: CancellationToken) {
    serve_who_reads(listener, app, shutdown, LONGEST_UNREAD).await;
}

/// As [`serve`]; who reads nothing for so long is let go.
async fn serve_who_reads(
    listener: TcpListener,
    app: Router,
    shutdown: CancellationToken,
    longest_unread: Duration,
) {
    let (places, all) = (Arc::new(Semaphore::new(AT_ONCE)), TaskTracker::new());
    let next = async || {
        let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
        Ok::<_, io::Error>((listener.accept().await?, place))
    };
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            came = next() => match came {
                Ok(((stream, peer), place)) => {
                    let of = (peer, place, longest_unread);
                    all.spawn(answer(stream, app.clone(), shutdown.clone(), of));
                }
                Err(fault) if is_theirs(&fault) => {}
                Err(fault) => {
                    tracing::warn!(%fault, "a connection could not be taken");
                    tokio::time::sleep(BETWEEN_TRIES).await;
                }
            }
        }
    }
    // Nobody else is let in while these are answered.
    drop(listener);
    all.close();
    all.wait().await;
}

/// Whoever came went away at once.
fn is_theirs(fault: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(fault.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn answer(
    stream: TcpStream,
    app: Router,
    shutdown: CancellationToken,
    (peer, _place, longest_unread): (SocketAddr, OwnedSemaphorePermit, Duration),
) {
    let _later = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(longest_unread));
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        app.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return said(ended),
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    said(connection.await);
}

fn said(ended: hyper::Result<()>) {
    if let Err(fault) = ended {
        tracing::trace!(%fault, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Instant;

    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::mpsc;

    use super::*;

    /// An answer without end; once nobody is there to take it, its sender is dropped.
    fn endless(told: mpsc::Sender<()>) -> Body {
        let chunks = stream::unfold(told, async |told| {
            Some((Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 65_536])), told))
        });
        Body::from_stream(chunks)
    }

    #[tokio::test]
    async fn who_reads_nothing_of_a_long_answer_is_let_go_and_who_reads_is_not() {
        assert_eq!(LONGEST_UNREAD, Duration::from_secs(30));
        let longest = Duration::from_millis(500);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (told, mut gone) = mpsc::channel::<()>(1);
        let app = Router::new().route("/", get(async move || endless(told.clone())));
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(serve_who_reads(listener, app, shutdown.clone(), longest));
        let mut client = TcpStream::connect(address).await.expect("connected");
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("asked");
        // Who reads is not let go, however long that takes.
        let (began, mut some) = (Instant::now(), vec![0; 65_536]);
        while began.elapsed() < longest * 4 {
            client.read_exact(&mut some).await.expect("it goes on");
        }
        // From here on nothing is read, and the connection stays open.
        shutdown.cancel();
        let began = Instant::now();
        let ended = tokio::time::timeout(Duration::from_secs(20), served).await;
        assert!(ended.is_ok_and(|ended| ended.is_ok()), "it is still being answered");
        assert!(gone.recv().await.is_none(), "its answer is gone");
        assert!(began.elapsed() >= longest / 2, "{:?}", began.elapsed());
        drop(client);
    }
}
