//! What guards the work of others: why an edit, a name or a drawing is refused.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::PgConnection;

use super::draft::edition_of;
use super::one_line;
use crate::operations::{Kind, Refusal};
use crate::store::versions::{self, Head};

/// Refuses an edit of what was changed since it was seen.
pub(super) fn unchanged(head: &Head, seen: Option<&str>) -> Result<(), Refusal> {
    match seen {
        Some(seen) if seen != "*" && seen != edition_of(head) => {
            let message = format!("`{}` was changed since it was read: nothing was written", head.name);
            Err(Refusal::new(Kind::Stale, "changed-meanwhile", message)
                .help("read it again, look at what was changed, and write anew"))
        }
        _ => Ok(()),
    }
}

/// Refuses an edit of what is not there any more, or has another name now.
pub(super) fn gone_meanwhile(name: &str, seen: Option<&str>) -> Result<(), Refusal> {
    if seen.is_none() {
        return Ok(());
    }
    let message =
        format!("an edition was read, and no workflow is called `{}`: nothing was written", one_line(name));
    Err(Refusal::new(Kind::Stale, "changed-meanwhile", message)
        .help("it may have another name now: read anew; or leave the edition out for a new workflow"))
}

/// Refuses a name that another workflow has.
pub(super) async fn refuse_taken(connection: &mut PgConnection, name: &str) -> Result<(), Refusal> {
    if versions::find_to_edit(connection, name).await?.iter().all(|other| other.name != name) {
        return Ok(());
    }
    let message = format!("there is a workflow `{}` already: nothing was written", one_line(name));
    Err(Refusal::new(Kind::Conflict, "name-taken", message)
        .help("choose another name, or read that one and change it"))
}

/// Refuses drawings of which the last would be all that is left.
pub(super) fn refuse_twice<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            let message = format!("`{}` is named twice", one_line(name));
            return Err(Refusal::new(Kind::Malformed, "twice", message).help("name each workflow once"));
        }
    }
    Ok(())
}

/// Refuses to draw over what is drawn and in no version, and not what comes either.
pub(super) async fn refuse_loss(
    connection: &mut PgConnection,
    head: &Head,
    drawing: &Value,
    done: &str,
) -> Result<(), Refusal> {
    if head.drawing().is_ok_and(|drawn| drawn == *drawing) || versions::is_kept(connection, head.id).await? {
        return Ok(());
    }
    let name = one_line(&head.name);
    let message = format!("`{name}` has a draft that is in no version: nothing was {done}");
    let help = format!(
        "keep it with `thendo workflow export {name}`, or say --force to draw over it; by the API say `force`, or \
         where it is published name its edition in `If-Match`"
    );
    Err(Refusal::new(Kind::Conflict, "draft-not-kept", message).help(help))
}

/// An archived workflow does not come back by the way.
pub(super) fn refuse_archived(head: &Head) -> Result<(), Refusal> {
    if head.status != "archived" {
        return Ok(());
    }
    let name = one_line(&head.name);
    let message = format!("`{name}` is in the archive: nothing was published");
    Err(Refusal::new(Kind::Conflict, "archived", message)
        .help(format!("take it back first: thendo workflow unarchive {name}")))
}
