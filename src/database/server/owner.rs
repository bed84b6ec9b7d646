//! Whom the server runs as. PostgreSQL refuses root, so root hands it to an unprivileged user.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::ServerError;

/// The server's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// For messages.
    pub name: String,
    uid: u32,
    gid: u32,
    /// Whether that is someone else than us, which only root can arrange.
    other: bool,
}

impl Owner {
    /// The owner of an existing cluster; for a new one ourselves, or `postgres` (else `nobody`) if we are root.
    ///
    /// # Errors
    /// [`ServerError::NotOurs`] if the cluster is someone else's and we are not root.
    pub fn of_server(cluster: &Path) -> Result<Self, ServerError> {
        let we = rustix::process::geteuid();
        let existing = fs::metadata(cluster).ok().map(|found| (found.uid(), found.gid()));
        if !we.is_root() {
            if let Some((uid, _)) = existing.filter(|(uid, _)| *uid != we.as_raw()) {
                return Err(ServerError::NotOurs { dir: cluster.into(), uid });
            }
            let gid = rustix::process::getegid().as_raw();
            return Ok(Self { name: "you".into(), uid: we.as_raw(), gid, other: false });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Ok(existing
            .filter(|(uid, _)| *uid != 0)
            .map(|(uid, gid)| Self { name: name_of(&passwd, uid), uid, gid, other: true })
            .or_else(|| named(&passwd, "postgres"))
            .or_else(|| named(&passwd, "nobody"))
            .unwrap_or(Self { name: "nobody".into(), uid: 65534, gid: 65534, other: true }))
    }

    /// Makes the data directory, open for passing through if the server is another user, and
    /// checks that the server's user can get there.
    ///
    /// # Errors
    /// [`ServerError::NotReachable`] names the folder that is closed.
    pub fn make_data_dir(&self, dir: &Path) -> Result<(), ServerError> {
        self.check_way_to(dir)?;
        let mode = if self.other { 0o711 } else { 0o700 };
        if !dir.is_dir() {
            let parents = dir.parent().map_or(Ok(()), fs::create_dir_all);
            parents.map_err(ServerError::io("create the folders above", dir))?;
            DirBuilder::new().mode(mode).create(dir).map_err(ServerError::io("create", dir))?;
            // The process's mask may have taken bits away.
            fs::set_permissions(dir, Permissions::from_mode(mode))
                .map_err(ServerError::io("open up", dir))?;
        }
        self.check_way_to(dir)
    }

    /// Whether the server's user may pass all folders down to `dir`, as far as they exist.
    fn check_way_to(&self, dir: &Path) -> Result<(), ServerError> {
        if !self.other {
            return Ok(());
        }
        let Some(nearest) = dir.ancestors().find(|folder| folder.exists()) else { return Ok(()) };
        // Links count where they lead.
        let real = nearest.canonicalize().map_err(ServerError::io("find", nearest))?;
        // From the root down, so that the outermost closed folder is named.
        let mut folders: Vec<&Path> = real.ancestors().collect();
        folders.reverse();
        match folders.into_iter().find(|folder| !self.may_enter(folder)) {
            Some(folder) => Err(ServerError::NotReachable { user: self.name.clone(), folder: folder.into() }),
            None => Ok(()),
        }
    }

    fn may_enter(&self, folder: &Path) -> bool {
        fs::metadata(folder).is_ok_and(|found| {
            let bit = if found.uid() == self.uid {
                0o100
            } else if found.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            found.mode() & bit != 0
        })
    }

    /// Makes a folder that only the server's user (and root) may enter.
    ///
    /// # Errors
    /// As the system says.
    pub fn make_private_dir(&self, dir: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(dir)?;
        if self.other { chown(dir, Some(self.uid), Some(self.gid)) } else { Ok(()) }
    }

    /// Whether `dir` is a folder of the server's user that is closed to all others.
    pub fn holds_privately(&self, dir: &Path) -> bool {
        // Not through a link: in a shared folder anyone could have laid one.
        fs::symlink_metadata(dir)
            .is_ok_and(|found| found.is_dir() && found.uid() == self.uid && found.mode() & 0o077 == 0)
    }

    /// A command that will run as the server's user, away from what the terminal and environment say.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if self.other {
            command.uid(self.uid).gid(self.gid);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.stdin(std::process::Stdio::null());
        command
    }
}

fn named(passwd: &str, wanted: &str) -> Option<Owner> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, ..] = fields.as_slice() else { return None };
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        (*name == wanted && uid != 0).then(|| Owner { name: wanted.into(), uid, gid, other: true })
    })
}

fn name_of(passwd: &str, wanted: u32) -> String {
    let found = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(wanted)).then(|| name.to_owned())
    });
    found.unwrap_or_else(|| wanted.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:PostgreSQL:/var/lib:/bin/bash\n";

    #[test]
    fn users_are_read_from_passwd() {
        let postgres = named(PASSWD, "postgres").expect("listed");
        assert_eq!((postgres.uid, postgres.gid), (101, 104));
        assert_eq!(named(PASSWD, "nobody"), None);
        assert_eq!(named(PASSWD, "root"), None, "never root");
        assert_eq!(name_of(PASSWD, 101), "postgres");
        assert_eq!(name_of(PASSWD, 7), "7");
    }

    #[test]
    fn a_closed_folder_above_is_named() {
        let top = tempfile::tempdir().expect("a folder");
        let closed = top.path().join("closed");
        DirBuilder::new().mode(0o700).create(&closed).expect("made");
        let stranger = Owner { name: "stranger".into(), uid: 54321, gid: 54321, other: true };
        let fault = stranger.make_data_dir(&closed.join("data")).expect_err("not reachable");
        assert!(
            matches!(&fault, ServerError::NotReachable { folder, .. }
            if *folder == top.path().canonicalize().expect("there") || folder.ends_with("closed")),
            "{fault}"
        );
        assert!(fault.help().contains("chmod a+x"), "{}", fault.help());
        assert!(!closed.join("data").exists(), "nothing was made");
    }

    #[test]
    fn an_open_folder_is_not_private() {
        let top = tempfile::tempdir().expect("a folder");
        let uid = rustix::process::geteuid().as_raw();
        let we = Owner { name: "you".into(), uid, gid: 0, other: false };
        let dir = top.path().join("socket");
        we.make_private_dir(&dir).expect("made");
        assert!(we.holds_privately(&dir));
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).expect("opened");
        assert!(!we.holds_privately(&dir));
        std::os::unix::fs::symlink(&dir, top.path().join("link")).expect("linked");
        assert!(!we.holds_privately(&top.path().join("link")));
    }
}
