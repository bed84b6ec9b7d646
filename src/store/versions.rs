//! Workflows and their versions, as people manage them: found, drawn, published, put aside. What is to be in force
//! at once goes through the same functions of the database that the daemon calls.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool, Postgres, Transaction};
use utoipa::ToSchema;
use uuid::Uuid;

use super::lists::MOST;

/// Executions under way that are counted, at most.
pub const MOST_COUNTED: i64 = 100_000;

/// A row of `workflows` with its drawings as text: jsonb holds numbers that this program can't.
#[derive(Debug, Clone, FromRow)]
pub struct Head {
    /// Its identity.
    pub id: Uuid,
    /// Its name; others may have the same.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// `draft`, `published`, `paused`, `archived`.
    pub status: String,
    /// `unchecked`, `valid`, `broken`.
    pub health: String,
    /// The version in force.
    pub live_version: Option<i32>,
    /// Which edit of definition or status.
    pub revision: i64,
    /// What was published last, or what is drawn of one that does not run.
    pub definition: String,
    /// The next edition of one that runs or is paused.
    pub draft: Option<String>,
    /// What the compiler said of the definition.
    pub diagnostics: String,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
}

impl Head {
    /// What an admin would see in an editor: the draft if there is one, else the definition.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn drawing(&self) -> Result<Value, String> {
        read(self.drawn())
    }

    /// As [`Head::drawing`], as text.
    pub fn drawn(&self) -> &str {
        self.draft.as_deref().unwrap_or(&self.definition)
    }

    /// Whether it has a drawing in force, or one that comes back in force as it is: edits of it are drafts.
    pub fn keeps_drafts(&self) -> bool {
        matches!(&*self.status, "published" | "paused")
    }
}

/// JSON that the database holds as this program reads it.
///
/// # Errors
/// Why it can't be read.
pub fn read(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|fault| fault.to_string())
}

macro_rules! heads {
    ($rest:literal) => {
        concat!(
            "select id, name, description, status, health, live_version, revision, definition::text as definition,
                    draft::text as draft, diagnostics::text as diagnostics, updated_at from workflows ",
            $rest
        )
    };
}

/// Begins a transaction that edits workflows. Two of them, and one that loads files, come one after the other.
///
/// # Errors
/// When the database can't be written.
pub async fn begin(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    let mut transaction = pool.begin().await?;
    take_turn(&mut transaction).await?;
    Ok(transaction)
}

/// What [`begin`] does, in a transaction that has begun.
///
/// # Errors
/// When the database can't be written, or another editor holds it for too long.
pub async fn take_turn(transaction: &mut PgConnection) -> sqlx::Result<()> {
    // An editor that left its transaction open is not waited for without end; who asks the API is told soon.
    let within = "select set_config('lock_timeout', case current_setting('role') when 'thendo_api' then '3s' else '10s' end, true)";
    sqlx::query(within).execute(&mut *transaction).await?;
    // 1952998511 is 'thdo', the namespace of thendo's advisory locks; 3 is loading files.
    sqlx::query("select pg_advisory_xact_lock(1952998511, 3)").execute(&mut *transaction).await?;
    Ok(())
}

/// Up to ten workflows of this name, or the one with this id: no name is an id.
///
/// # Errors
/// When the database can't be asked.
pub async fn find(connection: &mut PgConnection, name_or_id: &str) -> sqlx::Result<Vec<Head>> {
    let sql = heads!("where id = $2 or (name = $1 and $2 is null) order by created_at, id limit 10");
    sqlx::query_as(sql).bind(name_or_id).bind(name_or_id.parse::<Uuid>().ok()).fetch_all(connection).await
}

/// As [`find`]; nobody else edits them until the transaction ends. All rows are locked before the first is put in
/// force: the daemon, too, locks a row first and agrees with claims then.
///
/// # Errors
/// When the database can't be asked.
pub async fn find_to_edit(connection: &mut PgConnection, name_or_id: &str) -> sqlx::Result<Vec<Head>> {
    let sql =
        heads!("where id = $2 or (name = $1 and $2 is null) order by created_at, id limit 10 for update");
    sqlx::query_as(sql).bind(name_or_id).bind(name_or_id.parse::<Uuid>().ok()).fetch_all(connection).await
}

/// The workflow with this id, as [`find_to_edit`].
///
/// # Errors
/// When the database can't be asked.
pub async fn by_id(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Head>> {
    sqlx::query_as(heads!("where id = $1 for update")).bind(id).fetch_optional(connection).await
}

/// Names of workflows, for "did you mean".
///
/// # Errors
/// When the database can't be asked.
pub async fn names(connection: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("select name from workflows order by updated_at desc limit $1")
        .bind(MOST)
        .fetch_all(connection)
        .await
}

/// A version in a list.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
pub struct VersionRow {
    /// From 1.
    pub number: i32,
    /// Of its meaning.
    pub hash: String,
    /// Since when it is or was in force.
    pub active_from: DateTime<Utc>,
    /// Until when it was; nothing while it is.
    pub active_to: Option<DateTime<Utc>>,
    /// Which account's edit it is; nothing if no account's.
    pub created_by: Option<Uuid>,
}

/// A workflow's versions below a number, the newest first.
///
/// # Errors
/// When the database can't be asked.
pub async fn versions(
    connection: &mut PgConnection,
    workflow: Uuid,
    below: Option<i32>,
    limit: i64,
) -> sqlx::Result<Vec<VersionRow>> {
    sqlx::query_as(
        "select number, hash, active_from, active_to, created_by from workflow_versions
          where workflow_id = $1 and number < coalesce($3, 2147483647) order by number desc limit $2",
    )
    .bind(workflow)
    .bind(limit.clamp(0, MOST))
    .bind(below)
    .fetch_all(connection)
    .await
}

/// What a version draws, as text.
///
/// # Errors
/// When the database can't be asked.
pub async fn definition_of(
    connection: &mut PgConnection,
    workflow: Uuid,
    number: i32,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "select definition::text from workflow_versions where workflow_id = $1 and number = $2",
    )
    .bind(workflow)
    .bind(number)
    .fetch_optional(connection)
    .await
}

/// How many executions are under way on a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct InFlight {
    /// Which version they stay with.
    pub version: i32,
    /// How many; counting stops at [`MOST_COUNTED`] for all versions together.
    pub executions: i64,
}

/// Executions under way, by version.
///
/// # Errors
/// When the database can't be asked.
pub async fn in_flight(connection: &mut PgConnection, workflow: Uuid) -> sqlx::Result<Vec<InFlight>> {
    sqlx::query_as(
        "select version, count(*) as executions
           from (select version from workflow_waiting where workflow_id = $1 limit $2) w
          group by version order by version limit 1000",
    )
    .bind(workflow)
    .bind(MOST_COUNTED)
    .fetch_all(connection)
    .await
}

/// Adds a workflow that does not run.
///
/// # Errors
/// When the database can't be written.
pub async fn add(
    connection: &mut PgConnection,
    name: &str,
    description: Option<&str>,
    definition: &Value,
) -> sqlx::Result<Uuid> {
    sqlx::query_scalar(
        "insert into workflows (name, description, definition) values ($1, $2, $3) returning id",
    )
    .bind(name)
    .bind(description)
    .bind(definition)
    .fetch_one(connection)
    .await
}

/// Writes what is drawn, and no more: what runs goes on as it is.
///
/// # Errors
/// When the database can't be written.
pub async fn draw(
    connection: &mut PgConnection,
    workflow: Uuid,
    name: &str,
    description: Option<&str>,
    drawing: &Value,
) -> sqlx::Result<()> {
    sqlx::query(
        "update workflows set name = $2, description = $3,
                draft = case when status in ('published', 'paused') then nullif($4, definition) end,
                definition = case when status in ('published', 'paused') then definition else $4 end
          where id = $1",
    )
    .bind(workflow)
    .bind(name)
    .bind(description)
    .bind(drawing)
    .execute(connection)
    .await?;
    Ok(())
}

/// How the database will have a drawing, once it is written.
///
/// # Errors
/// When it can't be stored.
pub async fn as_stored(connection: &mut PgConnection, drawing: &Value) -> sqlx::Result<String> {
    sqlx::query_scalar("select $1::jsonb::text").bind(drawing).fetch_one(connection).await
}

/// Whether what is drawn of a workflow is in a version too, layout and all, or is nothing yet: then it is not lost
/// when it is drawn over.
///
/// # Errors
/// When the database can't be asked.
pub async fn is_kept(connection: &mut PgConnection, workflow: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select (w.draft is null and w.status in ('published', 'paused'))
                or coalesce(w.draft, w.definition) -> 'nodes' = '[]'
                or exists (select from workflow_versions v
                            where v.workflow_id = w.id and v.definition = coalesce(w.draft, w.definition))
           from workflows w where w.id = $1",
    )
    .bind(workflow)
    .fetch_one(connection)
    .await
}

/// An edit that was written and is to be checked.
#[derive(Debug, Clone, FromRow)]
pub struct Written {
    /// Which edit.
    pub revision: i64,
    /// What is drawn now.
    pub definition: String,
}

/// Makes a draft the definition and says that it is to run.
///
/// # Errors
/// When the database can't be written.
pub async fn publish(connection: &mut PgConnection, workflow: Uuid) -> sqlx::Result<Written> {
    sqlx::query_as(
        "update workflows set status = 'published', definition = coalesce(draft, definition), draft = null
          where id = $1 returning revision, definition::text as definition",
    )
    .bind(workflow)
    .fetch_one(connection)
    .await
}

/// Writes another status; drafts stay what they are, except that what does not come back by itself has its
/// draft as its definition.
///
/// # Errors
/// When the database can't be written.
pub async fn set_status(
    connection: &mut PgConnection,
    workflow: Uuid,
    status: &str,
) -> sqlx::Result<Written> {
    sqlx::query_as(
        "update workflows set status = $2,
                definition = case when $2 in ('published', 'paused') then definition else coalesce(draft, definition) end,
                draft = case when $2 in ('published', 'paused') then draft end
          where id = $1 returning revision, definition::text as definition",
    )
    .bind(workflow)
    .bind(status)
    .fetch_one(connection)
    .await
}

/// Puts a compiled edit in force from now on, as the daemon does. Its number; `None` if it is edited meanwhile.
///
/// # Errors
/// When the database can't be written.
pub async fn put_in_force(
    connection: &mut PgConnection,
    (workflow, revision): (Uuid, i64),
    hash: &str,
    diagnostics: &Value,
    parts: &Value,
) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar("select put_in_force($1, $2, $3, $4, $5)")
        .bind(workflow)
        .bind(revision)
        .bind(hash)
        .bind(diagnostics)
        .bind(parts)
        .fetch_one(connection)
        .await
}

/// Writes the compiler's word and takes what is not published out of force, as the daemon does.
///
/// # Errors
/// When the database can't be written.
pub async fn mark_checked(
    connection: &mut PgConnection,
    (workflow, revision): (Uuid, i64),
    valid: bool,
    diagnostics: &Value,
) -> sqlx::Result<()> {
    sqlx::query("select mark_checked($1, $2, $3, $4)")
        .bind(workflow)
        .bind(revision)
        .bind(if valid { "valid" } else { "broken" })
        .bind(diagnostics)
        .execute(connection)
        .await?;
    Ok(())
}

/// Has `by` start a workflow by hand; the event that does, which is `event` if that is said. `None` if it is not in force or
/// begins otherwise.
///
/// # Errors
/// When the database can't be written.
pub async fn start(
    connection: &mut PgConnection,
    workflow: Uuid,
    input: &Map<String, Value>,
    (by, event): (&str, Option<Uuid>),
) -> sqlx::Result<Option<Uuid>> {
    let sql = "select case when s.workflow_id is not null then s.id end
               from start_workflows(array[coalesce($4, gen_random_uuid())], array[$1::text], array[$2::jsonb],
                                    array[$3::text], array[0]) s";
    let id = workflow.to_string();
    sqlx::query_scalar(sql).bind(id).bind(Json(input)).bind(by).bind(event).fetch_one(connection).await
}
