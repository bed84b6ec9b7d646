//! How a refusal is told over HTTP: `application/problem+json`, with a code for programs and a help for people.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::operations::refusal::{Faulty, Told};
use crate::workflow::diagnostics::Diagnostic;

/// Why something was not done.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Its sort, as a URI: `urn:thendo:problem:CODE`.
    pub r#type: String,
    /// In a few words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What happened, and where.
    pub detail: String,
    /// For programs.
    pub code: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Where one workflow is refused: what the compiler says of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
    /// Where workflows are refused: what the compiler says of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faulty: Vec<Faulty>,
}

/// The answer.
pub fn of(told: &Told) -> Response {
    let status = StatusCode::from_u16(told.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let only = match told.faulty.as_slice() {
        [only] => only.diagnostics.clone(),
        _ => Vec::new(),
    };
    let problem = Problem {
        r#type: format!("urn:thendo:problem:{}", told.code),
        title: told.kind.title().to_owned(),
        status: status.as_u16(),
        detail: told.message.clone(),
        code: told.code.clone(),
        help: told.help.clone(),
        diagnostics: only,
        faulty: told.faulty.clone(),
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}
