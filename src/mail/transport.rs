//! Hands messages over: to an SMTP server, or to a folder of .eml files when none is set.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use lettre::{AsyncFileTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::compose::{Composer, Letter};
use super::smtp::Smtp;
use crate::domain::delivery::DeliveryError;
use crate::domain::effect::Email;
use crate::domain::ids::EffectId;
use crate::domain::keys::Keys;
use crate::domain::retry::Trouble;
use crate::domain::settings::Settings;

/// Where files of the mailbox are written before they are put in their place.
const UNFINISHED: &str = ".unfinished";

/// The way out for mails.
pub struct Mailer {
    composer: Arc<Composer>,
    way: Way,
}

enum Way {
    Folder(PathBuf),
    Smtp(Arc<Smtp>),
}

impl Mailer {
    /// As the settings say: SMTP if a server is set, else the mailbox folder, made if missing.
    ///
    /// # Errors
    /// A sender or URL that can't be read, a folder that can't be made.
    pub fn from_settings(settings: &Settings, keys: Arc<Keys>) -> anyhow::Result<Self> {
        let way = match &settings.mail.smtp_url {
            Some(url) => Way::Smtp(Arc::new(Smtp::new(url.expose_secret())?)),
            None => {
                let folder = settings.mailbox();
                let failed = || format!("the mailbox folder {} can't be made", folder.display());
                // The folders above are others' too: the private server's user passes through them.
                folder.parent().map_or(Ok(()), std::fs::create_dir_all).with_context(failed)?;
                // Whom the shop writes to is nobody else's business.
                let mut private = DirBuilder::new();
                private.recursive(true).mode(0o700);
                private.create(folder.join(UNFINISHED)).with_context(failed)?;
                Way::Folder(folder)
            }
        };
        let composer = Arc::new(Composer::from_settings(settings, keys)?);
        Ok(Self { composer, way })
    }

    /// Whether sending the same message again is harmless: a file is written over by itself.
    pub fn repeatable(&self) -> bool {
        matches!(self.way, Way::Folder(_))
    }

    /// Sends one message, within `time`. What later nodes see as the step's result.
    ///
    /// # Errors
    /// [`DeliveryError`]; its variant decides what happens next.
    pub async fn send(&self, id: EffectId, email: &Email, time: Duration) -> Result<Value, DeliveryError> {
        let refused = |reason: String| DeliveryError::Refused { peer: "thendo".into(), reason };
        // Away from the threads that others wait for: HTML may take its time.
        let (composer, whole) = (self.composer.clone(), email.clone());
        let composed = match email.html {
            Some(_) => tokio::task::spawn_blocking(move || composer.compose(id, whole)).await,
            None => Ok(composer.compose(id, whole)),
        };
        let composed = composed.map_err(|error| refused(error.to_string()))?;
        let letter = composed.map_err(|fault| refused(fault.to_string()))?;
        let mut result = json!({
            "message_id": letter.message_id, "to": email.to, "subject": email.subject, "status": "sent",
        });
        match &self.way {
            Way::Folder(folder) => {
                let file = write(folder, id, &letter).await?;
                result["file"] = json!(file);
            }
            Way::Smtp(smtp) => smtp.send(&letter, time).await?,
        }
        Ok(result)
    }
}

/// lettre names files by chance, and a second attempt must meet the first one's file: so each is written out
/// of sight and then put in its place, whole.
async fn write(folder: &Path, id: EffectId, letter: &Letter) -> Result<PathBuf, DeliveryError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| DeliveryError::Transient {
        peer: format!("the mailbox folder {}", folder.display()),
        trouble: Trouble::Server,
        retry_after: None,
        source,
    };
    let hidden = folder.join(UNFINISHED);
    let by_chance = AsyncFileTransport::<Tokio1Executor>::new(&hidden)
        .send_raw(&letter.envelope, &letter.bytes)
        .await
        .map_err(|e| failed(e.into()))?;
    let file = folder.join(format!("{}.eml", id.0));
    tokio::fs::rename(hidden.join(format!("{by_chance}.eml")), &file).await.map_err(|e| failed(e.into()))?;
    Ok(file)
}
