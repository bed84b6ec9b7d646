//! Sessions of browsers: begun by an account's token, ended by signing out or by time.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use super::{By, Caller, Door, cookies, told};
use crate::http::api::problem;
use crate::operations::{Context, Kind, Refusal, audit, keys};
use crate::store::access;

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
    match by_account(&door.context(caller.who), account, hours(&door)).await {
        Ok(token) => {
            let cookie = cookies::set(request.headers(), &token, hours(&door));
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
    let Some(token) = cookies::read(request.headers()) else { return StatusCode::NO_CONTENT.into_response() };
    let context = door.context(caller.who);
    let ended = async {
        let mut transaction = context.begin().await?;
        access::end_session(&mut transaction, &keys::hash(&token)).await?;
        audit::note(&mut transaction, &context.who, "session.end", "", json!({})).await?;
        Ok::<_, Refusal>(transaction.commit().await?)
    };
    match ended.await {
        Ok(()) => {
            let gone = cookies::set(request.headers(), "", 0);
            (StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response()
        }
        Err(refusal) => problem::of(&refusal.told()),
    }
}

/// The longest time of a session, in seconds.
fn hours(door: &Door) -> i64 {
    i64::from(door.settings.api.session_h) * 3600
}
