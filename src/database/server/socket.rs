//! Where the socket lives: a folder closed to others, with a path short enough for the system.

use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use super::ServerError;
use super::owner::Owner;

const FILE: &str = ".s.PGSQL.5432";

/// Longest path of a Unix socket.
const LONGEST: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The folder for the socket of `data_dir`, made if missing.
///
/// # Errors
/// [`ServerError::NotOurs`] if the folder is there and is not closed to others.
pub fn ensure(data_dir: &Path, owner: &Owner) -> Result<PathBuf, ServerError> {
    let dir = folder(data_dir);
    if fs::symlink_metadata(&dir).is_err() {
        owner.make_private_dir(&dir).map_err(ServerError::io("create", &dir))?;
    }
    if owner.holds_privately(&dir) {
        return Ok(dir);
    }
    let uid = fs::symlink_metadata(&dir).map_or(0, |found| std::os::unix::fs::MetadataExt::uid(&found));
    Err(ServerError::NotOurs { dir, uid })
}

/// The folder, if it is there and holds a socket.
pub fn existing(data_dir: &Path) -> Option<PathBuf> {
    let dir = folder(data_dir);
    file(&dir).exists().then_some(dir)
}

/// The socket itself.
pub fn file(socket_dir: &Path) -> PathBuf {
    socket_dir.join(FILE)
}

/// `DATA_DIR/socket`; where that is too long for a socket, a folder named by its hash.
fn folder(data_dir: &Path) -> PathBuf {
    let inside = data_dir.join("socket");
    if file(&inside).as_os_str().len() <= LONGEST {
        return inside;
    }
    // A fixed hash: every start, of every build, must find the same folder.
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    data_dir.as_os_str().as_encoded_bytes().hash(&mut hasher);
    let name = format!("thendo-{:016x}", hasher.finish());
    // The server of root runs as another user, who may not enter root's own runtime folder.
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| !rustix::process::geteuid().is_root());
    let parents = runtime.map(PathBuf::from).into_iter().chain([PathBuf::from("/tmp")]);
    let fits =
        |dir: &PathBuf| dir.parent().is_some_and(Path::is_dir) && file(dir).as_os_str().len() <= LONGEST;
    parents.map(|parent| parent.join(&name)).find(fits).unwrap_or_else(|| Path::new("/tmp").join(&name))
}

struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A URL that psql, sqlx and tokio-postgres all read.
pub fn url(socket_dir: &Path, database: &str) -> String {
    let dir = encoded(socket_dir.as_os_str().as_encoded_bytes());
    format!("postgresql:///{}?host={dir}&user=postgres", encoded(database.as_bytes()))
}

fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_data_dir_gets_a_short_socket_and_always_the_same() {
        assert_eq!(folder(Path::new("/var/lib/thendo")), Path::new("/var/lib/thendo/socket"));
        let long = PathBuf::from("/tmp").join("x".repeat(120));
        let short = folder(&long);
        assert!(file(&short).as_os_str().len() <= LONGEST, "{}", short.display());
        assert_eq!(short, folder(&long));
        assert_ne!(short, folder(&long.join("y")));
    }

    #[test]
    fn every_character_of_a_path_survives_the_url() {
        let url = url(Path::new("/tmp/a b+c%d&e?f#g=h/ü"), "thendo");
        assert_eq!(url, "postgresql:///thendo?host=/tmp/a%20b%2Bc%25d%26e%3Ff%23g%3Dh/%C3%BC&user=postgres");
        let options: sqlx::postgres::PgConnectOptions = url.parse().expect("sqlx reads it");
        assert_eq!(options.get_socket().map(PathBuf::as_path), Some(Path::new("/tmp/a b+c%d&e?f#g=h/ü")));
        assert_eq!(options.get_database(), Some("thendo"));
        let config: tokio_postgres::Config = url.parse().expect("tokio-postgres reads it");
        let host = tokio_postgres::config::Host::Unix("/tmp/a b+c%d&e?f#g=h/ü".into());
        assert_eq!(config.get_hosts(), [host]);
    }
}
