//! Somebody else's HTTP server: it answers, is busy, fails or says nothing, as it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the server does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// 200 with `{"number": …}`.
    Answers,
    /// As `Answers`, after so long.
    AnswersAfter(Duration),
    /// Says nothing until it is let go; then 200 with `{"number": …}`.
    Hangs,
    /// 429 with `Retry-After` in seconds for the first so many, then 200.
    IsBusy(usize, u64),
    /// 500.
    Fails,
    /// 302 to somewhere else.
    Redirects,
    /// 200 with more than anybody wants.
    TalksOn,
    /// 200, and talks without end; counted in [`Hooks::said`].
    Floods,
    /// 200, a letter every so often, without end.
    Drips(Duration),
    /// 200 with what it was sent: path, headers and body.
    Echoes,
    /// 200 with an embedding of so many numbers, as OpenAI has it.
    Embeds(usize),
    /// This status, with the request's path in its words.
    Says(u16),
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Call {
    /// When.
    pub at: Instant,
    /// All headers.
    pub headers: HeaderMap,
    /// Path and query.
    pub path: String,
    /// What was sent.
    pub body: String,
}

/// A listening server.
pub struct Hooks {
    /// `127.0.0.1:PORT`.
    pub address: String,
    calls: Arc<Mutex<Vec<Call>>>,
    said: Arc<AtomicUsize>,
    go: watch::Sender<bool>,
}

impl Hooks {
    /// Starts one.
    pub async fn open(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (go, gone) = watch::channel(false);
        let said = Arc::new(AtomicUsize::new(0));
        let app = Router::new().fallback(answer).with_state((manner, calls.clone(), gone, said.clone()));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, calls, said, go }
    }

    /// `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Requests so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("no panic").clone()
    }

    /// Bytes that a flood brought so far.
    pub fn said(&self) -> usize {
        self.said.load(Ordering::Relaxed)
    }

    /// Those that hang are answered.
    pub fn lets_go(&self) {
        self.go.send_replace(true);
    }
}

type Shared = (Manner, Arc<Mutex<Vec<Call>>>, watch::Receiver<bool>, Arc<AtomicUsize>);

async fn answer(
    State((manner, calls, mut go, said)): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let call = Call {
        at: Instant::now(),
        headers,
        path: uri.to_string(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let number = {
        let mut calls = calls.lock().expect("no panic");
        calls.push(call.clone());
        calls.len()
    };
    let fine = || axum::Json(json!({ "number": number })).into_response();
    match manner {
        Manner::Answers => fine(),
        Manner::AnswersAfter(pause) => {
            tokio::time::sleep(pause).await;
            fine()
        }
        Manner::Hangs => {
            go.wait_for(|go| *go).await.expect("the server lives");
            fine()
        }
        Manner::IsBusy(times, seconds) if number <= times => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())], "come again")
                .into_response()
        }
        Manner::IsBusy(..) => fine(),
        Manner::Fails => (StatusCode::INTERNAL_SERVER_ERROR, "it broke").into_response(),
        Manner::Redirects => (StatusCode::FOUND, [("location", "http://169.254.169.254/")]).into_response(),
        Manner::Floods => {
            // A gigabyte, unless somebody hangs up.
            let chunks = futures_util::stream::iter(0..16_384).map(move |_| {
                said.fetch_add(65_536, Ordering::Relaxed);
                Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 65_536]))
            });
            Body::from_stream(chunks).into_response()
        }
        Manner::Drips(pause) => {
            let drops = futures_util::stream::repeat(()).then(move |()| async move {
                tokio::time::sleep(pause).await;
                Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
            });
            Body::from_stream(drops).into_response()
        }
        Manner::Embeds(dimensions) => {
            let numbers = vec![0.5; dimensions];
            axum::Json(json!({"data": [{"embedding": numbers}], "model": "a-model"})).into_response()
        }
        Manner::Echoes => {
            let headers =
                call.headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().ok())));
            let headers: serde_json::Map<_, _> = headers.collect();
            axum::Json(json!({ "path": call.path, "headers": headers, "body": call.body })).into_response()
        }
        Manner::Says(status) => {
            let status = StatusCode::from_u16(status).expect("a status");
            (status, format!("Cannot POST {}", call.path)).into_response()
        }
        Manner::TalksOn => "x".repeat(10_000_000).into_response(),
    }
}
