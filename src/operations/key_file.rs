//! Where the installation's key comes from: a setting, or a file, which `thendo up` makes.

use std::fs::{OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};

use super::{Kind, Refusal};
use crate::domain::keys::{self, HOW_TO_GET_ONE, Keys};
use crate::domain::settings::Settings;

/// In the data folder.
const FILE: &str = "secrets.key";

/// The keys that the settings name; none if they name none.
///
/// # Errors
/// When the file that they name can't be read, or holds no key.
pub fn load(settings: &Settings) -> anyhow::Result<Keys> {
    let secrets = &settings.secrets;
    let set = secrets.key.clone().filter(|key| !key.expose_secret().is_empty());
    let current = match (set, &secrets.key_file) {
        (Some(key), _) => Some(key),
        (None, Some(file)) => Some(read(file)?.ok_or_else(|| {
            told(format!("there is no key in {}: the file is not there", file.display()), HOW_TO_GET_ONE)
        })?),
        (None, None) => read(&own_file(settings))?,
    };
    Ok(Keys::new(current.as_ref(), &secrets.old_keys)?)
}

/// As [`load`], and makes a key in the data folder if there is none. What is there stays.
///
/// # Errors
/// As [`load`], and when the file can't be written.
pub fn load_or_make(settings: &Settings) -> anyhow::Result<Keys> {
    let secrets = &settings.secrets;
    let is_set = secrets.key.as_ref().is_some_and(|key| !key.expose_secret().is_empty());
    if !is_set && secrets.key_file.is_none() {
        let file = own_file(settings);
        make(&file).with_context(|| format!("can't make the installation's key in {}", file.display()))?;
    }
    load(settings)
}

fn told(message: String, help: &str) -> anyhow::Error {
    Refusal::new(Kind::Conflict, "no-key", message).help(help).into()
}

fn own_file(settings: &Settings) -> PathBuf {
    settings.data_dir.join(FILE)
}

fn read(file: &Path) -> anyhow::Result<Option<SecretString>> {
    let text: SecretString = match std::fs::read_to_string(file) {
        Ok(text) => text.into(),
        Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(None),
        Err(fault) => {
            return Err(fault)
                .with_context(|| format!("can't read the installation's key in {}", file.display()));
        }
    };
    if !keys::is_key(&text) {
        let message =
            format!("{} holds no key: it must be 32 bytes in base64, and nothing else", file.display());
        let help = "put the right file there; a new key opens nothing that another one encrypted";
        return Err(told(message, help));
    }
    let mode = file.metadata().map_or(0, |about| about.permissions().mode());
    if mode & 0o077 != 0 {
        tracing::warn!(file = %file.display(), "others can read the installation's key: chmod 600 it");
    }
    Ok(Some(text))
}

/// Whole or not at all, also when two start at once: written beside it, then linked to its name, which fails if that is
/// taken.
fn make(file: &Path) -> std::io::Result<()> {
    if file.exists() {
        return Ok(());
    }
    let key = keys::generate().map_err(std::io::Error::other)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let part = folder.join(format!(".{FILE}.{}", std::process::id()));
    let _left_by_one_that_died = std::fs::remove_file(&part);
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    let written = new
        .set_permissions(Permissions::from_mode(0o600))
        .and_then(|()| writeln!(new, "{}", key.expose_secret()))
        .and_then(|()| new.sync_all())
        .and_then(|()| std::fs::hard_link(&part, file));
    std::fs::remove_file(&part)?;
    match written {
        Err(fault) if fault.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path) -> Settings {
        Settings { data_dir: folder.to_owned(), ..Settings::default() }
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(&folder.path().join("data"));
        assert!(load(&settings).expect("loads").id().is_err(), "none is made unasked");
        let keys = load_or_make(&settings).expect("made");
        let file = folder.path().join("data/secrets.key");
        assert_eq!(file.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        let again = load_or_make(&settings).expect("read");
        assert_eq!(keys.id().expect("one"), again.id().expect("one"));
        assert_eq!(load(&settings).expect("read").id().expect("one"), again.id().expect("one"));
        let others: Vec<_> = std::fs::read_dir(folder.path().join("data")).expect("a folder").collect();
        assert_eq!(others.len(), 1, "{others:?}");
        std::fs::write(&file, "not a key").expect("written");
        let fault = load_or_make(&settings).expect_err("never overwritten").to_string();
        assert!(fault.contains("secrets.key holds no key"), "{fault}");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), "not a key");
    }

    #[test]
    fn a_setting_beats_the_file_and_a_file_that_is_named_must_be_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = settings(folder.path());
        settings.secrets.key_file = Some(folder.path().join("nowhere"));
        let fault = load_or_make(&settings).expect_err("not there").to_string();
        assert!(fault.contains("nowhere"), "{fault}");
        assert!(!folder.path().join("secrets.key").exists() && !folder.path().join("nowhere").exists());
        settings.secrets.key = Some(keys::generate().expect("a key"));
        assert!(load(&settings).expect("by the setting").id().is_ok());
    }
}
