//! Secrets: stored, named, removed. No operation answers what one is.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{
    Asked, Context, Kind, Nothing, Operation, Page, Part, Refusal, Verb, audit, cursor, key_file, page_size,
};
use crate::domain::keys::KeyError;
use crate::domain::veiled::is_secret_name;
use crate::store::secrets::{self, Listed};

/// A shorter one could be guessed, and would be starred out of every answer that happens to hold its letters.
const LEAST_BYTES: usize = 8;
/// Bytes of the longest.
pub const MOST_BYTES: usize = 16 * 1024;

/// A stored secret, without what it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Secret)]
pub struct Stored {
    /// What may be said of it.
    #[serde(flatten)]
    pub row: Listed,
    /// Whether a key that is set here opens it.
    pub opens: bool,
}

/// Lists secrets.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/secrets";
    const NAME: &'static str = "listSecrets";
    const ABOUT: &'static str = "Which secrets are stored, by name; never what they are. Who asks is noted.";
    type Path = Nothing;
    type Query = Part;
    type Body = Nothing;
    type Output = Page<Stored>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<Stored>, Refusal> {
        let limit = page_size(asked.query.limit)?;
        let behind: Option<String> = cursor::read(asked.query.cursor.as_deref())?;
        // Without a key none of them opens; which there are can be said all the same.
        let keys = key_file::load(&context.settings).unwrap_or_else(|fault| {
            tracing::warn!("the installation's key can't be had: {fault:#}");
            Default::default()
        });
        let mut transaction = context.begin().await?;
        let found = secrets::list(&mut transaction, behind.as_deref(), limit + 1).await?;
        let found = found.into_iter().map(|row| Stored { opens: keys.knows(&row.key_id), row }).collect();
        let page = Page::cut(found, limit, |secret: &Stored| secret.row.name.clone());
        let detail = json!({"names": page.items.len()});
        audit::note(&mut transaction, &context.who, "secret.list", "", detail).await?;
        transaction.commit().await?;
        Ok(page)
    }
}

/// Which secret.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OfSecret {
    /// Its name: small letters, digits and `_`.
    pub name: String,
}

/// What is to be kept.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NewSecret)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// The secret itself, of 8 to 16384 bytes. It is encrypted, and answered to nobody.
    #[schema(min_length = 8, max_length = 16384)]
    pub value: String,
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(****)")
    }
}

/// A secret that was stored.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = KeptSecret)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Which key encrypted it.
    pub key_id: String,
    /// Whether another stood there under the name.
    pub replaced: bool,
}

/// Stores a secret.
#[derive(Debug)]
pub struct Put;

impl Operation for Put {
    const VERB: Verb = Verb::Put;
    const PATH: &'static str = "/secrets/{name}";
    const NAME: &'static str = "putSecret";
    const ABOUT: &'static str =
        "Stores a secret, encrypted with the installation's key, in place of what stood there.";
    type Path = OfSecret;
    type Query = Nothing;
    type Body = Value;
    type Output = Kept;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Kept, Refusal> {
        let name = asked.path.name;
        check_name(&name)?;
        let value = asked.body.value;
        if !(LEAST_BYTES..=MOST_BYTES).contains(&value.len()) || value.contains('\0') {
            let message = format!(
                "a secret has {LEAST_BYTES} to {MOST_BYTES} bytes, none of them zero; this has {}",
                value.len()
            );
            return Err(Refusal::new(Kind::Invalid, "bad-value", message).help("nothing was stored"));
        }
        let keys = key_file::load(&context.settings).map_err(|fault| {
            tracing::error!("the installation's key can't be had: {fault:#}");
            no_key("the installation's key can't be read", "the daemon's log says why")
        })?;
        let sealed = keys.seal(&SecretString::from(value), &name).map_err(|fault| match fault {
            KeyError::Missing => no_key(
                "this installation has no key, so nothing can be encrypted",
                "set `secrets.key_file` for every daemon",
            ),
            other => Refusal::Broken(other.into()),
        })?;
        let mut transaction = context.begin().await?;
        let replaced = secrets::store(&mut transaction, &name, &sealed).await?;
        let detail = json!({"replaced": replaced, "key_id": sealed.key_id});
        audit::note(&mut transaction, &context.who, "secret.put", &name, detail).await?;
        transaction.commit().await?;
        Ok(Kept { name, key_id: sealed.key_id, replaced })
    }
}

/// Refuses what is no name.
///
/// # Errors
/// [`Refusal`]; it does not repeat what was given, which may be the secret itself.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    if is_secret_name(name) {
        return Ok(());
    }
    Err(Refusal::new(Kind::Invalid, "bad-name", "this is no name for a secret").help(
        "a name has small letters, digits and `_`, and begins with a letter; the value is handed in apart",
    ))
}

fn no_key(message: &str, help: &str) -> Refusal {
    Refusal::new(Kind::Conflict, "no-key", message).help(help)
}

/// A secret that is gone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = RemovedSecret)]
pub struct Removed {
    /// What its name was.
    pub name: String,
}

/// Removes a secret.
#[derive(Debug)]
pub struct Remove;

impl Operation for Remove {
    const VERB: Verb = Verb::Delete;
    const PATH: &'static str = "/secrets/{name}";
    const NAME: &'static str = "removeSecret";
    const ABOUT: &'static str = "Removes a secret: deliveries that name it are refused from then on.";
    type Path = OfSecret;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Removed;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Removed, Refusal> {
        let name = asked.path.name;
        let mut transaction = context.begin().await?;
        if !secrets::remove(&mut transaction, &name).await? {
            return Err(Refusal::new(Kind::Missing, "no-such-secret", "no such secret is stored")
                .help("`thendo secrets list` names those that are"));
        }
        audit::note(&mut transaction, &context.who, "secret.remove", &name, json!({})).await?;
        transaction.commit().await?;
        Ok(Removed { name })
    }
}
