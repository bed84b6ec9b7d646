//! Sessions of browsers: begun by a link that works once or by an account's token, ended by signing out or by time.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{By, Caller, Door, address_of, told, too_many};
use crate::http::api::problem;
use crate::operations::{Context, Kind, Refusal, Who, audit, keys};
use crate::store::access;

const COOKIE: &str = "thendo_session";

/// What `/enter` is asked.
#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    token: String,
}

/// Changes a link into a session, once.
pub async fn enter(State(door): State<Arc<Door>>, Query(link): Query<Link>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    // Looking at a link must not use it up.
    if parts.method != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let address = address_of(&parts);
    let context = door.context(Who { name: "link".into(), account: None, scopes: keys::all_scopes() });
    match by_link(&context, &link.token, hours(&door)).await {
        Ok(Some(token)) => {
            let cookie = set(&token, i64::from(door.settings.api.session_h) * 3600, is_https(&parts.headers));
            let to = HeaderValue::from_static("/");
            (StatusCode::SEE_OTHER, [(header::LOCATION, to), (header::SET_COOKIE, cookie)]).into_response()
        }
        // Only who has no right link waits: behind a proxy all have one address.
        Ok(None) => {
            if let Some(wait) = door.failures.wait(address) {
                return too_many(wait);
            }
            door.failures.add(address);
            let words = "This link opens nothing, or not any more: each opens once, within 15 minutes.\n\
                         `thendo link` makes another one.\n";
            (StatusCode::UNAUTHORIZED, words).into_response()
        }
        Err(refusal) => {
            tracing::warn!(%refusal, "a link could not be looked up");
            (StatusCode::SERVICE_UNAVAILABLE, "The database can't be asked right now.\n").into_response()
        }
    }
}

async fn by_link(context: &Context, token: &str, seconds: i64) -> Result<Option<String>, Refusal> {
    let mut transaction = context.begin().await?;
    if access::use_link(&mut transaction, &keys::hash(token)).await?.is_none() {
        return Ok(None);
    }
    let (token, hash) = keys::draw()?;
    access::add_session(&mut transaction, &hash, "link", None, seconds).await?;
    audit::note(&mut transaction, &context.who, "session.begin", "", json!({})).await?;
    transaction.commit().await?;
    Ok(Some(token))
}

/// Changes the token of an account into a session, which counts as long as the account is an admin's.
pub async fn begin(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let account = match (caller.by, caller.who.account) {
        (By::Token, Some(account)) => account,
        _ => {
            let message = "only the token of an account begins a session";
            return problem::of(&told(Kind::Forbidden, "no-account", message));
        }
    };
    let secure = is_https(request.headers());
    match by_account(&door.context(caller.who), account, hours(&door)).await {
        Ok(token) => {
            let cookie = set(&token, hours(&door), secure);
            (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
        }
        Err(refusal) => problem::of(&refusal.told()),
    }
}

async fn by_account(context: &Context, account: Uuid, seconds: i64) -> Result<String, Refusal> {
    let (token, hash) = keys::draw()?;
    let mut transaction = context.begin().await?;
    access::add_session(&mut transaction, &hash, &context.who.name, Some(account), seconds).await?;
    audit::note(&mut transaction, &context.who, "session.begin", "", json!({})).await?;
    transaction.commit().await?;
    Ok(token)
}

/// Signs out.
pub async fn end(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let secure = is_https(request.headers());
    let Some(token) = cookie(request.headers()) else { return StatusCode::NO_CONTENT.into_response() };
    let context = door.context(caller.who);
    let ended = async {
        let mut transaction = context.begin().await?;
        access::end_session(&mut transaction, &keys::hash(&token)).await?;
        audit::note(&mut transaction, &context.who, "session.end", "", json!({})).await?;
        Ok::<_, Refusal>(transaction.commit().await?)
    };
    match ended.await {
        Ok(()) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, set("", 0, secure))]).into_response(),
        Err(refusal) => problem::of(&refusal.told()),
    }
}

/// The longest time of a session, in seconds.
fn hours(door: &Door) -> i64 {
    i64::from(door.settings.api.session_h) * 3600
}

/// The session that a browser shows. Of several cookies of this name, none counts.
pub(super) fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut ours = all
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, value)| *name == COOKIE && !value.is_empty());
    let (_, first) = ours.next()?;
    ours.next().is_none().then(|| first.to_owned())
}

fn set(token: &str, seconds: i64, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    // Letters, digits, `-` and `_` alone.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// Whether the browser came by https, as the proxy before this daemon says. Who says so untruly loses the cookie.
fn is_https(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"))
}
