//! Workflows that come from files instead of an editor.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use super::versions;

/// One workflow to store.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowFile {
    /// It is found by its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// React Flow JSON.
    pub definition: Value,
    /// A new one is a draft, and does not run.
    pub as_draft: bool,
}

/// What became of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// It is new.
    Added,
    /// It took the place of another drawing, or is published again.
    Changed,
    /// Nothing had to be done.
    Kept,
}

/// Stores workflows as published, new ones as drafts if they say so. One whose name is taken replaces that one's drawing if `replace`,
/// else it is left as it is. All or none; two callers at once do not add one twice.
///
/// # Errors
/// When the database can't be written.
pub async fn store(pool: &PgPool, files: &[WorkflowFile], replace: bool) -> sqlx::Result<Vec<Stored>> {
    let mut transaction = versions::begin(pool).await?;
    let stored = put(&mut transaction, files, replace).await?;
    transaction.commit().await?;
    Ok(stored.into_iter().map(|(_, stored)| stored).collect())
}

/// As [`store`], in a transaction of [`versions::take_turn`]: which workflow each is, and what became of it.
///
/// # Errors
/// When the database can't be written.
pub async fn put(
    connection: &mut PgConnection,
    files: &[WorkflowFile],
    replace: bool,
) -> sqlx::Result<Vec<(Uuid, Stored)>> {
    let mut all = Vec::with_capacity(files.len());
    for file in files {
        let (id, stored): (Uuid, String) = sqlx::query_as(
            "with former as (
                 select id from workflows where name = $1 order by created_at, id limit 1
             ), changed as (
                 update workflows w set definition = $3, description = coalesce($2, description), status = 'published'
                   from former where w.id = former.id and $4
                    and (w.definition is distinct from $3 or w.status <> 'published')
                 returning 1
             ), added as (
                 insert into workflows (name, description, definition)
                 select $1, $2, $3 where not exists (select from former)
                 returning id
             )
             select coalesce((select id from added), (select id from former)),
                    case when exists (select from added) then 'added'
                         when exists (select from changed) then 'changed' else 'kept' end",
        )
        .bind(&file.name)
        .bind(&file.description)
        .bind(&file.definition)
        .bind(replace)
        .fetch_one(&mut *connection)
        .await?;
        let stored = match stored.as_str() {
            "added" => Stored::Added,
            "changed" => Stored::Changed,
            _ => Stored::Kept,
        };
        // A new one is a draft, and becomes what it is to be as any other does.
        if stored == Stored::Added && !file.as_draft {
            versions::set_status(connection, id, "published").await?;
        }
        all.push((id, stored));
    }
    Ok(all)
}
