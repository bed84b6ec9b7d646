//! What mail providers tell of mails that came back, in a form of our own: for a provider's webhook, by way of few lines that turn
//! its form into this one.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{LONGEST_QUERY, Shared};
use crate::domain::mail::Return;
use crate::store::bounces::{CameBack, take_in};

/// In one request.
const MOST: usize = 100;
const MAX_ADDRESS_BYTES: usize = 320;
const MAX_DETAIL_LETTERS: usize = 1000;

/// One piece of news.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct News {
    address: String,
    #[serde(rename = "type")]
    kind: Return,
    #[serde(default)]
    detail: String,
    /// As in the mail's header: then its delivery gets to know, too.
    message_id: Option<String>,
}

/// Takes in one piece of news or a list of them, all or none that can be read.
pub(super) async fn tell(State(shared): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let says = |status: StatusCode, error: &str| (status, Json(json!({ "error": error }))).into_response();
    let Some(token) = &shared.settings.mail.bounce_token else {
        return says(StatusCode::NOT_FOUND, "nothing is taken in here: mail.bounce_token is not set");
    };
    let given =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let is_right = |given: &str| {
        verify_slices_are_equal(given.trim().as_bytes(), token.expose_secret().as_bytes()).is_ok()
    };
    if token.expose_secret().is_empty() || !given.is_some_and(is_right) {
        return says(
            StatusCode::UNAUTHORIZED,
            "say `Authorization: Bearer …` with the token of mail.bounce_token",
        );
    }
    let read = serde_json::from_str::<Value>(&body).and_then(|body| match body {
        Value::Array(all) => all.into_iter().map(serde_json::from_value).collect::<Result<Vec<News>, _>>(),
        one => serde_json::from_value(one).map(|one| vec![one]),
    });
    let all = match read {
        Ok(all) if all.len() > MOST => return says(StatusCode::PAYLOAD_TOO_LARGE, "at most 100 at once"),
        Ok(all) => all,
        Err(fault) => return says(StatusCode::UNPROCESSABLE_ENTITY, &fault.to_string()),
    };
    let is_address = |news: &News| news.address.contains('@') && news.address.len() <= MAX_ADDRESS_BYTES;
    if !all.iter().all(is_address) {
        return says(StatusCode::UNPROCESSABLE_ENTITY, "`address` is no mail address");
    }
    let taking = async {
        let mut suppressed = 0;
        for News { address, kind, detail, message_id } in &all {
            let detail: String =
                detail.chars().filter(|c| !c.is_control()).take(MAX_DETAIL_LETTERS).collect();
            let delivery = message_id.as_deref().and_then(delivery_of);
            let came_back =
                CameBack { delivery, address: Some(address.trim()), kind: *kind, detail: &detail };
            suppressed += usize::from(take_in(&shared.pool, &came_back).await?.suppressed.is_some());
        }
        Ok::<_, sqlx::Error>(suppressed)
    };
    match tokio::time::timeout(LONGEST_QUERY, taking).await {
        Ok(Ok(suppressed)) => Json(json!({ "taken": all.len(), "suppressed": suppressed })).into_response(),
        late_or_not => {
            let fault = late_or_not.map(|taken| taken.err().map(|fault| fault.to_string()));
            tracing::error!(?fault, "news of mails that came back could not be taken in");
            says(StatusCode::SERVICE_UNAVAILABLE, "try again: it does no harm twice")
        }
    }
}

/// Our Message-IDs begin with the delivery's id.
fn delivery_of(message_id: &str) -> Option<Uuid> {
    message_id.trim().trim_matches(['<', '>']).split('@').next()?.parse().ok()
}
