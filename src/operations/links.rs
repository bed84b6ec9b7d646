//! Links that sign in, once.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgPool;
use utoipa::ToSchema;

use super::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb, Who, audit, keys};
use crate::store::access;

/// For so long a link opens.
pub const SECONDS: i64 = 15 * 60;

/// A link that was made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = SignInLink)]
pub struct Made {
    /// Its path, below the daemon's address. It opens once; it is told this once.
    pub path: String,
    /// For how many seconds it opens.
    pub seconds: i64,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Made(****)")
    }
}

/// Makes a link.
#[derive(Debug)]
pub struct Make;

impl Operation for Make {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/links";
    const NAME: &'static str = "makeLink";
    const ABOUT: &'static str =
        "Makes a link that signs in to the daemon's pages with all rights, once, within 15 minutes.";
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Made;

    async fn run(context: &Context, _asked: Asked<Self>) -> Result<Made, Refusal> {
        // A session of a link counts whoever is an admin by then; that of an account only as long as it is one.
        if context.who.account.is_some() {
            return Err(Refusal::new(
                Kind::Forbidden,
                "has-account",
                "an account makes no links: it signs in itself",
            )
            .help("begin a session with its token: POST /api/v1/session"));
        }
        if context.who.until.is_some() {
            let message = "a key that ends makes no links: their sessions would outlive it";
            return Err(Refusal::new(Kind::Forbidden, "has-end", message)
                .help("ask with a key without an end, or `thendo link` where the database is"));
        }
        make(&context.pool, &context.who).await
    }
}

/// Makes a link, and notes who did.
///
/// # Errors
/// When the database can't be written.
pub async fn make(pool: &PgPool, who: &Who) -> Result<Made, Refusal> {
    let (token, hash) = keys::draw()?;
    let mut transaction = pool.begin().await?;
    access::add_link(&mut transaction, &hash, &who.name, SECONDS).await?;
    audit::note(&mut transaction, who, "link.make", "", json!({})).await?;
    transaction.commit().await?;
    Ok(Made { path: format!("/enter?token={token}"), seconds: SECONDS })
}
