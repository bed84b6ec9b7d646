//! One handler for all operations: reads a request as the operation's inputs, and writes its output.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::problem;
use crate::http::door::{Caller, Door};
use crate::operations::{Asked, Kind, Match, Operation, Refusal};

/// Objects and lists take far more memory than letters: a body may have one for so many bytes that it may have …
const BYTES_OF_A_PART: usize = 32;
/// … but as many as this always.
const LEAST_PARTS: usize = 16 * 1024;

pub(super) async fn answer<O: Operation>(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let most = body.size_hint().upper();
    // Kept until all is done: what was read is in memory as long.
    let _place = match door.place_of::<O>(most).await {
        Ok(place) => place,
        Err(refusal) => return problem::of(&refusal.told()),
    };
    let asked = match read::<O>(&mut parts, body).await {
        Ok(asked) => asked,
        Err(refusal) => return problem::of(&refusal.told()),
    };
    match O::run(&door.context(caller.who), asked).await {
        Ok(output) => written::<O>(&output),
        Err(refusal) => {
            match &refusal {
                Refusal::Told(_) => {}
                Refusal::Database(fault) => {
                    tracing::warn!(operation = O::NAME, %fault, "the database refused")
                }
                Refusal::Broken(fault) => tracing::error!(operation = O::NAME, "it broke: {fault:#}"),
            }
            problem::of(&refusal.told())
        }
    }
}

fn written<O: Operation>(output: &O::Output) -> Response {
    let status = StatusCode::from_u16(O::STATUS).unwrap_or(StatusCode::OK);
    let body = serde_json::to_vec(output).unwrap_or_default();
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    let edition = O::edition(output).and_then(|edition| HeaderValue::try_from(format!("\"{edition}\"")).ok());
    if let Some(edition) = edition {
        response.headers_mut().insert(header::ETAG, edition);
    }
    response
}

async fn read<O: Operation>(parts: &mut Parts, body: Body) -> Result<Asked<O>, Refusal> {
    let path = Path::<O::Path>::from_request_parts(parts, &()).await;
    let Path(path) = path.map_err(|fault| {
        Refusal::new(Kind::Malformed, "bad-path", fault.body_text())
            .help("the address names something in another form")
    })?;
    let Query(query) = Query::<O::Query>::try_from_uri(&parts.uri).map_err(|fault| {
        let reason = std::error::Error::source(&fault).map_or_else(|| fault.body_text(), ToString::to_string);
        Refusal::new(Kind::Malformed, "bad-query", reason)
            .help("GET /api/v1/openapi.json says what may be asked")
    })?;
    let if_match = seen(parts, O::IF_MATCH)?;
    let body = read_body::<O>(parts, body).await?;
    Ok(Asked { path, query, body, if_match })
}

/// The edition that `If-Match` names.
fn seen(parts: &Parts, wanted: Match) -> Result<Option<String>, Refusal> {
    if wanted == Match::Never {
        return Ok(None);
    }
    let mut named = parts.headers.get_all(header::IF_MATCH).iter();
    match (named.next().map(|value| value.to_str().unwrap_or_default().trim()), named.next()) {
        (None, _) if wanted == Match::Must => {
            Err(Refusal::new(Kind::Unguarded, "no-edition", "it was not said which edition was read")
                .help("send `If-Match` with the `ETag` of what was read, so that nobody is overwritten"))
        }
        (None, _) => Ok(None),
        (Some("*"), None) => Ok(Some("*".into())),
        // A proxy that packs answers says so of their editions.
        (Some(text), None) => match text
            .strip_prefix("W/")
            .unwrap_or(text)
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
        {
            Some(edition) if !edition.contains('"') => Ok(Some(edition.to_owned())),
            _ => Err(unreadable_edition()),
        },
        (Some(_), Some(_)) => Err(unreadable_edition()),
    }
}

fn unreadable_edition() -> Refusal {
    Refusal::new(Kind::Malformed, "bad-edition", "`If-Match` is no single edition")
        .help("send it as the `ETag` was, with its quotes")
}

async fn read_body<O: Operation>(parts: &Parts, body: Body) -> Result<O::Body, Refusal> {
    let too_large = || {
        Refusal::new(Kind::TooLarge, "too-large", format!("the body has more than {} bytes", O::LARGEST_BODY))
            .help("send less")
    };
    let told =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if told.is_some_and(|told: usize| told > O::LARGEST_BODY) {
        return Err(too_large());
    }
    let bytes = to_bytes(body, O::LARGEST_BODY).await.map_err(|fault| {
        let is_length = std::error::Error::source(&fault)
            .is_some_and(|source| source.to_string().contains("length limit"));
        match is_length {
            true => too_large(),
            false => Refusal::new(Kind::Malformed, "broken-off", "the body broke off").help("send it again"),
        }
    })?;
    if bytes.is_empty() {
        return from_json(b"{}");
    }
    let parts_of_it = bytes.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    let most = LEAST_PARTS.max(O::LARGEST_BODY / BYTES_OF_A_PART);
    if parts_of_it > most {
        let message = format!("the body has more than {most} objects and lists");
        return Err(Refusal::new(Kind::TooLarge, "too-many-parts", message).help("send less"));
    }
    let kind =
        parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::new(Kind::WrongType, "no-json", "the body is not said to be JSON")
            .help("send it with `Content-Type: application/json`"));
    }
    from_json(&bytes)
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|fault| {
        let path = fault.path().to_string();
        let place = if path == "." { String::new() } else { format!("`{path}`: ") };
        format!("{place}{}", fault.into_inner())
    });
    let read = read.and_then(|read| reader.end().map(|()| read).map_err(|fault| fault.to_string()));
    read.map_err(|reason| {
        Refusal::new(Kind::Malformed, "bad-body", reason)
            .help("GET /api/v1/openapi.json says what is expected")
    })
}
