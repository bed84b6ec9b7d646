//! `thendo workflow pull|push`: a folder in git and the database, where neither side's edits are lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::files::{self, FileRead, content, fingerprint, text_of};
use super::folder::{self, Agreed, Index, Names};
use super::publish::{self, Next, Published};
use super::{load, refuse, several};
use crate::cli::Session;
use crate::cli::output::{
    Advice, BAD, Format, GOOD, QUIET, WAIT, eprint_line, one_line, print_json, print_line,
};
use crate::store::versions::{self, Head};
use crate::workflow::hash::hash;

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

#[derive(Debug, Args)]
struct How {
    /// The folder
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Where both sides were edited, take the other's place; what was there is kept beside the file
    #[arg(long)]
    force: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Which side was edited since both agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edited {
    Neither,
    Folder,
    Database,
    Both,
}

fn edited(agreed: Option<&Agreed>, file: &str, database: &str) -> Edited {
    match agreed {
        _ if file == database => Edited::Neither,
        None => Edited::Both,
        Some(agreed) => match (file == agreed.file, database == agreed.database) {
            (true, true) => Edited::Neither,
            (true, false) => Edited::Database,
            (false, true) => Edited::Folder,
            (false, false) => Edited::Both,
        },
    }
}

/// What is done about one workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Done {
    Kept,
    Added,
    Changed,
    /// Both were edited, and this side was told to give way.
    Replaced,
    /// Edited on the side that is not read from: left as it is.
    EditedThere,
    Conflict,
    /// What stood for it before is not there any more.
    Gone,
    Unreadable,
}

#[derive(Debug, Serialize)]
struct Item {
    file: String,
    id: Option<Uuid>,
    name: String,
    done: Done,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<Published>,
}

/// A file's side: what tells its content, and its name, if it can be read.
fn here(path: &Path) -> anyhow::Result<Option<(String, Option<String>)>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(fault).with_context(|| format!("can't read {}", path.display())),
    };
    let text = String::from_utf8_lossy(&bytes);
    Ok(Some(match load::read(&text, &load::name_of(path), "") {
        Ok(of) => {
            let content = content(&of.name, of.description.as_deref(), &of.definition);
            (fingerprint(&content), Some(of.name))
        }
        Err(_) => (hash(vec![text.into_owned()]), None),
    }))
}

/// Keeps what is about to be replaced beside its file.
fn keep(path: &Path, ending: &str, text: &str) -> anyhow::Result<()> {
    let named = |number: usize| {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 1 { format!(".{ending}") } else { format!(".{ending}.{number}") });
        PathBuf::from(name)
    };
    let free = (1..1000).map(named).find(|path| path.symlink_metadata().is_err());
    folder::write(&free.context("too many files are kept already")?, text)
}

impl Pull {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let dir = &self.how.dir;
        let before = Index::read(dir)?;
        let mut index = before.clone();
        let (mut names, mut strangers) = known_files(dir, &before)?;
        let pool = session.pool().await?;
        let mut connection = pool.acquire().await?;
        let (mut items, mut writes) = (Vec::new(), Vec::new());
        let mut last: Option<Head> = None;
        loop {
            let page = versions::page(&mut connection, last.as_ref()).await?;
            for head in &page {
                let stranger = || strangers.remove(&head.name);
                let file = before.file_of(head.id).map(str::to_owned).or_else(stranger);
                let file = file.unwrap_or_else(|| format!("{}.json", names.of(&head.name, head.id)));
                items.push(self.one(head, file, &mut index, &mut writes)?);
            }
            let all = page.len() < 100;
            last = page.into_iter().next_back();
            if all {
                break;
            }
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
        head: &Head,
        file: String,
        index: &mut Index,
        writes: &mut Vec<(PathBuf, String, bool)>,
    ) -> anyhow::Result<Item> {
        let (id, name) = (Some(head.id), head.name.clone());
        let Ok(drawing) = head.drawing() else {
            return Ok(Item { file, id, name, done: Done::Unreadable, published: None });
        };
        let content = content(&head.name, head.description.as_deref(), &drawing);
        let database = fingerprint(&content);
        let path = self.how.dir.join(&file);
        no_link(&self.how.dir, &file)?;
        let agreed = index.files.get(&file).filter(|agreed| agreed.id == head.id);
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
            let agreed = Agreed { id: head.id, file: database.clone(), database };
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

impl How {
    /// Whether anything is to be written: not if they disagree.
    fn writes(&self, items: &[Item]) -> bool {
        !self.dry_run && items.iter().all(|item| item.done != Done::Conflict)
    }

    fn tell(&self, items: &[Item], what: &str, side: &str) -> anyhow::Result<ExitCode> {
        let conflicts = items.iter().filter(|item| item.done == Done::Conflict).count();
        let unreadable = items.iter().any(|item| item.done == Done::Unreadable);
        if self.format == Format::Json {
            print_json(&items)?;
        } else {
            let would = if self.dry_run || conflicts > 0 { "would be " } else { "" };
            for item in items {
                item.print(would, what)?;
            }
            if items.is_empty() {
                print_line(format_args!("{QUIET}no workflows{QUIET:#}"))?;
            }
        }
        if conflicts > 0 {
            eprint_line(format_args!(
                "{BAD}error{BAD:#}: nothing was {what}: {conflicts} of the workflows were edited on both sides"
            ));
            eprint_line(format_args!(
                "{GOOD}help{GOOD:#}: look with `thendo workflow diff NAME FILE`, then say --force to replace {side}'s; \
                 what is replaced is kept beside the file"
            ));
        }
        Ok(if conflicts > 0 || unreadable { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

impl Item {
    fn print(&self, would: &str, what: &str) -> anyhow::Result<()> {
        let (pull, name) = (what == "pulled", one_line(&self.name));
        let (style, shape, words) = match self.done {
            Done::Kept => (QUIET, "○", "the same".to_owned()),
            Done::Added => (GOOD, "●", format!("{would}added")),
            Done::Changed => (GOOD, "●", format!("{would}changed")),
            Done::Replaced => (WAIT, "●", format!("{would}replaced, edited on both sides")),
            Done::EditedThere if pull => (WAIT, "◐", "edited in the folder: push it".into()),
            Done::EditedThere => (WAIT, "◐", "edited in the database: pull it".into()),
            Done::Conflict => (BAD, "✕", "conflict: edited on both sides".into()),
            Done::Gone if pull => (WAIT, "◐", "gone from the database, the file stays".into()),
            Done::Gone => (WAIT, "◐", "no file any more, the workflow stays".into()),
            Done::Unreadable => (BAD, "✕", "its drawing can't be read".into()),
        };
        print_line(format_args!(
            "{style}{shape}{style:#} {name:<28} {words}  {QUIET}{}{QUIET:#}",
            one_line(&self.file)
        ))?;
        self.published.iter().try_for_each(publish::print)
    }
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
        let (mut items, mut changes) = (Vec::new(), Vec::new());
        for file in &read {
            let below = folder::below(dir, &file.path).with_context(|| {
                format!("{} has a name that is none of a workflow file", file.path.display())
            })?;
            let (head, done) = self.one(&mut transaction, file, before.files.get(&below)).await?;
            let (id, name) = (head.as_ref().map(|head| head.id), file.workflow.name.clone());
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
                (None, _) => return Err(several(&of.name, &found)),
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
        let published = publish::put_in_force(connection, &publish, Next::Draft).await?;
        for (at, published) in places.into_iter().zip(published) {
            items[at].published = Some(published);
        }
        Ok(index)
    }
}
