//! Workflows and their versions: found, drawn, checked, published, put aside.

mod diff;
mod draft;
mod files;
mod guards;
mod holds;
mod judged;
mod list;
mod publish;
mod push;
mod show;
mod status;
mod validate;
mod versions;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::IntoParams;
use uuid::Uuid;

pub use diff::{Compare, Compared, Sides};
pub use draft::{Add, Draft, Drawn, NewWorkflow, ReadDraft, WriteDraft, edition_of};
pub use files::{Files, Import, Load, StoredFile, ToLoad};
pub use holds::{
    Held, Hold, HoldAll, Holds, How, Release, ReleaseAll, Released, Start, StartWith, Started, Why,
};
pub use list::{Filter, List};
pub use publish::{Publish, PublishList, Published, Subject, count_in_flight, missing_mails};
pub use push::{Push, PushList, Pushed, ToPush};
pub use show::{OfVersion, Show, Shown};
pub use status::{Archive, Moved, Pause, Restore, RestoreWhat, Restored, Resume, Unarchive};
pub use validate::{ToValidate, Validate, Verdict};
pub use versions::{ShowVersion, Version, VersionPath, Versions, definition_of};

use super::{Kind, Refusal, aside};
use crate::kinds;
use crate::store::versions::{self as stored, Head};
use crate::workflow::catalogue::Catalogue;
use crate::workflow::compile::{Compiled, MAX_BYTES, compile};
use crate::workflow::diagnostics::did_you_mean;

/// Bytes of a body with a drawing: layout and blanks may take more than what is drawn.
pub(in crate::operations) const DRAWING_BODY: usize = 2 * MAX_BYTES;
/// Bytes of a body with many of them.
const DRAWINGS_BODY: usize = 8 * MAX_BYTES;

/// All kinds of nodes, gathered once.
pub(in crate::operations) fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(kinds::catalogue);
    &CATALOGUE
}

/// What the compiler says of a drawing, which is given back.
pub(in crate::operations) async fn compiled(drawing: Value) -> Result<(Value, Compiled), Refusal> {
    aside(move || {
        let outcome = compile(&drawing, catalogue());
        (drawing, outcome)
    })
    .await
}

/// Which workflow.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OfWorkflow {
    /// Its id, or its name if no other has it.
    pub workflow: String,
}

/// The one workflow that is meant.
///
/// # Errors
/// [`Refusal`] if there is none, or more than one.
pub async fn one(connection: &mut PgConnection, name: &str) -> Result<Head, Refusal> {
    let found = stored::find(connection, name).await?;
    only(connection, found, name).await
}

/// The one workflow that is meant, locked until the transaction ends.
///
/// # Errors
/// As [`one`].
pub async fn one_to_edit(connection: &mut PgConnection, name: &str) -> Result<Head, Refusal> {
    let found = stored::find_to_edit(connection, name).await?;
    only(connection, found, name).await
}

/// The only one of those that were found.
///
/// # Errors
/// As [`one`].
pub async fn only(connection: &mut PgConnection, mut found: Vec<Head>, name: &str) -> Result<Head, Refusal> {
    match found.len() {
        0 => {
            let names = stored::names(connection).await?;
            let near = did_you_mean(name, names.iter().map(String::as_str));
            let help = near.unwrap_or_else(|| "`thendo workflow list` lists them".into());
            let message = format!("there is no workflow `{}`", one_line(name));
            Err(Refusal::new(Kind::Missing, "no-such-workflow", message).help(one_line(&help)))
        }
        1 => Ok(found.remove(0)),
        _ => Err(several(name, found.iter().map(|head| head.id))),
    }
}

/// More than one workflow has this name.
pub fn several(name: &str, ids: impl Iterator<Item = Uuid>) -> Refusal {
    let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    let message = format!("{} workflows are called `{}`", ids.len(), one_line(name));
    Refusal::new(Kind::Conflict, "ambiguous-name", message)
        .help(format!("name one by its id: {}", ids.join(", ")))
}

/// What is drawn.
///
/// # Errors
/// [`Refusal`] that says why it can't be read.
pub fn readable<T>(name: &str, drawing: Result<T, String>) -> Result<T, Refusal> {
    drawing.map_err(|reason| {
        let message = format!("the drawing of `{}` can't be read: {reason}", one_line(name));
        Refusal::new(Kind::Conflict, "unreadable-drawing", message)
            .help("mend it in the editor, or `thendo workflow restore` a version that could be read")
    })
}

/// Text from elsewhere on one line, without control characters.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
