//! `thendo workflow push`: brings the database up to what a folder has, where neither side's edits are lost.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use sqlx::PgConnection;

use super::files::{self, FileRead, content, fingerprint, text_of};
use super::folder::{self, Agreed, Index};
use super::publish;
use super::sync::{Done, Edited, How, Item, edited, keep};
use super::{load, refuse};
use crate::cli::Session;
use crate::cli::output::{Advice, Format, one_line};
use crate::kinds;
use crate::operations::workflows::{Next, count_in_flight, missing_mails, put_in_force, several};
use crate::store::versions::{self, Head};
use crate::workflow::compile::compile;

/// `thendo workflow push`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow push workflows --dry-run
  thendo workflow push workflows              store what was edited, as drafts
  thendo workflow push workflows --publish    and put it in force
  thendo workflow push workflows --force      take the folder's side; the database's is kept as FILE.theirs

The folder holds NAME.json or NAME/workflow.json. Without --publish nothing that runs changes. What was edited in
the database only is left alone: pull it. What was edited on both sides since is a conflict, and so is a
workflow of the same name that the folder never pulled, unless they are equal: then nothing is written at all.
A file that is gone removes no workflow: archive that. Paused and archived ones are not published.")]
pub struct Push {
    #[command(flatten)]
    how: How,
    /// Put them in force, too
    #[arg(long)]
    publish: bool,
}

/// A file and what it is about to change.
struct Change<'a> {
    file: &'a FileRead,
    head: Option<Head>,
    at: usize,
}

impl Push {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let dir = &self.how.dir;
        let before = Index::read(dir)?;
        let paths = load::files_in(dir)?;
        let (read, mut bad) = files::read_all(&paths)?;
        bad.extend(if self.publish { files::faulty(&read) } else { files::unstorable(&read) });
        if !bad.is_empty() {
            return refuse(&bad, self.how.format, "pushed", paths.len());
        }
        if self.how.format == Format::Text && !self.publish {
            files::warn_of_faults(&read);
        }
        let pool = session.pool().await?;
        let mut transaction = versions::begin(&pool).await?;
        if self.how.format == Format::Text && !self.publish {
            for file in &read {
                if let Some(plan) = compile(&file.workflow.definition, &kinds::catalogue()).plan {
                    let warnings = missing_mails(&mut transaction, &plan).await?;
                    publish::warn(&file.workflow.name, &warnings);
                }
            }
        }
        let (mut items, mut changes) = (Vec::new(), Vec::new());
        for file in &read {
            let below = folder::below(dir, &file.path).with_context(|| {
                format!("{} has a name that is none of a workflow file", file.path.display())
            })?;
            let (head, done) = self.one(&mut transaction, file, before.files.get(&below)).await?;
            let (id, name) = (head.as_ref().map(|head| head.id), file.workflow.name.clone());
            if let Some(other) = items.iter().find(|item: &&Item| id.is_some() && item.id == id) {
                return Err(Advice::error(
                    format!(
                        "{} and {below} both stand for the workflow {}",
                        other.file,
                        id.unwrap_or_default()
                    ),
                    "give one of them a `name` that no workflow had",
                ));
            }
            changes.push(Change { file, head, at: items.len() });
            items.push(Item { file: below, id, name, done, published: None });
        }
        for (file, agreed) in &before.files {
            if !items.iter().any(|item| item.file == *file) {
                let name = load::name_of(&dir.join(file));
                let (file, id) = (file.clone(), Some(agreed.id));
                items.push(Item { file, id, name, done: Done::Gone, published: None });
            }
        }
        if self.how.writes(&items) {
            let index = self.store(&mut transaction, changes, &mut items, &before).await?;
            transaction.commit().await.context("pushing failed")?;
            index.write(dir, &before)?;
            let published = items.iter_mut().filter_map(|item| item.published.as_mut());
            count_in_flight(&pool, published).await?;
        }
        self.how.tell(&items, "pushed", "the database")
    }

    /// The row of a file, and what is done about it.
    async fn one(
        &self,
        connection: &mut PgConnection,
        file: &FileRead,
        agreed: Option<&Agreed>,
    ) -> anyhow::Result<(Option<Head>, Done)> {
        let of = &file.workflow;
        let mut known = match agreed {
            Some(agreed) => versions::by_id(connection, agreed.id).await?,
            None => None,
        };
        if known.as_ref().is_none_or(|head| head.name != of.name) {
            let found = versions::find_to_edit(connection, &of.name).await?;
            let mut found: Vec<Head> = found.into_iter().filter(|head| head.name == of.name).collect();
            match (&known, found.len()) {
                (_, 0) => {}
                (None, 1) => known = found.pop(),
                (None, _) => return Err(several(&of.name, &found).into()),
                (Some(head), _) => {
                    return Err(Advice::error(
                        format!(
                            "{}: `{}` can't be renamed to `{}`: there is one of that name",
                            file.path.display(),
                            one_line(&head.name),
                            one_line(&of.name)
                        ),
                        "give the file another `name`",
                    ));
                }
            }
        }
        let Some(head) = known else {
            // Somebody removed it: adding it again is for people to say.
            let was_there = agreed.is_some() && !self.how.force;
            return Ok((None, if was_there { Done::Conflict } else { Done::Added }));
        };
        let here = fingerprint(&content(&of.name, of.description.as_deref(), &of.definition));
        let there = match head.drawing() {
            Ok(drawing) => fingerprint(&content(&head.name, head.description.as_deref(), &drawing)),
            Err(_) => String::new(),
        };
        let agreed = agreed.filter(|agreed| agreed.id == head.id);
        let done = match edited(agreed, &here, &there) {
            Edited::Neither => Done::Kept,
            Edited::Folder => Done::Changed,
            Edited::Database => Done::EditedThere,
            Edited::Both if self.how.force => Done::Replaced,
            Edited::Both => Done::Conflict,
        };
        Ok((Some(head), done))
    }

    /// Writes the rows, and the index as it is then.
    async fn store(
        &self,
        connection: &mut PgConnection,
        changes: Vec<Change<'_>>,
        items: &mut [Item],
        before: &Index,
    ) -> anyhow::Result<Index> {
        let mut index = before.clone();
        let (mut publish, mut places) = (Vec::new(), Vec::new());
        for Change { file, head, at } in changes {
            let (of, item) = (&file.workflow, &mut items[at]);
            let description = of.description.as_deref();
            let id = match (item.done, head) {
                (Done::Added, _) => versions::add(connection, &of.name, description, &of.definition).await?,
                (Done::Changed | Done::Replaced, Some(head)) => {
                    if item.done == Done::Replaced {
                        // As text, so that nothing is lost of what can't be read.
                        let drawing = head.draft.as_ref().unwrap_or(&head.definition);
                        let text = match versions::read(drawing) {
                            Ok(drawing) => {
                                text_of(&content(&head.name, head.description.as_deref(), &drawing))?
                            }
                            Err(_) => drawing.clone(),
                        };
                        keep(&file.path, "theirs", &text)?;
                    }
                    versions::draw(connection, head.id, &of.name, description, &of.definition).await?;
                    head.id
                }
                (Done::Kept, Some(head)) => head.id,
                _ => continue,
            };
            item.id = Some(id);
            let now = versions::by_id(connection, id).await?.context("a workflow is gone")?;
            let drawing = super::readable(&now.name, now.drawing())?;
            let agreed = Agreed {
                id,
                file: fingerprint(&content(&of.name, description, &of.definition)),
                database: fingerprint(&content(&now.name, now.description.as_deref(), &drawing)),
            };
            index.files.retain(|_, other| other.id != id);
            index.files.insert(item.file.clone(), agreed);
            if self.publish && matches!(&*now.status, "draft" | "published") {
                publish.push(now);
                places.push(at);
            }
        }
        let published = put_in_force(connection, &publish, Next::Draft).await?;
        for (at, published) in places.into_iter().zip(published) {
            items[at].published = Some(published);
        }
        Ok(index)
    }
}
