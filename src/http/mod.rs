//! HTTP: whether the daemon lives and works, its metrics, a page for people; the API behind its door; and what writes: webhooks of other systems, the
//! way out of marketing mails, who opens campaigns and follows their links, and news of mails that came back.

pub mod api;
mod bounces;
mod connections;
pub mod door;
mod hooks;
pub mod live;
mod page;
mod studio;
pub mod tracking;
mod unsubscribe;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Router, middleware};
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use self::door::Entrance;
use crate::domain::keys::Keys;
use crate::domain::settings::Settings;
use crate::engine::{self, Health};
use crate::mail::tracking::Tracking;
use crate::mail::unsubscribe::WayOut;
use crate::store::figures;

const LONGEST_ANSWER: Duration = Duration::from_secs(10);
const LONGEST_QUERY: Duration = Duration::from_secs(3);
/// A scrape that comes sooner is answered with what was found.
const BETWEEN_QUERIES: Duration = Duration::from_secs(1);
const LARGEST_BODY: usize = 16 * 1024;

const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// The address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address}")]
pub struct CannotListen {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

impl CannotListen {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                "another thendo or another program has it; stop that, or choose a free one with \
                 --listen 127.0.0.1:7879 (port 0 lets the system choose)"
            }
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 are for root; choose a higher one with --listen"
            }
            _ => "choose an address of this machine with --listen",
        }
        .into()
    }
}

/// What the handlers share.
#[derive(Clone)]
pub struct Shared {
    /// For the lists.
    pub pool: PgPool,
    /// Who comes to the API.
    pub entrance: Entrance,
    /// What changes.
    pub live: live::Live,
    /// How the engine is.
    pub health: Arc<Health>,
    /// The metrics.
    pub metrics: PrometheusHandle,
    /// For the page.
    pub settings: Arc<Settings>,
    /// When the database was last asked for figures.
    pub asked: Arc<Mutex<Option<Instant>>>,
    /// The installation's key.
    pub keys: Arc<Keys>,
    /// Reads the links of marketing mails.
    pub way_out: WayOut,
    /// Reads the pixels and links of campaigns' mails.
    pub tracking: Arc<Tracking>,
    /// Takes what was opened and followed.
    pub hits: tracking::hits::Hits,
}

/// Listens.
///
/// # Errors
/// [`CannotListen`] with what to do.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, CannotListen> {
    TcpListener::bind(address).await.map_err(|source| CannotListen { address, source })
}

/// Answers until `shutdown`; what is being answered then is finished.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: TcpListener, shared: Shared, shutdown: CancellationToken) -> anyhow::Result<()> {
    let address = listener.local_addr().context("the address that was bound")?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "the page and the metrics can be read by everyone who reaches this address");
    }
    connections::serve(listener, router(shared), shutdown).await;
    Ok(())
}

fn router(shared: Shared) -> Router {
    let api = api::router(&shared.entrance, shared.live.clone());
    let mut router = Router::new()
        .route("/", get(studio::index))
        .route("/assets/{*file}", get(studio::asset))
        .route("/favicon.svg", get(studio::favicon))
        .route("/status", get(page_of_state))
        .route("/style.css", get(style))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/hooks/{*path}", any(hooks::answer))
        .route("/bounces", post(bounces::tell))
        .route("/o/{token}", get(tracking::open))
        .route("/c/{token}", get(tracking::click))
        .route("/unsubscribe/{token}", get(unsubscribe::look).post(unsubscribe::act))
        .fallback(nothing_here)
        .layer(middleware::from_fn(door::has_a_line))
        .with_state(shared)
        .merge(api)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONGEST_ANSWER));
    for (name, value) in HEADERS {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        router = router.layer(SetResponseHeaderLayer::if_not_present(name, value));
    }
    router
}

async fn alive() -> &'static str {
    "alive\n"
}

async fn nothing_here(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if uri.path().starts_with("/api/") {
        return api::not_there();
    }
    if studio::is_meant(&method, uri.path(), &headers) {
        return studio::index(State(shared)).await;
    }
    (StatusCode::NOT_FOUND, "nothing here; / says what there is\n").into_response()
}

async fn ready(State(shared): State<Shared>) -> impl IntoResponse {
    match shared.health.ready() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

async fn metrics(State(shared): State<Shared>) -> impl IntoResponse {
    {
        // One question at a time, and at most one a second, however many scrape.
        let mut asked = shared.asked.lock().await;
        if asked.is_none_or(|then| then.elapsed() >= BETWEEN_QUERIES) {
            let state = tokio::time::timeout(LONGEST_QUERY, figures::ask(&shared.pool)).await;
            engine::figures::of_database(state.ok().and_then(Result::ok));
            *asked = Some(Instant::now());
        }
    }
    let lists = shared.pool.size() as usize - shared.pool.num_idle().min(shared.pool.size() as usize);
    engine::figures::of_daemon(shared.health.ready().is_ok(), lists, shared.settings.pool_max);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], shared.metrics.render())
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("page.css"))
}

async fn page_of_state(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> impl IntoResponse {
    let facts = async {
        let is_known = match &shared.entrance {
            Entrance::Open(door) => door.knows(&headers, peer.ip()).await,
            Entrance::Closed(_) => false,
        };
        page::Facts::gather(&shared.pool, is_known).await
    };
    let facts = tokio::time::timeout(LONGEST_QUERY, facts).await;
    let facts = match facts {
        Ok(Ok(facts)) => Ok(facts),
        Ok(Err(fault)) => {
            tracing::warn!(%fault, "the page could not be filled");
            Err("The database can't be asked right now; the log says why.")
        }
        Err(_) => Err("The database does not answer."),
    };
    Html(page::render(&facts, shared.health.ready().err().as_deref(), &shared.settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_address_says_what_to_do() {
        let first = bind("127.0.0.1:0".parse().expect("an address")).await.expect("free");
        let fault = bind(first.local_addr().expect("bound")).await.expect_err("taken");
        assert!(fault.help().contains("--listen"), "{}", fault.help());
        assert!(fault.to_string().contains("can't listen on 127.0.0.1:"), "{fault}");
    }
}
