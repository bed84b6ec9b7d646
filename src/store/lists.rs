//! What the command line and the page show: bounded lists, newest first. Read only.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::effect::HttpRequest;

/// Longest list.
pub const MOST: i64 = 1000;

/// One row of `workflows`, without its drawing.
#[derive(Debug, Clone, Serialize, FromRow)]
pub struct WorkflowRow {
    /// Its identity.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// `draft`, `published`, `paused`, `archived`.
    pub status: String,
    /// `unchecked`, `valid`, `broken`.
    pub health: String,
    /// What the compiler said.
    pub diagnostics: Value,
    /// The version in force.
    pub live_version: Option<i32>,
}

/// Workflows by name; `status` narrows.
///
/// # Errors
/// When the database can't be asked.
pub async fn workflows(pool: &PgPool, status: Option<&str>, limit: i64) -> sqlx::Result<Vec<WorkflowRow>> {
    sqlx::query_as(
        "select id, name, status, health, diagnostics, live_version from workflows
          where $1::text is null or status = $1 order by name, id limit $2",
    )
    .bind(status)
    .bind(limit.clamp(0, MOST))
    .fetch_all(pool)
    .await
}

/// A workflow as people manage it, without its drawing.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = ListedWorkflow)]
pub struct Listed {
    /// Its identity.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// `draft`, `published`, `paused`, `archived`.
    pub status: String,
    /// `unchecked`, `valid`, `broken`.
    pub health: String,
    /// The version in force.
    pub live_version: Option<i32>,
    /// The kind that starts it, as far as one glance at the drawing tells.
    pub trigger: Option<String>,
    /// Whether a next edition is being drawn.
    pub has_draft: bool,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
    /// Why it is held; `None` if it is not.
    pub held: Option<String>,
    /// If a schedule starts it: when next.
    pub next_at: Option<DateTime<Utc>>,
}

/// When a schedule starts the workflow next, if one does.
///
/// # Errors
/// When the database can't be asked.
pub async fn next_time(connection: &mut PgConnection, workflow: Uuid) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar(
        "select next_at from workflow_schedules where workflow_id = $1 and next_at > now() limit 1",
    )
    .bind(workflow)
    .fetch_optional(connection)
    .await
}

/// Workflows by name, from behind a place in the list; `status` narrows.
///
/// # Errors
/// When the database can't be asked.
pub async fn managed(
    pool: &PgPool,
    status: Option<&str>,
    behind: Option<(String, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<Listed>> {
    let (name, id) = behind.unzip();
    sqlx::query_as(
        "select w.id, w.name, w.status, w.health, w.live_version, w.draft is not null as has_draft, w.updated_at,
                coalesce((select t.kind from workflow_triggers t where t.workflow_id = w.id limit 1),
                         left(jsonb_path_query_first(w.definition, 'lax $.nodes[*].data.triggerType') #>> '{}', 100))
                    as trigger,
                (select h.reason from workflow_holds h where h.workflow_id = w.id or h.workflow_id = $3 limit 1) as held,
                (select s.next_at from workflow_schedules s where s.workflow_id = w.id and s.next_at > now()) as next_at
           from workflows w
          where ($1::text is null or w.status = $1) and ($4::text is null or (w.name, w.id) > ($4, $5))
          order by w.name, w.id limit $2",
    )
    .bind(status)
    .bind(limit.clamp(0, MOST))
    .bind(super::telling::ALL)
    .bind(name)
    .bind(id)
    .fetch_all(pool)
    .await
}

/// A schedule in force.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = Schedule)]
pub struct ScheduleRow {
    /// The workflow that it starts.
    pub workflow_id: Uuid,
    /// That one's name.
    pub workflow: String,
    /// The trigger's settings, as drawn.
    pub config: Value,
    /// When it is due next; by now, if a daemon is about to look at it. Nothing: its calendar has ended.
    pub next_at: Option<DateTime<Utc>>,
    /// The time that started last, or the instant from which it counts.
    pub last_at: DateTime<Utc>,
}

/// Schedules, the next to start first, from behind a place in the list.
///
/// # Errors
/// When the database can't be asked.
pub async fn schedules(
    pool: &PgPool,
    behind: Option<(Option<DateTime<Utc>>, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<ScheduleRow>> {
    let (at, id) = behind.unzip();
    sqlx::query_as(
        "select s.workflow_id, w.name as workflow, s.config, s.next_at, s.last_at
           from workflow_schedules s join workflows w on w.id = s.workflow_id
          where $2::uuid is null
             or (coalesce(s.next_at, 'infinity'), s.workflow_id) > (coalesce($1::timestamptz, 'infinity'), $2)
          order by coalesce(s.next_at, 'infinity'), s.workflow_id limit $3",
    )
    .bind(at.flatten())
    .bind(id)
    .bind(limit.clamp(0, MOST))
    .fetch_all(pool)
    .await
}

/// An execution in a list.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
pub struct ExecutionRow {
    /// Its identity.
    pub id: Uuid,
    /// Its event's time: with the id its place in the list.
    pub event_at: DateTime<Utc>,
    /// Its event.
    pub event_id: Uuid,
    /// Its workflow's name, if that is still there.
    pub workflow: Option<String>,
    /// Its workflow.
    pub workflow_id: Uuid,
    /// Which version ran.
    pub version: i32,
    /// `waiting`, `succeeded`, `failed`, `cancelled`.
    pub status: String,
    /// Why it failed.
    pub error: Option<String>,
    /// When its first batch began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// One execution with all that is known of it.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
pub struct ExecutionDetail {
    /// As in a list.
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub row: ExecutionRow,
    /// List of steps, in the order in which they happened.
    pub steps: Value,
    /// Who undid it, if somebody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<DateTime<Utc>>,
}

/// The execution with this id.
///
/// # Errors
/// When the database can't be asked.
pub async fn execution(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<ExecutionDetail>> {
    // The first six bytes of an execution's id are its event's time in ms: only that partition is read.
    let event_ms = id.as_bytes()[..6].iter().fold(0i64, |ms, byte| (ms << 8) | i64::from(*byte));
    let (Some(from), Some(to)) = (
        DateTime::from_timestamp_millis(event_ms),
        DateTime::from_timestamp_millis(event_ms.saturating_add(1)),
    ) else {
        return Ok(None);
    };
    sqlx::query_as(
        "select e.id, e.event_at, e.event_id, e.workflow_id, e.version, e.status, e.error, e.started_at,
                e.finished_at, e.steps, w.name as workflow, u.undone_by, u.undone_at
           from workflow_executions e
           left join lateral (select w.name from workflows w where w.id = e.workflow_id limit 1) w on true
           left join lateral (select u.undone_by, u.undone_at from workflow_undone u
                               where u.root = coalesce(e.root, e.id) limit 1) u on true
          where e.id = $1 and e.event_at >= $2 and e.event_at < $3
         union all
         select r.id, r.event_at, r.event_id, r.workflow_id, r.version, 'waiting', null, r.started_at,
                null, coalesce(r.state -> 'steps', '[]'), w.name, null, null
           from workflow_waiting r left join workflows w on w.id = r.workflow_id
          where r.id = $1
          limit 1",
    )
    .bind(id)
    .bind(from)
    .bind(to)
    .fetch_optional(pool)
    .await
}

/// A mail or a request on its way, or what became of it; without what it says.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryRow {
    /// Its identity.
    pub id: Uuid,
    /// Which node asked for it.
    pub node_id: String,
    /// `email` or `http`.
    pub kind: String,
    /// `pending`, `sending`, `sent`, `refused`, `unknown`, `cancelled`, `suppressed`.
    pub status: String,
    /// How often it was tried.
    pub attempt: i16,
    /// A mail's recipient, or a request's address, with stars for what opens something.
    pub to: Option<String>,
    /// A mail's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// A request's method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Why it was put off, refused, or is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where a mail lies that was written into a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// As the database has it: of what is sent, only what tells whom it goes to.
#[derive(FromRow)]
struct FoundDelivery {
    id: Uuid,
    node_id: String,
    kind: String,
    status: String,
    attempt: i16,
    head: Value,
    reason: Option<String>,
    file: Option<String>,
}

/// The deliveries of these executions, up to [`MOST`].
///
/// # Errors
/// When the database can't be asked.
pub async fn deliveries(pool: &PgPool, executions: &[Uuid]) -> sqlx::Result<Vec<DeliveryRow>> {
    sqlx::query_as(
        "select id, node_id, kind, status, attempt, left(result ->> 'reason', 1000) as reason, left(result ->> 'file', 1000) as file,
                case kind when 'http' then jsonb_build_object('method', payload -> 'method', 'url', payload -> 'url')
                     else jsonb_build_object('to', left(payload ->> 'to', 500), 'subject', left(payload ->> 'subject', 500)) end
                    as head
           from workflow_deliveries where execution_id = any($1) order by created_at, id limit $2",
    )
    .bind(executions)
    .bind(MOST)
    .fetch_all(pool)
    .await
    .map(|rows: Vec<FoundDelivery>| rows.into_iter().map(DeliveryRow::from).collect())
}

impl From<FoundDelivery> for DeliveryRow {
    fn from(found: FoundDelivery) -> Self {
        let FoundDelivery { id, node_id, kind, status, attempt, head, reason, file } = found;
        let to = if kind == "http" { "url" } else { "to" };
        let head = masked(&kind, head);
        let text = |name: &str| head[name].as_str().map(|text| text.chars().take(500).collect::<String>());
        let (to, subject, method) = (text(to), text("subject"), text("method"));
        Self { id, node_id, kind, status, attempt, to, subject, method, reason, file }
    }
}

/// What is sent, without the secrets that requests carry.
pub(super) fn masked(kind: &str, payload: Value) -> Value {
    match kind {
        "http" => serde_json::from_value::<HttpRequest>(payload)
            .map_or(Value::Null, |request| json!(request.masked())),
        _ => payload,
    }
}

/// How much there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, FromRow)]
pub struct Depth {
    /// Queue rows that are due, counted up to [`MOST`].
    pub due: i64,
    /// Executions that rest, counted up to [`MOST`].
    pub waiting: i64,
    /// Deliveries that are not done, counted up to [`MOST`].
    pub deliveries: i64,
}

/// How much there is to do. Counting stops at [`MOST`], so that a long queue is not made longer by looking.
///
/// # Errors
/// When the database can't be asked.
pub async fn depth(pool: &PgPool) -> sqlx::Result<Depth> {
    sqlx::query_as(
        "select (select count(*) from (select from workflow_queue where due_at <= clock_timestamp() limit $1) q) as due,
                (select count(*) from (select from workflow_waiting limit $1) w) as waiting,
                (select count(*) from (select from workflow_deliveries where status in ('pending', 'sending')
                                        limit $1) d) as deliveries",
    )
    .bind(MOST)
    .fetch_one(pool)
    .await
}
