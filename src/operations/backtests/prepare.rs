//! What a backtest is to try, and on which events: read, found and compiled.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::domain::ids::WorkflowId;
use crate::operations::editions::{self, Edition, Found, Sketch};
use crate::operations::moment::Moment;
use crate::operations::{Kind, Refusal};
use crate::testrun::backtest::{Version, Wish};

/// Without `since`.
const SINCE: &str = "30d";
/// Differences that are told in full.
pub const MOST_DIFFERENCES: u32 = 1_000;

/// What a backtest tries.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToBacktest {
    /// A stored workflow: its id or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// Of a stored one: `draft` (what is drawn now), `live`, or a version's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Edition>,
    /// Or a drawing that is stored nowhere. It stands for the stored workflow of its name, if there is just one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawing: Option<Sketch>,
    /// Events from then on: so long ago (without it, `30d`), a day or an instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// Events before then; without it, until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Compare with the version in force (`live`), with this one, or with the draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Edition>,
    /// Differences that are told in full: at most 1,000.
    #[schema(minimum = 0, maximum = 1000)]
    pub differences: u32,
    /// Apply effects in the database, each execution in a transaction that is rolled back.
    pub in_database: bool,
}

/// A side of it: its plan, and what that was made of.
#[derive(Debug)]
pub struct Side {
    /// To be tried.
    pub version: Version,
    /// What is drawn.
    pub drawing: Value,
}

/// All that a backtest needs.
#[derive(Debug)]
pub struct Prepared {
    /// The workflow's name.
    pub called: String,
    /// On which events, and how.
    pub wish: Wish,
    /// What is tried.
    pub side: Side,
    /// What it is compared with.
    pub against: Option<Side>,
}

/// What is to be tried and was found, and is not compiled yet.
#[derive(Debug)]
pub struct Wanted {
    called: String,
    wish: Wish,
    side: Sketched,
    against: Option<Sketched>,
}

/// An edition's name, number and drawing.
type Sketched = (String, i32, Value);

impl Wanted {
    /// Compiles it, where nobody else waits for that: on no connection, and in no transaction.
    ///
    /// # Errors
    /// [`Refusal`] with what the compiler says.
    pub async fn prepare(self) -> Result<Prepared, Refusal> {
        let Self { called, wish, side: (name, number, drawing), against } = self;
        let side = side(name, number, drawing).await?;
        let against = match against {
            Some((name, number, drawing)) => Some(self::side(name, number, drawing).await?),
            None => None,
        };
        Ok(Prepared { called, wish, side, against })
    }
}

/// Reads what is asked, at this time.
///
/// # Errors
/// [`Refusal`] if a workflow is not there, or if nothing lies between the times.
pub async fn find(
    connection: &mut PgConnection,
    asked: &ToBacktest,
    now: DateTime<Utc>,
) -> Result<Wanted, Refusal> {
    let (since, until) = times(asked, now)?;
    let sketch = asked.drawing.clone();
    let of_drawing = sketch.is_some();
    let mut found = editions::found(connection, asked.workflow.as_deref(), asked.version, sketch).await?;
    if of_drawing {
        found.head = editions::of_name(connection, &found.called).await?;
    }
    let Found { called, name, number, drawing, head } = found;
    let against = match (asked.against, &head) {
        (None, _) => None,
        (Some(edition), Some(head)) => Some(editions::of(connection, head, edition).await?),
        (Some(_), None) => {
            let message = format!("no workflow is called `{called}`: there is no version to compare with");
            return Err(Refusal::new(Kind::Missing, "no-such-workflow", message)
                .help("give the file the `name` of a stored workflow, or leave --against away"));
        }
    };
    let workflow = WorkflowId(head.map(|head| head.id).unwrap_or_default());
    let differences = usize::try_from(asked.differences).unwrap_or_default();
    let wish = Wish { workflow, since, until, differences, in_database: asked.in_database };
    Ok(Wanted { called, wish, side: (name, number, drawing), against })
}

fn times(asked: &ToBacktest, now: DateTime<Utc>) -> Result<(DateTime<Utc>, DateTime<Utc>), Refusal> {
    let since = match &asked.since {
        Some(since) => since.before(now),
        None => Moment::read(SINCE).map_or(now, |span| span.before(now)),
    };
    let until = asked.until.as_ref().map_or(now, |until| until.before(now));
    if since < until {
        return Ok((since, until));
    }
    let message = format!("nothing lies between {} and {}", since.to_rfc3339(), until.to_rfc3339());
    Err(Refusal::new(Kind::Malformed, "bad-time", message).help("let `since` be before `until`"))
}

/// A drawing as a version that can be tried.
///
/// # Errors
/// [`Refusal`] with what the compiler says.
pub async fn side(name: String, number: i32, drawing: Value) -> Result<Side, Refusal> {
    let (plan, drawing) = editions::plan(&name, drawing).await?;
    Ok(Side { version: Version { name, number, plan }, drawing })
}
