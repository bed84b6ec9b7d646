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
                    all.spawn(answer(stream, peer, app.clone(), shutdown.clone(), place));
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
    peer: SocketAddr,
    app: Router,
    shutdown: CancellationToken,
    _place: OwnedSemaphorePermit,
) {
    let _later = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(LONGEST_UNREAD));
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
