//! The pixel and the links of campaigns' mails. Answered at once, whatever the database does: what was opened and followed is
//! written a little later, many at a time.

mod agents;
pub mod hits;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Shared, unsubscribe};
use crate::store::tracking::Hit;

/// One dot that nobody sees.
const PIXEL: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x21\xf9\x04\x01\x00\x00\x00\x00\
    \x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";
/// Letters of a user agent that are kept.
const LONGEST_AGENT: usize = 300;

/// The pixel, to whoever asks; noted if it is one of ours.
pub(super) async fn open(
    State(shared): State<Shared>,
    Path(token): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if let Some(recipient) = shared.tracking.opened(&token) {
        shared.hits.note(hit(recipient, None, &method, &headers));
    }
    // Pages of mail programs are of other origins.
    let everywhere = [(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin")];
    ([(header::CONTENT_TYPE, "image/gif")], everywhere, PIXEL).into_response()
}

/// On to where the link leads, if it is one of ours.
pub(super) async fn click(
    State(shared): State<Shared>,
    Path(token): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let Some((recipient, url)) = shared.tracking.clicked(&token) else {
        let lead = "This link is not complete. Please follow it from the mail, or copy all of it.";
        return unsubscribe::page(StatusCode::NOT_FOUND, "Nothing here", lead, None);
    };
    shared.hits.note(hit(recipient, Some(url.clone()), &method, &headers));
    let robots = [(HeaderName::from_static("x-robots-tag"), "noindex")];
    (StatusCode::FOUND, robots, [(header::LOCATION, url)]).into_response()
}

fn hit(recipient: uuid::Uuid, url: Option<String>, method: &Method, headers: &HeaderMap) -> Hit {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let agent = agent.map(|agent| agent.chars().take(LONGEST_AGENT).collect::<String>());
    let says =
        |name: &str, word: &[u8]| headers.get(name).is_some_and(|said| said.as_bytes().starts_with(word));
    let ahead =
        says("purpose", b"prefetch") || says("sec-purpose", b"prefetch") || says("x-moz", b"prefetch");
    // Who asks for the head alone shows nothing to anybody.
    let is_proxy =
        method == Method::HEAD || ahead || agents::is_scanner(agent.as_deref().unwrap_or_default());
    Hit { recipient, url, user_agent: agent, is_proxy, at: std::time::Instant::now() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pixel_is_a_gif_of_one_dot() {
        assert_eq!(PIXEL.len(), 43);
        assert!(PIXEL.starts_with(b"GIF89a\x01\x00\x01\x00") && PIXEL.ends_with(b"\x3b"));
    }
}
