//! What people ask of thendo and what they are answered: one file per resource, one type per operation.
//!
//! The command line and HTTP only translate. An operation says once how it is asked for; from that come its route, its
//! place in the API's description, and how a command asks a daemon elsewhere.

pub mod alerts;
pub mod all;
pub mod audit;
pub mod backtests;
pub mod campaigns;
pub mod catalogue;
pub mod cursor;
pub mod customers;
pub mod deliveries;
pub mod editions;
pub mod events;
pub mod examples;
pub mod executions;
pub mod health;
pub mod key_file;
pub mod keys;
pub mod links;
pub mod moment;
pub mod outcomes;
pub mod refusal;
pub mod schedules;
pub mod secrets;
pub mod session;
pub mod settings;
pub mod templates;
pub mod test_runs;
pub mod workflows;

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres, Transaction};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, Object, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use uuid::Uuid;

pub use refusal::{Kind, Refusal};

use crate::database::connect::{self, PATIENCE_OF_API};
use crate::database::role::Role;
use crate::domain::settings::Settings;
use crate::engine;
use crate::store::access;
use crate::store::session::Session;

/// Most items of one page.
pub const MOST: u32 = 200;
/// A session of the data plane that nobody waits for any more ends within this: its statements do.
const LONGEST_END: Duration = Duration::from_secs(35);
/// The server has seen the end of a session by so much later.
const SEEN_BY: Duration = Duration::from_millis(20);
/// What thinks at the same time …
const MOST_ASIDE: usize = 4;
/// … and how long others wait for that.
const LONGEST_ASIDE: Duration = Duration::from_secs(5);
/// Bytes of a body that holds no drawing.
pub const SMALL_BODY: usize = 64 * 1024;

/// Does what takes the processor long, where nobody else waits for it: a few at a time, also of those that nobody waits for
/// any more.
///
/// # Errors
/// When others do so for seconds; when it breaks.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MOST_ASIDE)));
    let place = tokio::time::timeout(LONGEST_ASIDE, Arc::clone(&PLACES).acquire_owned()).await;
    let Ok(Ok(place)) = place else {
        return Err(Refusal::new(Kind::Busy, "busy", "the processor has enough to do right now")
            .help("try again in a moment"));
    };
    let held = move || {
        let _place = place;
        work()
    };
    tokio::task::spawn_blocking(held).await.map_err(|fault| Refusal::Broken(fault.into()))
}

/// How an operation is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Changes nothing.
    Get,
    /// Does something.
    Post,
    /// Replaces something.
    Put,
    /// Takes something away.
    Delete,
}

impl Verb {
    /// As HTTP spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// Whether a request names the edition that it has seen, by `If-Match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// There is none to name.
    Never,
    /// It may.
    May,
    /// It must, so that nobody overwrites what they have not seen.
    Must,
}

/// One thing that can be asked: its inputs, its output, its route.
pub trait Operation: Sized + Send + Sync + 'static {
    /// How it is asked for.
    const VERB: Verb;
    /// Its path below `/api/v1`; what is in braces are the fields of `Path`.
    const PATH: &'static str;
    /// Its name in the API's description: `listWorkflows`.
    const NAME: &'static str;
    /// What it does, in a sentence.
    const ABOUT: &'static str;
    /// Bytes of the largest body.
    const LARGEST_BODY: usize = SMALL_BODY;
    /// The status of its success.
    const STATUS: u16 = 200;
    /// Whether it is asked with `If-Match`.
    const IF_MATCH: Match = Match::Never;
    /// What its path names.
    type Path: Serialize + DeserializeOwned + IntoParams + Send;
    /// What its query says.
    type Query: Serialize + DeserializeOwned + IntoParams + Send;
    /// What its body says; [`Nothing`] if it has none.
    type Body: Serialize + DeserializeOwned + ToSchema + Send;
    /// What it answers.
    type Output: Serialize + DeserializeOwned + ToSchema + Send;

    /// The edition of what it answers, for `If-Match`.
    fn edition(_output: &Self::Output) -> Option<&str> {
        None
    }

    /// Does it.
    ///
    /// # Errors
    /// [`Refusal`]: then nothing was changed.
    fn run(
        context: &Context,
        asked: Asked<Self>,
    ) -> impl Future<Output = Result<Self::Output, Refusal>> + Send;
}

/// What an operation is asked.
#[derive(Debug)]
pub struct Asked<O: Operation> {
    /// What its path names.
    pub path: O::Path,
    /// What its query says.
    pub query: O::Query,
    /// What its body says.
    pub body: O::Body,
    /// The edition that the one who asks has seen.
    pub if_match: Option<String>,
}

impl<O: Operation> Asked<O> {
    /// Asks.
    pub fn new(path: O::Path, query: O::Query, body: O::Body) -> Self {
        Self { path, query, body, if_match: None }
    }
}

/// No input.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl IntoParams for Nothing {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Vec::new()
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Most items: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// How many items a page has.
///
/// # Errors
/// [`Refusal`] for what is out of bounds.
pub fn page_size(limit: Option<u32>) -> Result<i64, Refusal> {
    match limit.unwrap_or(50) {
        limit @ 1..=MOST => Ok(limit.into()),
        other => Err(Refusal::new(Kind::Malformed, "bad-limit", format!("`limit` is {other}"))
            .help(format!("a page has 1 to {MOST} items"))),
    }
}

/// A part of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// What to hand in as `cursor` for those that come next; nothing if these are the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// By hand: the derived one refers to its items' form without telling it.
impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let next = Object::builder().schema_type(Type::String).description(Some(
            "What to hand in as `cursor` for those that come next; missing if these are the last.",
        ));
        Object::builder()
            .property("items", ArrayBuilder::new().items(Ref::from_schema_name(T::name())))
            .required("items")
            .property("next", next)
            .into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T> Page<T> {
    /// A page of at most `limit`, of which one more was looked for. `cursor_of` says where one stands.
    pub fn cut<C: Serialize>(mut items: Vec<T>, limit: i64, cursor_of: impl Fn(&T) -> C) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| cursor::write(&cursor_of(last)));
        Self { items, next }
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// In the audit: `key:deploys`, `account:…`, `link:…`, `command line:ada`.
    pub name: String,
    /// Their account, if they have one.
    pub account: Option<Uuid>,
    /// Scopes that they may hand on.
    pub scopes: Vec<String>,
    /// Until when they may come, if that is set: what they hand on ends no later.
    pub until: Option<DateTime<Utc>>,
}

impl Who {
    /// Whether it is somebody who has the database: a command there.
    pub fn is_local(&self) -> bool {
        self.name.starts_with("command line")
    }
}

/// What operations work with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The database, in a role that may do it.
    pub pool: PgPool,
    /// Who asks.
    pub who: Who,
    /// The settings that hold.
    pub settings: Arc<Settings>,
    /// For what the engine's own statements do.
    pub data: DataPlane,
    /// How the daemon is, where one answers.
    pub health: Option<Arc<engine::Health>>,
}

/// Where operations that work with the engine's own statements connect: undo, replay, test runs.
#[derive(Debug, Clone)]
pub struct DataPlane {
    url: SecretString,
    role: Role,
    places: Arc<Semaphore>,
    /// A backtest was asked for.
    jobs: Arc<Notify>,
    most: usize,
}

impl DataPlane {
    /// Up to `most` connections at the same time, in this role.
    pub fn new(url: SecretString, role: Role, most: usize) -> Self {
        Self { url, role, places: Arc::new(Semaphore::new(most)), jobs: Arc::default(), most }
    }

    /// Whether what takes long may have a place: others must find one beside it.
    pub fn has_room_for_jobs(&self) -> bool {
        self.most > 1
    }

    /// Whoever works off jobs is woken by this, too.
    pub fn woken_by(self, jobs: Arc<Notify>) -> Self {
        Self { jobs, ..self }
    }
}

/// A connection of the data plane, for one operation. It is closed when this is dropped.
pub struct Opened {
    /// To work with.
    pub session: Session,
    /// Behind the session: it is told of the end by the session's.
    pub end: End,
}

/// Keeps the place of a connection until that is gone: the next one would be one too many.
pub struct End(Option<(AbortOnDropHandle<()>, OwnedSemaphorePermit)>);

impl Drop for End {
    fn drop(&mut self) {
        let (Some((driver, place)), Ok(runtime)) = (self.0.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            let _bounded = tokio::time::timeout(LONGEST_END, driver).await;
            tokio::time::sleep(SEEN_BY).await;
            drop(place);
        });
    }
}

impl Context {
    /// Opens a connection of the data plane, when there is a place.
    ///
    /// # Errors
    /// When there is none for seconds, or the database can't be reached.
    pub async fn session(&self, purpose: &str) -> Result<Opened, Refusal> {
        self.opened(purpose, self.data.role).await
    }

    /// As [`Context::session`], as the user of the connection string: test runs lay in rows, and try others' rights.
    ///
    /// # Errors
    /// As [`Context::session`].
    pub async fn login(&self, purpose: &str) -> Result<Opened, Refusal> {
        self.opened(purpose, Role::Login).await
    }

    async fn opened(&self, purpose: &str, role: Role) -> Result<Opened, Refusal> {
        let place = Arc::clone(&self.data.places).acquire_owned();
        let Ok(Ok(place)) = tokio::time::timeout(PATIENCE_OF_API, place).await else {
            return Err(Refusal::new(Kind::Busy, "busy", "others are at such work right now")
                .help("try again in a moment"));
        };
        let opened = connect::connect(&self.data.url, purpose, role).await;
        let (client, connection) = opened.map_err(anyhow::Error::from)?;
        let driver = connect::drive_in_background(connection);
        Ok(Opened { session: Session::new(client), end: End(Some((driver, place))) })
    }

    /// Begins a transaction in which what is written is this one's doing.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, Refusal> {
        let mut transaction = self.pool.begin().await?;
        access::act_as(&mut transaction, self.who.account).await?;
        Ok(transaction)
    }
}
