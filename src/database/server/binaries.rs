//! Finds PostgreSQL's programs: the setting, PATH, then where the systems keep them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ServerError, install};

/// The oldest major version that works.
pub const LEAST_MAJOR: u32 = 15;

/// One installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// Folder of `postgres` and `initdb`.
    pub dir: PathBuf,
    /// 15.
    pub major: u32,
    /// `15.18`.
    pub version: String,
}

impl Binaries {
    /// The path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// The PostgreSQL to run `cluster` with: of the version that made it, or the first found that is new enough.
///
/// # Errors
/// [`ServerError::NotInstalled`] with the command that installs it, [`ServerError::OtherVersion`]
/// if only other major versions than the cluster's are here.
pub fn find(bin_dir: Option<&Path>, cluster: &Path) -> Result<Binaries, ServerError> {
    let candidates = bin_dir.map_or_else(usual_folders, |dir| vec![dir.to_owned()]);
    let installed: Vec<Binaries> = candidates.iter().filter_map(|dir| look_into(dir)).collect();
    let made_by = std::fs::read_to_string(cluster.join("PG_VERSION")).ok();
    choose(installed, made_by.and_then(|text| text.trim().parse().ok()), bin_dir, cluster)
}

fn choose(
    installed: Vec<Binaries>,
    made_by: Option<u32>,
    bin_dir: Option<&Path>,
    cluster: &Path,
) -> Result<Binaries, ServerError> {
    let listed = installed.iter().map(|b| format!("{} in {}", b.version, b.dir.display()));
    let listed = listed.collect::<Vec<_>>().join(", ");
    let chosen = match made_by {
        Some(major) => installed.into_iter().find(|b| b.major == major),
        None => installed.into_iter().find(|b| b.major >= LEAST_MAJOR),
    };
    if let Some(binaries) = chosen {
        return Ok(binaries);
    }
    match (made_by, listed.is_empty(), bin_dir) {
        (Some(data), false, _) => {
            Err(ServerError::OtherVersion { dir: cluster.into(), data, installed: listed })
        }
        (_, true, Some(dir)) => Err(ServerError::NotInstalled {
            found: format!(": the setting `postgres.bin_dir` names {}, which has none", dir.display()),
            install: "name the folder that holds `postgres` and `initdb`, or remove the setting".into(),
        }),
        (_, empty, _) => Err(ServerError::NotInstalled {
            found: if empty { String::new() } else { format!(" (found: {listed})") },
            install: install::advice(),
        }),
    }
}

/// In the order in which they are tried.
fn usual_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    for (parent, prefix, inside) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
        ("/usr/libexec", "postgresql", ""),
    ] {
        folders.extend(newest_first(Path::new(parent), prefix).into_iter().map(|dir| dir.join(inside)));
    }
    folders
}

/// `parent/prefixNUMBER`, the highest number first.
fn newest_first(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name.strip_prefix(prefix)?.parse().ok()?, entry.path()))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

fn look_into(dir: &Path) -> Option<Binaries> {
    let postgres = dir.join("postgres");
    if !postgres.is_file() || !dir.join("initdb").is_file() {
        return None;
    }
    // Links from a folder of PATH are followed, for `initdb` looks for its share beside itself.
    let dir = postgres.canonicalize().ok()?.parent()?.to_owned();
    let output = Command::new(&postgres).arg("--version").output().ok()?;
    let (major, version) = read_version(&String::from_utf8_lossy(&output.stdout))?;
    Some(Binaries { dir, major, version })
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn read_version(text: &str) -> Option<(u32, String)> {
    let version = text.split("(PostgreSQL)").nth(1)?.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(major: u32) -> Binaries {
        Binaries { dir: format!("/pg/{major}").into(), major, version: format!("{major}.1") }
    }

    #[test]
    fn versions_are_read_as_the_systems_print_them() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(read_version(debian), Some((15, "15.18".into())));
        assert_eq!(read_version("postgres (PostgreSQL) 19beta2\n"), Some((19, "19beta2".into())));
        assert_eq!(read_version("nonsense"), None);
    }

    #[test]
    fn the_version_that_made_the_data_is_chosen() {
        let both = vec![installed(18), installed(15)];
        assert_eq!(choose(both.clone(), None, None, Path::new("/d")).map(|b| b.major).ok(), Some(18));
        assert_eq!(choose(both, Some(15), None, Path::new("/d")).map(|b| b.major).ok(), Some(15));
        let fault = choose(vec![installed(18)], Some(15), None, Path::new("/d")).expect_err("no 15");
        assert_eq!(
            fault.to_string(),
            "the data in /d was made by PostgreSQL 15, and this machine has 18.1 in /pg/18"
        );
    }

    #[test]
    fn too_old_is_as_good_as_none_and_says_so() {
        let fault = choose(vec![installed(14)], None, None, Path::new("/d")).expect_err("too old");
        assert_eq!(fault.to_string(), "no PostgreSQL 15 or newer on this machine (found: 14.1 in /pg/14)");
        assert!(fault.help().contains("install"), "{}", fault.help());
    }
}
