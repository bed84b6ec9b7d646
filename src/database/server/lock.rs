//! One server per data directory: a file lock that ends with the process that holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::ServerError;

/// Held as long as it lives. The file stays; only the lock on it counts.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock of `data_dir` and writes our process id into it.
    ///
    /// # Errors
    /// [`ServerError::InUse`] with the holder's process id.
    pub fn take(data_dir: &Path) -> Result<Self, ServerError> {
        let path = data_dir.join("lock");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(ServerError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _unread = file.read_to_string(&mut pid);
                let pid = pid.trim();
                let holder = if pid.is_empty() { String::new() } else { format!(" (process {pid})") };
                return Err(ServerError::InUse { dir: data_dir.into(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(ServerError::io("lock", &path)(source)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(ServerError::io("write", &path))?;
        Ok(Self { _file: file })
    }
}
