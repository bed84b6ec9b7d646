//! The settings of the installation's key.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::OutOfBounds;
use super::forms::secrets_listed;
use crate::domain::keys;

/// The installation's key: stored secrets are encrypted with it, and links are signed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// 32 bytes in base64. It beats the file.
    #[serde(serialize_with = "starred")]
    pub key: Option<SecretString>,
    /// File with the key and nothing else; `secrets.key` in `data_dir` unless set, if that is there.
    pub key_file: Option<PathBuf>,
    /// Keys of before, in a list or with commas: they open what they encrypted, and encrypt nothing any more.
    #[serde(deserialize_with = "secrets_listed", serialize_with = "all_starred")]
    pub old_keys: Vec<SecretString>,
}

const STARS: &str = "****";

pub(super) fn starred<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|_| STARS).serialize(to)
}

fn all_starred<S: Serializer>(secrets: &[SecretString], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(secrets.iter().map(|_| STARS))
}

impl Secrets {
    pub(super) fn check(&self) -> Result<(), OutOfBounds> {
        let fault = |key| OutOfBounds {
            key,
            value: "no key".into(),
            bounds: "32 bytes in base64, as `openssl rand -base64 32` gives".into(),
        };
        let wrong = |key: &SecretString| !keys::is_key(key);
        // Empty counts as not set, as in the environment.
        if self.key.as_ref().is_some_and(|key| !key.expose_secret().is_empty() && wrong(key)) {
            return Err(fault("secrets.key"));
        }
        match self.old_keys.iter().any(wrong) {
            true => Err(fault("secrets.old_keys")),
            false => Ok(()),
        }
    }
}
