//! The page behind a mail's way out. Looking at it changes nothing, for scanners look at every link; a button does, and so does
//! what mail programs post by themselves (RFC 8058). No script, and no address in the URL.

use std::fmt::Write;

use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use html_escape::encode_text as text;

use super::{LONGEST_QUERY, Shared};
use crate::store::unsubscribe;

/// As everywhere, but that its own form may be sent.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// Asks whether it is meant.
pub(super) async fn look(State(shared): State<Shared>, Path(token): Path<String>) -> Response {
    match shared.way_out.address(&token) {
        None => unknown(),
        Some(address) => {
            let lead = format!("No more offers and news to {}?", veiled(&address));
            page(StatusCode::OK, "Unsubscribe", &lead, Some(("unsubscribe", "Unsubscribe")))
        }
    }
}

/// Does it: for the button, and for mail programs. `action=undo` takes it back.
pub(super) async fn act(State(shared): State<Shared>, Path(token): Path<String>, body: String) -> Response {
    let Some(address) = shared.way_out.address(&token) else { return unknown() };
    let takes_back = body.split('&').any(|pair| pair == "action=undo");
    let done = async {
        match takes_back {
            true => unsubscribe::take_back(&shared.pool, &address).await.map(|_| ()),
            false => unsubscribe::unsubscribe(&shared.pool, &address).await,
        }
    };
    match tokio::time::timeout(LONGEST_QUERY, done).await {
        Ok(Ok(())) if takes_back => {
            let lead = "What you had agreed to before holds again.";
            page(StatusCode::OK, "As before", lead, Some(("unsubscribe", "Unsubscribe")))
        }
        Ok(Ok(())) => {
            let lead = format!(
                "{} gets no more offers and news. Mails about your orders still come.",
                veiled(&address)
            );
            page(StatusCode::OK, "Unsubscribed", &lead, Some(("undo", "That was a mistake")))
        }
        late_or_not => {
            let fault = late_or_not.map(|done| done.err().map(|fault| fault.to_string()));
            tracing::error!(?fault, "somebody could not unsubscribe");
            let lead = "That did not work just now. Please try again in a few minutes.";
            page(StatusCode::SERVICE_UNAVAILABLE, "Not yet", lead, Some(("unsubscribe", "Try again")))
        }
    }
}

fn unknown() -> Response {
    let lead = "This link is not complete, or too old. Please use the one of the last mail you got.";
    page(StatusCode::NOT_FOUND, "Nothing here", lead, None)
}

/// Enough to know it by, for whoever knows it.
fn veiled(address: &str) -> String {
    let (name, host) = address.split_once('@').unwrap_or_default();
    format!("{}…@{host}", name.chars().next().unwrap_or_default())
}

/// A page with a word to whoever came by a mail's link, and a button to press, if there is one.
pub(super) fn page(status: StatusCode, title: &str, lead: &str, button: Option<(&str, &str)>) -> Response {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex\">\
         <title>{0}</title><link rel=\"stylesheet\" href=\"../style.css\"></head><body><main>\
         <header><h1>{0}</h1></header><section><p>{1}</p>",
        text(title),
        text(lead)
    );
    if let Some((action, label)) = button {
        let _infallible = write!(
            html,
            "<form method=\"post\"><button name=\"action\" value=\"{action}\">{}</button></form>",
            text(label)
        );
    }
    html.push_str("</section></main></body></html>\n");
    let policy = [(header::CONTENT_SECURITY_POLICY, POLICY)];
    let robots = [(HeaderName::from_static("x-robots-tag"), "noindex")];
    (status, policy, robots, Html(html)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_to_who_knows_it() {
        assert_eq!(veiled("ada@example.com"), "a…@example.com");
    }
}
