//! How a daemon is: whether it works, or why not, and how things stand.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb};
use crate::store::alerts::{self, Listed as Alert};
use crate::store::figures::{self, DaemonRow, State};

/// Alarms that are shown; `GET /alerts` has all.
const ALARMS: i64 = 5;

/// How it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Health)]
pub struct Shown {
    /// Whether the daemon that answers does its work, as `/readyz` says it.
    pub ready: bool,
    /// Why it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its version.
    pub version: String,
    /// How things stand in the database. Counts go up to 1000.
    pub figures: State,
    /// All daemons that work on the database, the oldest first; up to 1000.
    pub daemons: Vec<DaemonRow>,
    /// The last alarms, the newest first.
    pub alarms: Vec<Alert>,
}

/// Shows it.
#[derive(Debug)]
pub struct Show;

impl Operation for Show {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/health";
    const NAME: &'static str = "showHealth";
    const ABOUT: &'static str = "Whether the daemon that answers does its work, or why not; the queue and how long it has been due, who \
         else works on the database, the last alarms. 200 either way: `/readyz` answers 503.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Shown;

    async fn run(context: &Context, _asked: Asked<Self>) -> Result<Shown, Refusal> {
        let Some(health) = &context.health else {
            return Err(Refusal::new(
                Kind::Conflict,
                "no-daemon",
                "a database does not know how a daemon is",
            )
            .help("ask a daemon: name it by --server, or leave out the database"));
        };
        let reason = health.ready().err();
        Ok(Shown {
            ready: reason.is_none(),
            reason,
            version: env!("CARGO_PKG_VERSION").into(),
            figures: figures::ask(&context.pool).await?,
            daemons: figures::daemons(&context.pool).await?,
            alarms: alerts::list(&context.pool, None, None, ALARMS).await?,
        })
    }
}
