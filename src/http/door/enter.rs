//! Links: what one opens, once. Looking at one does not use it up, for scanners and previews look at every link; a button does.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use html_escape::encode_double_quoted_attribute as attribute;
use serde::Deserialize;
use serde_json::json;

use super::{BETWEEN_TURNS, Door, address_of, cookies, other_origin, own_page, too_many};
use crate::operations::{Context, Refusal, Who, audit, keys};
use crate::store::access;

/// Sessions of links end after so many hours at most: whoever had the link has them, and all rights.
const LONGEST_H: u32 = 24;
/// Letters of a body that is looked at.
const LARGEST: usize = 1024;
/// As everywhere, but that its own form may be sent.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";
/// The browser says that its own page asks, which under `no-referrer` it would not; and never with the token.
const REFERRER: (HeaderName, &str) = (header::REFERRER_POLICY, "strict-origin");

/// What `/enter` is asked with.
#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    token: String,
}

/// Shows the button.
pub async fn look(Query(link): Query<Link>, method: Method) -> Response {
    if method != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    page(StatusCode::OK, "This link opens once, and begins a session in this browser.", Some(&link.token))
}

/// Changes a link into a session, once.
pub async fn enter(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if !own_page::asks(&parts.headers) {
        return other_origin();
    }
    let body = axum::body::to_bytes(body, LARGEST).await.unwrap_or_default();
    let named = url::form_urlencoded::parse(&body).find(|pair| pair.0 == "token");
    let token = named.map(|pair| pair.1.into_owned()).unwrap_or_default();
    let address = address_of(&parts);
    let seconds = i64::from(door.settings.api.session_h.min(LONGEST_H)) * 3600;
    let hash = keys::hash(&token);
    if token.len() != keys::TOKEN_LENGTH {
        return nothing_opens(&door, address);
    }
    let turn = match door.failures.turn(address, &hash).await {
        Ok(turn) => turn,
        Err(wait) => return too_many(wait),
    };
    let who = Who { name: "link".into(), account: None, scopes: keys::all_scopes(), until: None };
    match by_link(&door.context(who), &hash, seconds).await {
        Ok(Some(token)) => {
            let cookie = cookies::set(&parts.headers, &token, seconds);
            let to = HeaderValue::from_static("/");
            (StatusCode::SEE_OTHER, [(header::LOCATION, to), (header::SET_COOKIE, cookie)]).into_response()
        }
        // Only who has no right link waits: behind a proxy all have one address.
        Ok(None) => {
            if turn.is_some() {
                tokio::time::sleep(BETWEEN_TURNS).await;
            }
            nothing_opens(&door, address)
        }
        Err(refusal) => {
            tracing::warn!(%refusal, "a link could not be looked up");
            page(StatusCode::SERVICE_UNAVAILABLE, "The database can't be asked right now.", Some(&token))
        }
    }
}

fn nothing_opens(door: &Door, address: IpAddr) -> Response {
    if let Some(wait) = door.failures.wait(address) {
        return too_many(wait);
    }
    door.failures.add(address);
    let lead = "This link opens nothing, or not any more: each opens once, within 15 minutes. `thendo link` makes \
                another one.";
    page(StatusCode::UNAUTHORIZED, lead, None)
}

async fn by_link(context: &Context, hash: &[u8; 32], seconds: i64) -> Result<Option<String>, Refusal> {
    let mut transaction = context.begin().await?;
    let Some(maker) = access::use_link(&mut transaction, hash).await? else {
        return Ok(None);
    };
    // Whose link it was is known of all that is done by it; and who made it takes it back with themselves.
    let who = Who { name: keys::name_of_link(&maker), ..context.who.clone() };
    let (token, hash) = keys::draw()?;
    access::add_session(&mut transaction, &hash, &who.name, None, seconds).await?;
    audit::note(&mut transaction, &who, "session.begin", "", json!({})).await?;
    transaction.commit().await?;
    Ok(Some(token))
}

fn page(status: StatusCode, lead: &str, token: Option<&str>) -> Response {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex\">\
         <title>thendo</title><link rel=\"icon\" href=\"/favicon.svg\"><link rel=\"stylesheet\" href=\"/style.css\"></head><body><main>\
         <header><h1>thendo</h1></header><section><p>{lead}</p>"
    );
    if let Some(token) = token {
        // The address of the page that comes then has no token.
        let _infallible = write!(
            html,
            "<form method=\"post\" action=\"/enter\"><input type=\"hidden\" name=\"token\" value=\"{}\">\
             <button>Sign in</button></form>",
            attribute(token)
        );
    }
    html.push_str("</section></main></body></html>\n");
    let headers = [(header::CONTENT_SECURITY_POLICY, POLICY), REFERRER];
    (status, headers, Html(html)).into_response()
}
