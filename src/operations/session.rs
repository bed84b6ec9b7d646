//! Who is signed in: the one who asks, and all others.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Asked, Context, Kind, Nothing, Operation, Page, Part, Refusal, Verb, audit, cursor, page_size};
use crate::store::access::{self, SessionRow};

/// Who asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// In the audit's words.
    pub who: String,
    /// Their account, if they have one.
    pub account: Option<Uuid>,
    /// What they may.
    pub scopes: Vec<String>,
}

/// Says who asks.
#[derive(Debug)]
pub struct WhoAmI;

impl Operation for WhoAmI {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/session";
    const NAME: &'static str = "whoAmI";
    const ABOUT: &'static str = "Who is signed in, and what they may.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = SignedIn;

    async fn run(context: &Context, _asked: Asked<Self>) -> Result<SignedIn, Refusal> {
        let who = &context.who;
        Ok(SignedIn { who: who.name.clone(), account: who.account, scopes: who.scopes.clone() })
    }
}

/// Lists sessions.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/sessions";
    const NAME: &'static str = "listSessions";
    const ABOUT: &'static str = "Sessions of browsers, the newest first, without what opens.";
    type Path = Nothing;
    type Query = Part;
    type Body = Nothing;
    type Output = Page<SessionRow>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<SessionRow>, Refusal> {
        let limit = page_size(asked.query.limit)?;
        let behind: Option<(DateTime<Utc>, Uuid)> = cursor::read(asked.query.cursor.as_deref())?;
        let found = access::sessions(&context.pool, behind, limit + 1).await?;
        Ok(Page::cut(found, limit, |session| (session.began_at, session.id)))
    }
}

/// Which session.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OfSession {
    /// Its id.
    pub session: Uuid,
}

/// Ends a session.
#[derive(Debug)]
pub struct End;

impl Operation for End {
    const VERB: Verb = Verb::Delete;
    const PATH: &'static str = "/sessions/{session}";
    const NAME: &'static str = "endSessionOf";
    const ABOUT: &'static str = "Ends a session, whosever it is, at once.";
    type Path = OfSession;
    type Query = Nothing;
    type Body = Nothing;
    type Output = SessionRow;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<SessionRow, Refusal> {
        let id = asked.path.session;
        let mut transaction = context.begin().await?;
        let Some(row) = access::end_session_of(&mut transaction, id).await? else {
            let message = format!("there is no session {id} that has not ended");
            return Err(Refusal::new(Kind::Missing, "no-such-session", message)
                .help("`thendo sessions list` lists them"));
        };
        audit::note(&mut transaction, &context.who, "session.end", id, json!({"who": row.who})).await?;
        transaction.commit().await?;
        Ok(row)
    }
}
