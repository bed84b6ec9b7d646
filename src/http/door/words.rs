//! What is said to who does not come in.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

use super::LONGEST;
use super::rights::verbs_of;
use crate::http::api::problem;
use crate::operations::Kind;
use crate::operations::refusal::Told;

/// What is told at the door.
pub fn told(kind: Kind, code: &str, message: &str) -> Told {
    let help = match kind {
        Kind::Unknown => "send `Authorization: Bearer KEY`, or sign in by a link of `thendo link`",
        Kind::Forbidden => "ask with a key, or an account, that has the right",
        Kind::WrongVerb | Kind::Missing => "GET /api/v1/openapi.json says what there is",
        Kind::TooMany => "wait, then try with what is right",
        _ => "try again in a moment",
    };
    let (code, message, help) = (code.to_owned(), message.to_owned(), Some(help.to_owned()));
    Told { kind, code, message, help, faulty: Vec::new() }
}

/// Why the API is not served: the daemon has too few connections.
pub fn too_few(most: u32, needed: u32) -> Box<Told> {
    let message = format!("this daemon has {most} connections to the database, too few for an API");
    let help = format!("set `pool_max` to {needed} or more, and start the daemon again");
    Box::new(Told { help: Some(help), ..told(Kind::Busy, "too-few-connections", &message) })
}

/// Why the API is not served: its role can't be taken.
pub fn no_role(help: String) -> Box<Told> {
    let message = "the database refuses this daemon what it needs for the API";
    Box::new(Told { help: Some(help), ..told(Kind::Busy, "no-role", message) })
}

/// It may be that the database was just done with it.
pub(super) fn too_late(is_safe: bool) -> Response {
    let message = format!("it took longer than {} seconds and was given up", LONGEST.as_secs());
    if is_safe {
        return problem::of(&told(Kind::Late, "too-late", &message));
    }
    let message = format!("{message}; it may have been done all the same");
    let help = "look whether it was done before you ask for it again".into();
    problem::of(&Told { help: Some(help), ..told(Kind::Late, "too-late", &message) })
}

/// A route without a line, or a verb that it does not have.
pub(super) fn closed(path: &str) -> Response {
    let verbs = verbs_of(path);
    if verbs.is_empty() {
        return problem::of(&told(Kind::Forbidden, "closed", "this route is open to nobody"));
    }
    let mut response = problem::of(&told(Kind::WrongVerb, "wrong-verb", "this is not asked for in this way"));
    if let Ok(verbs) = HeaderValue::try_from(verbs.join(", ")) {
        response.headers_mut().insert(header::ALLOW, verbs);
    }
    response
}

/// A browser was led here from elsewhere.
pub(super) fn other_origin() -> Response {
    let message = "the request does not come from a page of this daemon";
    problem::of(&told(Kind::Forbidden, "other-origin", message))
}

/// It is not known who comes.
pub(super) fn unknown(message: &str) -> Response {
    let mut response = problem::of(&told(Kind::Unknown, "not-signed-in", message));
    let scheme = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    response
}

/// Too many failures from this address.
pub(super) fn too_many(wait: Duration) -> Response {
    let mut response =
        problem::of(&told(Kind::TooMany, "too-many-failures", "too many failures from this address"));
    let seconds = HeaderValue::from(wait.as_secs() + 1);
    response.headers_mut().insert(HeaderName::from_static("retry-after"), seconds);
    response
}
