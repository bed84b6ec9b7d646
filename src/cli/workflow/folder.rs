//! A folder of workflow files: safe names, safe writing, and the index that says what both sides agreed on last.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cli::output::Advice;

/// The index, kept beside the files and in git with them.
pub(super) const INDEX: &str = ".thendo-workflows.json";
/// Letters of a file's name: room is left for what is put behind it.
const MOST_LETTERS: usize = 60;

/// What a file and the database's row were when they agreed last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Agreed {
    /// The workflow.
    pub id: Uuid,
    /// Tells the file's content.
    pub file: String,
    /// Tells the row's content: the database writes numbers its own way.
    pub database: String,
}

/// The index of a folder, by file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    format: u32,
    /// By the file's path below the folder.
    pub files: BTreeMap<String, Agreed>,
}

impl Default for Index {
    fn default() -> Self {
        Self { format: 1, files: BTreeMap::new() }
    }
}

impl Index {
    /// The index of a folder; an empty one if it has none yet.
    pub fn read(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(INDEX);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(fault) => return Err(fault).with_context(|| format!("can't read {}", path.display())),
        };
        let refuse = |reason: String| {
            Advice::error(
                format!("{} can't be used: {reason}", path.display()),
                "take it back from git, or remove it: files and workflows that are equal are matched again",
            )
        };
        let index: Self = serde_json::from_str(&text).map_err(|fault| refuse(fault.to_string()))?;
        if index.format != 1 {
            return Err(refuse(format!("it is of the form {}, this thendo knows 1", index.format)));
        }
        // It comes from a repository that others write to: nothing beside the folder is touched for it.
        if let Some(bad) = index.files.keys().find(|file| !is_plain(file)) {
            return Err(refuse(format!("`{}` is no file of this folder", bad.escape_default())));
        }
        let ids: HashSet<Uuid> = index.files.values().map(|agreed| agreed.id).collect();
        if ids.len() != index.files.len() {
            return Err(refuse("two files stand for one workflow".into()));
        }
        Ok(index)
    }

    /// Writes it, if it says something else than before.
    pub fn write(&self, dir: &Path, before: &Self) -> anyhow::Result<()> {
        if self == before {
            return Ok(());
        }
        write(&dir.join(INDEX), &format!("{}\n", serde_json::to_string_pretty(self)?))
    }

    /// The file of a workflow.
    pub fn file_of(&self, id: Uuid) -> Option<&str> {
        self.files.iter().find(|(_, agreed)| agreed.id == id).map(|(file, _)| file.as_str())
    }
}

/// `NAME.json` or `NAME/workflow.json`, and nothing that leads elsewhere.
fn is_plain(file: &str) -> bool {
    let name = file.strip_suffix("/workflow.json").or_else(|| file.strip_suffix(".json")).unwrap_or_default();
    let odd = |c: char| c == '/' || c == '\\' || c == ':' || c.is_control();
    !name.is_empty() && !name.starts_with('.') && !name.contains(odd)
}

/// The path of a file below its folder, as the index spells it.
pub(super) fn below(dir: &Path, file: &Path) -> Option<String> {
    let parts = file.strip_prefix(dir).ok()?.iter().map(|part| part.to_str());
    let found = parts.collect::<Option<Vec<&str>>>()?.join("/");
    is_plain(&found).then_some(found)
}

/// File names that were given away.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// Gives a name away that is taken already.
    pub fn take(&mut self, name: &str) {
        self.0.insert(name.to_lowercase());
    }

    /// A file name for a workflow: what a shell, git or another system may stumble over becomes `-`. Names that
    /// would be one on a system that ignores case get a piece of the id behind them.
    pub fn of(&mut self, name: &str, id: Uuid) -> String {
        let safe = safe(name);
        if self.0.insert(safe.to_lowercase()) {
            return safe;
        }
        let id = id.simple().to_string();
        let longer = [8, 32].map(|letters| format!("{safe}-{}", &id[id.len() - letters..]));
        let free = longer.iter().find(|longer| self.0.insert(longer.to_lowercase()));
        free.unwrap_or(&longer[1]).clone()
    }
}

fn safe(name: &str) -> String {
    let mut safe = String::new();
    for c in name.chars().take(MOST_LETTERS) {
        let keep = c.is_alphanumeric() || c == '_' || c == '.' || c == '-';
        let c = if keep { c } else { '-' };
        if c != '-' || !safe.ends_with('-') {
            safe.push(c);
        }
    }
    let trimmed = safe.trim_matches(['-', '.']);
    // Windows keeps these for devices, whatever follows the first dot.
    let stem = trimmed.split('.').next().unwrap_or_default().to_lowercase();
    let is_device = matches!(&*stem, "con" | "prn" | "aux" | "nul" | "workflow")
        || (stem.len() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")));
    match trimmed {
        "" => "unnamed".into(),
        name if is_device => format!("{name}-"),
        name => name.into(),
    }
}

/// Writes a file whole or not at all, in the place of whatever bears its name.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    let mut part = path.file_name().unwrap_or_default().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = dir.join(part);
    let written = || -> std::io::Result<()> {
        std::fs::create_dir_all(&dir)?;
        // Whoever could put a link here beforehand is not followed.
        let _none_there = std::fs::remove_file(&part);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    written().with_context(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_become_plain_files_of_the_folder() {
        for (name, file) in [
            ("Order thanks", "Order-thanks"),
            ("../../etc/passwd", "etc-passwd"),
            ("/root/.ssh/authorized_keys", "root-.ssh-authorized_keys"),
            ("..", "unnamed"),
            ("", "unnamed"),
            ("C:\\x", "C-x"),
            ("a\n\u{1b}[31mb\0", "a-31mb"),
            ("NUL.json", "NUL.json-"),
            ("workflow", "workflow-"),
            (".thendo-workflows", "thendo-workflows"),
            ("Größe 中文", "Größe-中文"),
        ] {
            assert_eq!(safe(name), file, "{name:?}");
            assert!(is_plain(&format!("{}.json", safe(name))), "{name:?}");
        }
        assert_eq!(safe(&"x".repeat(500)).len(), MOST_LETTERS);
    }

    #[test]
    fn two_workflows_never_share_a_file() {
        let mut names = Names::default();
        let id = Uuid::from_u128(0xabc);
        assert_eq!(names.of("a/b", id), "a-b");
        assert_eq!(names.of("A-B", id), "A-B-00000abc");
        assert_eq!(names.of("a b", id), format!("a-b-{}", id.simple()));
    }

    #[test]
    fn an_index_that_leads_elsewhere_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let agreed = serde_json::json!({"id": Uuid::nil(), "file": "x", "database": "x"});
        for file in [
            "../x.json",
            "/etc/x.json",
            "a/b/workflow.json",
            "..json",
            ".git/workflow.json",
            "x.txt",
            "a\\b.json",
        ] {
            let index = serde_json::json!({"format": 1, "files": {file: agreed}});
            std::fs::write(dir.path().join(INDEX), index.to_string()).expect("written");
            let fault = Index::read(dir.path()).expect_err(file).to_string();
            assert!(fault.contains("no file of this folder"), "{fault}");
        }
        let twice = serde_json::json!({"format": 1, "files": {"a.json": agreed, "b.json": agreed}});
        std::fs::write(dir.path().join(INDEX), twice.to_string()).expect("written");
        assert!(Index::read(dir.path()).is_err());
    }

    #[test]
    fn writing_replaces_a_link_instead_of_following_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let (outside, link) = (dir.path().join("outside"), dir.path().join("x.json"));
        std::fs::write(&outside, "mine").expect("written");
        std::os::unix::fs::symlink(&outside, &link).expect("linked");
        write(&link, "new").expect("written");
        assert_eq!(std::fs::read_to_string(&outside).expect("read"), "mine");
        assert_eq!(std::fs::read_to_string(&link).expect("read"), "new");
    }
}
