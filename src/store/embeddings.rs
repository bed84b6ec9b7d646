//! Embeddings: what posts are about, as numbers.

use uuid::Uuid;

use super::session::{Session, Sql, StoreError};

pub(super) static STORE: Sql =
    Sql { name: "store_embedding", text: "select public.store_embedding($1, $2) as fault" };

/// Stores a post's embedding. Why it could not, if so.
///
/// # Errors
/// [`StoreError`].
pub async fn store(session: &Session, post: Uuid, numbers: &[f32]) -> Result<Option<String>, StoreError> {
    let rows = session.query(&STORE, &[&post, &numbers]).await?;
    Ok(rows.first().and_then(|row| row.get("fault")))
}
