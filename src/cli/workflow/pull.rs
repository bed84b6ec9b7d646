//! `thendo workflow pull`: brings a folder up to what the database has, where neither side's edits are lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::files::{content, fingerprint, text_of};
use super::folder::{self, Agreed, Index, Names};
use super::load;
use super::sync::{self, Done, Edited, How, Item, edited, here, keep};
use crate::cli::Session;
use crate::cli::output::Advice;
use crate::operations::workflows::Draft;

/// `thendo workflow pull`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow pull workflows
  thendo workflow pull workflows --dry-run
  thendo workflow pull workflows --force      take the database's side; yours is kept as FILE.mine

Each workflow becomes a file NAME.json; files that were pulled before keep their place. What was edited in the
folder only is left alone. What was edited on both sides since is a conflict: then nothing is written at all.
Keep the index .thendo-workflows.json in git with the files: it tells which side was edited.")]
pub struct Pull {
    #[command(flatten)]
    how: How,
}

impl Pull {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let dir = &self.how.dir;
        let before = Index::read(dir)?;
        let mut index = before.clone();
        let (mut names, mut strangers) = known_files(dir, &before)?;
        let desk = session.desk().await?;
        let (mut items, mut writes) = (Vec::new(), Vec::new());
        for listed in sync::all(&desk).await? {
            let Some(draft) = sync::drawn(&desk, listed.id).await? else { continue };
            let stranger = || strangers.remove(&draft.name);
            let file = before.file_of(draft.id).map(str::to_owned).or_else(stranger);
            let file = file.unwrap_or_else(|| format!("{}.json", names.of(&draft.name, draft.id)));
            items.push(self.one(&draft, file, &mut index, &mut writes)?);
        }
        for (file, agreed) in &before.files {
            if !items.iter().any(|item| item.id == Some(agreed.id)) {
                let name = load::name_of(&dir.join(file));
                let (file, id) = (file.clone(), Some(agreed.id));
                items.push(Item { file, id, name, done: Done::Gone, published: None });
            }
        }
        if self.how.writes(&items) {
            for (path, text, replaced) in &writes {
                if *replaced {
                    keep(path, "mine", &String::from_utf8_lossy(&std::fs::read(path)?))?;
                }
                folder::write(path, text)?;
            }
            index.write(dir, &before)?;
        }
        self.how.tell(&items, "pulled", "the folder")
    }

    /// What is done about one workflow; what is to be written is added to `writes`.
    fn one(
        &self,
        draft: &Draft,
        file: String,
        index: &mut Index,
        writes: &mut Vec<(PathBuf, String, bool)>,
    ) -> anyhow::Result<Item> {
        let (id, name) = (Some(draft.id), draft.name.clone());
        let Ok(drawing) = draft.drawing() else {
            return Ok(Item { file, id, name, done: Done::Unreadable, published: None });
        };
        let content = content(&draft.name, draft.description.as_deref(), drawing);
        let database = fingerprint(&content);
        let path = self.how.dir.join(&file);
        no_link(&self.how.dir, &file)?;
        let agreed = index.files.get(&file).filter(|agreed| agreed.id == draft.id);
        let done = match here(&path)? {
            None => Done::Added,
            Some((there, _)) => match edited(agreed, &there, &database) {
                Edited::Neither => Done::Kept,
                Edited::Database => Done::Changed,
                Edited::Folder => Done::EditedThere,
                Edited::Both if self.how.force => Done::Replaced,
                Edited::Both => Done::Conflict,
            },
        };
        if matches!(done, Done::Added | Done::Changed | Done::Replaced) {
            writes.push((path, text_of(&content)?, done == Done::Replaced));
        }
        // Files that only the folder knows better stay agreed on as they were.
        let is_new = matches!(done, Done::Added | Done::Changed | Done::Replaced);
        if is_new || (done == Done::Kept && agreed.is_none_or(|agreed| agreed.database != database)) {
            let agreed = Agreed { id: draft.id, file: database.clone(), database };
            index.files.insert(file.clone(), agreed);
        }
        Ok(Item { file, id, name, done, published: None })
    }
}

/// A folder that is a link may lead anywhere: a repository could have been made so.
fn no_link(dir: &Path, file: &str) -> anyhow::Result<()> {
    let Some((folder, _)) = file.split_once('/') else { return Ok(()) };
    match dir.join(folder).symlink_metadata() {
        Ok(about) if about.is_symlink() => Err(Advice::error(
            format!("{} is a link: nothing was written", dir.join(folder).display()),
            "make it a folder of its own",
        )),
        _ => Ok(()),
    }
}

/// The names that files have, and the files that no index knows, by the workflow's name.
fn known_files(dir: &Path, index: &Index) -> anyhow::Result<(Names, BTreeMap<String, String>)> {
    let (mut names, mut strangers) = (Names::default(), BTreeMap::new());
    let mut take =
        |file: &str| names.take(file.split(['/']).next().unwrap_or(file).trim_end_matches(".json"));
    index.files.keys().for_each(|file| take(file));
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok((names, strangers)),
        Err(fault) => return Err(fault).with_context(|| format!("can't read {}", dir.display())),
    };
    for entry in entries {
        let path = entry?.path();
        let nested = path.join("workflow.json");
        let path = if nested.is_file() { nested } else { path };
        let Some(file) = folder::below(dir, &path) else { continue };
        take(&file);
        if path.is_file()
            && !index.files.contains_key(&file)
            && let Some((_, Some(name))) = here(&path)?
        {
            strangers.insert(name, file);
        }
    }
    Ok((names, strangers))
}
