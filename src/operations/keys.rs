//! Keys for programs: made, listed, revoked. What opens is shown once and kept as a hash.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Asked, Context, Kind, Nothing, Operation, Page, Part, Refusal, Verb, audit, cursor, page_size};
use crate::store::access::{self, KeyRow, NewKey};

/// What a key may be for.
pub const SCOPES: [&str; 5] = ["read", "author", "operate", "secrets", "admin"];

/// Whether who has these scopes has that one: whoever may do something sees what they do it to, and an admin may all.
pub fn give(scopes: &[String], wanted: &str) -> bool {
    scopes.iter().any(|scope| match scope.as_str() {
        "admin" => SCOPES.contains(&wanted),
        "author" | "operate" if wanted == "read" => true,
        scope => scope == wanted,
    })
}

/// What every key begins with, so that people and scanners know one.
pub const PREFIX: &str = "thendo_";

/// Letters of what [`draw`] draws.
pub const TOKEN_LENGTH: usize = 43;

/// 256 random bits as text, and what they are known by.
///
/// # Errors
/// When the system gives no random numbers.
pub fn draw() -> Result<(String, [u8; 32]), Refusal> {
    let mut bits = [0u8; 32];
    rand::fill(&mut bits).map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    let text = URL_SAFE_NO_PAD.encode(bits);
    let hash = hash(&text);
    Ok((text, hash))
}

/// What a key, a link or a session is known by.
pub fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Lists keys.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/keys";
    const NAME: &'static str = "listKeys";
    const ABOUT: &'static str = "Keys of programs, the newest first, without what opens.";
    type Path = Nothing;
    type Query = Part;
    type Body = Nothing;
    type Output = Page<KeyRow>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<KeyRow>, Refusal> {
        let limit = page_size(asked.query.limit)?;
        let behind: Option<(DateTime<Utc>, Uuid)> = cursor::read(asked.query.cursor.as_deref())?;
        let found = access::keys(&context.pool, behind, limit + 1).await?;
        Ok(Page::cut(found, limit, |key| (key.created_at, key.id)))
    }
}

/// A key that is wanted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NewKey)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Its name, of 1 to 100 letters.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What it may do: `read`, `author`, `operate`, `secrets`, `admin`.
    #[schema(min_items = 1, max_items = 5)]
    pub scopes: Vec<String>,
    /// Until when it opens; without it, until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key that was made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = CreatedKey)]
pub struct Created {
    /// What opens. It is shown this once.
    pub key: String,
    /// All else.
    #[serde(flatten)]
    pub row: KeyRow,
}

/// Makes a key.
#[derive(Debug)]
pub struct Create;

impl Operation for Create {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/keys";
    const NAME: &'static str = "createKey";
    const ABOUT: &'static str = "Makes a key for a program. What opens is answered this once.";
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Wanted;
    type Output = Created;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Created, Refusal> {
        let Wanted { name, scopes, expires_at } = asked.body;
        check_name(&name)?;
        let mut scopes: Vec<String> = scopes;
        scopes.sort_unstable();
        scopes.dedup();
        if let Some(other) = scopes.iter().find(|scope| !SCOPES.contains(&scope.as_str())) {
            return Err(Refusal::new(Kind::Invalid, "bad-scope", format!("`{other}` is no scope"))
                .help(format!("the scopes are {}", SCOPES.join(", "))));
        }
        if scopes.is_empty() {
            return Err(Refusal::new(Kind::Invalid, "bad-scope", "a key needs a scope")
                .help(format!("the scopes are {}", SCOPES.join(", "))));
        }
        if let Some(more) = scopes.iter().find(|scope| !give(&context.who.scopes, scope)) {
            let message = format!("who has not the scope `{more}` can't hand it on");
            return Err(
                Refusal::new(Kind::Forbidden, "scope-not-yours", message).help("ask with a key that has it")
            );
        }
        let expires_at = end(expires_at, context.who.until)?;
        let key = format!("{PREFIX}{}", draw()?.0);
        let new = NewKey {
            name: &name,
            hash: &hash(&key),
            prefix: &key[..PREFIX.len() + 4],
            scopes: &scopes,
            created_by: &context.who.name,
            expires_at,
        };
        let mut transaction = context.begin().await?;
        let Some(row) = access::add_key(&mut transaction, &new).await? else {
            return Err(Refusal::new(
                Kind::Conflict,
                "name-taken",
                format!("there is a key `{name}` already"),
            )
            .help("revoke that one, or choose another name"));
        };
        let detail = json!({"name": name, "scopes": scopes, "expires_at": expires_at});
        audit::note(&mut transaction, &context.who, "key.create", row.id, detail).await?;
        transaction.commit().await?;
        Ok(Created { key, row })
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let message = if !(1..=100).contains(&name.chars().count()) {
        "the name of a key has 1 to 100 letters"
    } else if name.chars().any(char::is_control) {
        "the name of a key has no control characters"
    } else if name.parse::<Uuid>().is_ok() {
        "the name of a key is no UUID: it would be taken for the id of another one"
    } else {
        return Ok(());
    };
    Err(Refusal::new(Kind::Invalid, "bad-name", message).help("name it by what will use it"))
}

/// When a new key ends. One of somebody whose own key ends does so no later.
fn end(
    wanted: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> Result<Option<DateTime<Utc>>, Refusal> {
    match (wanted, until) {
        (Some(end), _) if end <= Utc::now() => {
            Err(Refusal::new(Kind::Invalid, "bad-end", "a key can't have ended before it begins")
                .help("name a time to come"))
        }
        (Some(end), Some(until)) if end > until => {
            let message = "a key can't outlive the one that makes it";
            Err(Refusal::new(Kind::Invalid, "bad-end", message)
                .help(format!("name a time until {}", until.format("%Y-%m-%d %H:%M:%S UTC"))))
        }
        (wanted, until) => Ok(wanted.or(until)),
    }
}

/// Which key.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OfKey {
    /// Its id, or its name.
    pub key: String,
}

/// Revokes a key.
#[derive(Debug)]
pub struct Revoke;

impl Operation for Revoke {
    const VERB: Verb = Verb::Delete;
    const PATH: &'static str = "/keys/{key}";
    const NAME: &'static str = "revokeKey";
    const ABOUT: &'static str =
        "Has a key open nothing any more, at once; nor the links that it made, and their sessions.";
    type Path = OfKey;
    type Query = Nothing;
    type Body = Nothing;
    type Output = KeyRow;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<KeyRow, Refusal> {
        let mut transaction = context.begin().await?;
        let Some(row) = access::revoke_key(&mut transaction, &asked.path.key).await? else {
            let message = format!("there is no key `{}` that opens", asked.path.key);
            return Err(Refusal::new(Kind::Missing, "no-such-key", message)
                .help("`thendo keys list` lists them: name one by its name or its id"));
        };
        let maker = name_in_audit(&row.name, row.id);
        let ended = access::take_back_links(&mut transaction, &maker, &name_of_link(&maker)).await?;
        let detail = json!({"name": row.name, "sessions_ended": ended});
        audit::note(&mut transaction, &context.who, "key.revoke", row.id, detail).await?;
        transaction.commit().await?;
        Ok(row)
    }
}

/// For sessions that have no account: whoever has the database has all.
pub fn all_scopes() -> Vec<String> {
    SCOPES.map(str::to_owned).to_vec()
}

/// Who comes by a link of this one, in the audit.
pub fn name_of_link(maker: &str) -> String {
    format!("link:{maker}")
}

/// The identity of a key in the audit.
pub fn name_in_audit(name: &str, id: Uuid) -> String {
    format!("key:{name} ({id})")
}
