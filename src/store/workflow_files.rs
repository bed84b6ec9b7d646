//! Workflows that come from files instead of an editor.

use serde_json::Value;
use sqlx::PgPool;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
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
    let mut transaction = pool.begin().await?;
    // 1952998511 is 'thdo', the namespace of thendo's advisory locks; 3 is loading files.
    sqlx::query("select pg_advisory_xact_lock(1952998511, 3)").execute(&mut *transaction).await?;
    let mut all = Vec::with_capacity(files.len());
    for file in files {
        let stored: String = sqlx::query_scalar(
            "with former as (
                 select id from workflows where name = $1 order by created_at, id limit 1
             ), changed as (
                 update workflows w set definition = $3, description = coalesce($2, description), status = 'published'
                   from former where w.id = former.id and $4
                    and (w.definition is distinct from $3 or w.status <> 'published')
                 returning 1
             ), added as (
                 insert into workflows (name, description, definition, status)
                 select $1, $2, $3, $5 where not exists (select from former)
                 returning 1
             )
             select case when exists (select from added) then 'added'
                         when exists (select from changed) then 'changed' else 'kept' end",
        )
        .bind(&file.name)
        .bind(&file.description)
        .bind(&file.definition)
        .bind(replace)
        .bind(if file.as_draft { "draft" } else { "published" })
        .fetch_one(&mut *transaction)
        .await?;
        all.push(match stored.as_str() {
            "added" => Stored::Added,
            "changed" => Stored::Changed,
            _ => Stored::Kept,
        });
    }
    transaction.commit().await?;
    Ok(all)
}
