//! Which database a command means.

use secrecy::SecretString;

use super::server::{DATABASE, PrivateServer};
use crate::domain::settings::Settings;

/// No database is named and the private server does not run.
#[derive(Debug, thiserror::Error)]
#[error("no database: none is named, and no private server runs in {data_dir}")]
pub struct NoDatabase {
    data_dir: String,
}

impl NoDatabase {
    /// What to do about it.
    pub fn help(&self) -> String {
        "start `thendo up` in another terminal, or name a database with --database-url or DATABASE_URL, \
         or a running server's folder with --data-dir"
            .into()
    }
}

/// The database that is named (flag, DATABASE_URL, settings), else the private server of the data directory.
///
/// # Errors
/// [`NoDatabase`] if there is neither.
pub fn find(settings: &Settings) -> Result<SecretString, NoDatabase> {
    settings.database_url.clone().map_or_else(|| find_private(settings), Ok)
}

/// The private server of the data directory, whatever else is named.
///
/// # Errors
/// [`NoDatabase`] if it does not run.
pub fn find_private(settings: &Settings) -> Result<SecretString, NoDatabase> {
    PrivateServer::url_if_running(&settings.data_dir, DATABASE)
        .map(SecretString::from)
        .ok_or_else(|| NoDatabase { data_dir: settings.data_dir.display().to_string() })
}
