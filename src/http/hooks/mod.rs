//! Webhooks of other systems, at `/hooks/NAME`: verified, recorded as events, and only then answered with 202.

mod request;
mod verify;

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::Shared;
use crate::domain::keys::Keys;
use crate::engine::figures::list;
use crate::store::hooks::{self, Hook, Taken, Verify};
use verify::Came;

/// The database may take so long.
const PATIENCE: Duration = Duration::from_secs(3);
/// Where Stripe's events keep the shop in step, if the settings say so.
const STRIPE: &str = "stripe";
/// As long as a path can be.
const LONGEST_PATH: usize = 100;
/// Requests that the database is asked for at the same time.
static AT_ONCE: Semaphore = Semaphore::const_new(64);
/// Whoever comes beyond [`AT_ONCE`] waits so long for a place, and is then asked to come again.
const QUEUE_PATIENCE: Duration = Duration::from_secs(2);
/// KiB of bodies that are held at the same time: as much as has come of each. Who sends slowly takes nobody's place.
static HELD: Semaphore = Semaphore::const_new(64 * 1024);
/// A whole body comes within so long.
const BODY_PATIENCE: Duration = Duration::from_secs(5);
/// Whatever a request waits for, it is answered within so long: senders give up after about ten seconds, and then nobody hears
/// whether it was taken.
const WHOLE_PATIENCE: Duration = Duration::from_secs(8);

/// Why a request is not taken. What is wrong with a signature is told to nobody.
#[derive(Debug, PartialEq)]
enum Refusal {
    NoSuchHook,
    Unsigned,
    TooLarge,
    Unreadable(&'static str),
    TooSlow,
    Busy,
    Away,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, words) = match self {
            Self::NoSuchHook => (StatusCode::NOT_FOUND, "there is no such hook\n"),
            Self::Unsigned => (StatusCode::UNAUTHORIZED, "not authorised\n"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n"),
            Self::Unreadable(words) => (StatusCode::BAD_REQUEST, words),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n"),
            Self::Busy => (StatusCode::TOO_MANY_REQUESTS, "too much at once: come again\n"),
            Self::Away => (StatusCode::SERVICE_UNAVAILABLE, "it can't be taken right now: come again\n"),
        };
        let again = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        match again {
            true => (status, [(header::RETRY_AFTER, "5")], words).into_response(),
            false => (status, words).into_response(),
        }
    }
}

/// Answers one request.
pub(super) async fn answer(
    State(shared): State<Shared>,
    Path(path): Path<String>,
    request: Request,
) -> Response {
    let taken = timeout(WHOLE_PATIENCE, take(&shared, &path, request)).await.unwrap_or(Err(Refusal::Away));
    // A path that is none may be anything: it is not repeated.
    let hook = if is_path(&path) { path.as_str() } else { "" };
    let answer = match taken {
        Ok(is_new) => {
            tracing::debug!(hook, is_new, "a webhook is taken");
            (StatusCode::ACCEPTED, axum::Json(json!({ "known": !is_new }))).into_response()
        }
        Err(refusal) => {
            tracing::info!(hook, ?refusal, "a webhook is not taken");
            refusal.into_response()
        }
    };
    metrics::counter!(list::WEBHOOKS, "answer" => answer.status().as_str().to_owned()).increment(1);
    answer
}

/// Parts of small letters, digits, `-` and `_`, as the trigger's settings have them.
fn is_path(path: &str) -> bool {
    let slug = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    };
    path.len() <= LONGEST_PATH && path.split('/').all(slug)
}

async fn take(shared: &Shared, path: &str, request: Request) -> Result<bool, Refusal> {
    if !is_path(path) {
        return Err(Refusal::NoSuchHook);
    }
    let (parts, body) = request.into_parts();
    let place = queued().await?;
    let (mut hooks, mut now) = asked(hooks::hooks_at(&shared.pool, path)).await?;
    let stripe = shared.settings.hooks.stripe.as_deref().filter(|_| path == STRIPE);
    if let Some(secret) = stripe {
        let (own, seconds) = asked(hooks::own_hook(&shared.pool, STRIPE, secret)).await?;
        hooks.push(own);
        now = seconds;
    }
    hooks.retain(|hook| hook.method.eq_ignore_ascii_case(parts.method.as_str()));
    if hooks.is_empty() {
        return Err(Refusal::NoSuchHook);
    }
    // Who sends slowly is waited for, but not with a place.
    drop(place);
    let most = shared.settings.hooks.max_body_kib as usize * 1024;
    let (bytes, _held) =
        timeout(BODY_PATIENCE, read(&parts, body, most)).await.map_err(|_| Refusal::TooSlow)??;
    let _place = queued().await?;
    let came = Came { headers: &parts.headers, body: &bytes, now };
    let (verified, scheme) = verified(&shared.keys, &hooks, &came)?;
    let body = request::body(&parts.headers, &bytes).map_err(Refusal::Unreadable)?;
    let sender_id = request::sender_id(scheme.as_deref(), &parts.headers, &body);
    let query = request::fields(parts.uri.query().unwrap_or_default().as_bytes());
    let request = json!({ "query": query, "headers": request::headers(&parts.headers), "body": body });
    if stripe.is_some_and(|secret| verified.contains(&format!("{STRIPE}:{secret}"))) {
        return match request["body"]["id"].is_string() {
            true => asked(hooks::take_from_stripe(&shared.pool, &request, &verified)).await,
            false => Err(Refusal::Unreadable("this is no event of Stripe's\n")),
        };
    }
    let (sender_id, method) = (sender_id.as_deref(), parts.method.as_str());
    asked(hooks::take(&shared.pool, &Taken { path, method, sender_id, request, verified: &verified })).await
}

async fn queued() -> Result<SemaphorePermit<'static>, Refusal> {
    timeout(QUEUE_PATIENCE, AT_ONCE.acquire()).await.ok().and_then(Result::ok).ok_or(Refusal::Busy)
}

/// What the database says, if it does so in time. Nothing is pretended: who hears that it is away sends again.
async fn asked<T>(question: impl Future<Output = sqlx::Result<T>>) -> Result<T, Refusal> {
    match timeout(PATIENCE, question).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(fault)) => {
            let code = fault.as_database_error().and_then(|fault| fault.code());
            tracing::warn!(code = code.as_deref(), "a webhook could not be recorded");
            Err(Refusal::Away)
        }
        Err(_) => {
            tracing::warn!("a webhook could not be recorded in time");
            Err(Refusal::Away)
        }
    }
}

/// The body, and its share of [`HELD`].
async fn read(
    parts: &Parts,
    body: Body,
    most: usize,
) -> Result<(Vec<u8>, Option<SemaphorePermit<'static>>), Refusal> {
    let told =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|told| told > most as u64) {
        return Err(Refusal::TooLarge);
    }
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut held) = (Vec::new(), None::<SemaphorePermit<'static>>);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::Unreadable("the body broke off\n"))?;
        if bytes.len() + chunk.len() > most {
            return Err(Refusal::TooLarge);
        }
        let kib = (bytes.len() + chunk.len()).div_ceil(1024)
            - held.as_ref().map_or(0, SemaphorePermit::num_permits);
        if kib > 0 {
            let more =
                HELD.try_acquire_many(u32::try_from(kib).unwrap_or(u32::MAX)).map_err(|_| Refusal::Busy)?;
            match &mut held {
                None => held = Some(more),
                Some(held) => held.merge(more),
            }
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, held))
}

/// What the request is verified with, of what its hooks want: `standard:crm`; and the scheme that says how its sender
/// numbers it. A hook that wants nothing is content with anything.
fn verified(keys: &Keys, hooks: &[Hook], came: &Came<'_>) -> Result<(Vec<String>, Option<String>), Refusal> {
    let (mut verified, mut scheme, mut failed) = (BTreeSet::new(), None, false);
    for Verify { scheme: of, secret, sealed } in hooks.iter().filter_map(|hook| hook.verify.as_ref()) {
        let value = match sealed {
            None => Err("it is not stored: `thendo secrets set` stores it".to_owned()),
            Some(sealed) => keys.open(sealed, secret).map_err(|fault| fault.to_string()),
        };
        match value.and_then(|value| came.is_signed(of, &value).map_err(str::to_owned)) {
            Ok(true) => {
                verified.insert(format!("{of}:{secret}"));
                scheme.get_or_insert_with(|| of.clone());
            }
            Ok(false) => {}
            Err(fault) => {
                tracing::warn!(secret, fault, "webhooks can't be verified with this secret");
                failed = true;
            }
        }
    }
    let is_open = hooks.iter().any(|hook| hook.verify.is_none());
    match (verified.is_empty() && !is_open, failed) {
        // The sender may be right: it is our fault, and it shall come again.
        (true, true) => Err(Refusal::Away),
        (true, false) => Err(Refusal::Unsigned),
        _ => Ok((verified.into_iter().collect(), scheme)),
    }
}
