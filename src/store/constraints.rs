//! Constraints that are put off until the commit.

use super::session::{Session, Sql, StoreError};

pub(super) static CHECK_AT_ONCE: Sql = Sql {
    name: "check_constraints_at_once",
    text: "select public.check_constraints_at_once() is null as checked",
};

/// From here to the end of the transaction that the caller holds, whatever others put off until the commit is checked
/// with each statement: so it is known which effect breaks it.
///
/// # Errors
/// [`StoreError`].
pub async fn check_at_once(session: &Session) -> Result<(), StoreError> {
    session.query(&CHECK_AT_ONCE, &[]).await.map(|_| ())
}
