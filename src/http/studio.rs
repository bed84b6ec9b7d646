//! The studio: files built from `ui/` that lie in the binary. They hold no data; what they show they ask of the API.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Component, Path as FilePath};
use std::sync::{LazyLock, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

use super::Shared;

/// Name and content of each file, in the order of names.
static DIST: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/studio.rs"));

/// First parts of paths that are no page of the studio, whoever asks.
const NO_PAGE: &[&str] = &[
    "api",
    "assets",
    "bounces",
    "c",
    "enter",
    "healthz",
    "hooks",
    "metrics",
    "o",
    "readyz",
    "status",
    "unsubscribe",
];
/// What stands in index.html for the number that is drawn for each answer.
const NONCE: &str = "__NONCE__";
/// Files have their content's hash in their names.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// Smaller ones gain nothing by it.
const WORTH_PACKING: usize = 1024;

/// Whether a path that no other route has is a page of the studio: a browser asks for one to show it.
pub(super) fn is_meant(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or_default();
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    (method == Method::GET || method == Method::HEAD)
        && accepts.contains("text/html")
        && !NO_PAGE.contains(&first)
        && !parts.next_back().unwrap_or(first).contains('.')
}

/// The studio's only page. Which part of it is shown the address says, to its script.
pub(super) async fn index(State(shared): State<Shared>) -> Response {
    let Some((bytes, _)) = file(&shared, "index.html").await else {
        let advice = "the studio was not built: `make ui`, then build again; /status says how things are\n";
        return (StatusCode::NOT_FOUND, advice).into_response();
    };
    let mut bits = [0; 16];
    if aws_lc_rs::rand::fill(&mut bits).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let nonce = URL_SAFE_NO_PAD.encode(bits);
    let html = String::from_utf8_lossy(&bytes).replace(NONCE, &nonce);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy(&nonce)),
    ];
    (headers, html).into_response()
}

/// Style attributes are let in, for mails are shown with theirs; elements only with the number, for CodeMirror makes some.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; \
         style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; frame-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

/// A script, a style, an image.
pub(super) async fn asset(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let keep = if shared.settings.ui_dir.is_some() { ASK_AGAIN } else { FOR_EVER };
    answer(&shared, &format!("assets/{name}"), keep, &headers).await
}

/// The sign in the browser's tab.
pub(super) async fn favicon(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    answer(&shared, "favicon.svg", ASK_AGAIN, &headers).await
}

async fn answer(shared: &Shared, name: &str, keep: HeaderValue, asked: &HeaderMap) -> Response {
    let Some((bytes, tag)) = file(shared, name).await else {
        return (StatusCode::NOT_FOUND, "the studio has no such file\n").into_response();
    };
    let text = |name: HeaderName| asked.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = match !tag.is_empty() && text(header::IF_NONE_MATCH).contains(&tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false
            if bytes.len() >= WORTH_PACKING
                && is_packed(name)
                && text(header::ACCEPT_ENCODING).contains("gzip") =>
        {
            ([(header::CONTENT_ENCODING, "gzip")], packed(name, &tag, bytes)).into_response()
        }
        false => bytes.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind_of(name)));
    headers.insert(header::CACHE_CONTROL, keep);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// A file and its tag: out of the binary, or out of the folder that was named.
async fn file(shared: &Shared, name: &str) -> Option<(Bytes, String)> {
    if let Some(folder) = &shared.settings.ui_dir {
        let is_below = FilePath::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        let read = if is_below { tokio::fs::read(folder.join(name)).await.ok() } else { None };
        return read.map(|bytes| (bytes.into(), String::new()));
    }
    let at = DIST.binary_search_by_key(&name, |file| file.0).ok()?;
    Some((Bytes::from_static(DIST[at].1), tag_of(at)))
}

/// The tag of a file in the binary; each is reckoned once.
fn tag_of(at: usize) -> String {
    static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let tag = |content: &[u8]| format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(content)[..12]));
        DIST.iter().map(|(_, content)| tag(content)).collect()
    });
    TAGS.get(at).cloned().unwrap_or_default()
}

/// Packed once, not for each who asks: and not at build, for every zlib packs in its own way, and builds are compared.
fn packed(name: &str, tag: &str, bytes: Bytes) -> Bytes {
    static PACKED: Mutex<Option<HashMap<String, Bytes>>> = Mutex::new(None);
    let known = || PACKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known().as_ref().and_then(|all| all.get(name)).filter(|_| !tag.is_empty()) {
        return found.clone();
    }
    let mut writer = GzBuilder::new().write(Vec::with_capacity(bytes.len() / 3), Compression::new(6));
    let done = writer.write_all(&bytes).and_then(|()| writer.finish()).map_or(bytes, Bytes::from);
    known().get_or_insert_default().insert(name.to_owned(), done.clone());
    done
}

fn is_packed(name: &str) -> bool {
    !matches!(name.rsplit('.').next(), Some("woff2" | "png"))
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_what_browsers_ask_for_and_nobody_else_has() {
        let browser: HeaderMap =
            [(header::ACCEPT, HeaderValue::from_static("text/html,*/*"))].into_iter().collect();
        for path in ["/workflows", "/executions/01a2", "/", "/settings/keys"] {
            assert!(is_meant(&Method::GET, path, &browser), "{path}");
            assert!(!is_meant(&Method::GET, path, &HeaderMap::new()), "{path} for a program");
            assert!(!is_meant(&Method::POST, path, &browser), "{path} to write");
        }
        for path in ["/api/v2", "/hooks/x", "/o/x/y", "/assets/x", "/robots.txt", "/enter/x", "/a/b.php"] {
            assert!(!is_meant(&Method::GET, path, &browser), "{path}");
        }
    }

    #[test]
    fn no_script_stands_in_the_page_and_no_other_may() {
        let index = DIST.iter().find(|file| file.0 == "index.html").expect("built");
        let html = String::from_utf8_lossy(index.1);
        assert!(html.contains(NONCE), "{html}");
        assert!(!html.contains("style=") && !html.contains("<style"), "{html}");
        for script in html.split("<script").skip(1) {
            assert!(script.contains("src=\"/assets/") && script.contains("></script>"), "{script}");
        }
        assert!(!policy("x").contains("unsafe-eval"));
    }
}
