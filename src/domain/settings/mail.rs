//! The settings of mails.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::OutOfBounds;
use super::forms::masked;
use super::secrets::starred;

/// Where mails go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// The sender, `Name <name@host>`.
    pub from: String,
    /// `smtp://user:password@host:587` or `smtps://…`. Without one, mails are files in the mailbox.
    #[serde(serialize_with = "masked")]
    pub smtp_url: Option<SecretString>,
    /// Folder of `.eml` files; `mailbox` in `data_dir` unless set.
    pub mailbox: Option<PathBuf>,
    /// Takes mails by which people unsubscribe; named in marketing mails, beside the link.
    pub unsubscribe_address: Option<String>,
    /// Where mails come back to, `bounces@host`: each is sent from `bounces+TOKEN@host`, which says which one it was. Without it
    /// they come back to `from`.
    pub bounce_address: Option<String>,
    /// What a provider says to `/bounces`.
    #[serde(serialize_with = "starred")]
    pub bounce_token: Option<SecretString>,
    /// What mails are signed with.
    pub dkim: Dkim,
    /// Attempts before a mail is given up. At most 1000.
    pub attempts: u16,
    /// Pause before the second attempt where the server says later (4xx); it doubles with each, less up to a quarter.
    pub backoff_ms: u64,
    /// No attempt begins so many hours after the first one.
    pub give_up_after_h: u32,
    /// Marketing mails that a person is sent at most within `marketing_cap_days`; 0: as many as there are.
    pub marketing_cap: u32,
    /// Days for which `marketing_cap` counts.
    pub marketing_cap_days: u32,
}

/// What mails are signed with: all of it, or nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dkim {
    /// The signing domain, that of the sender or one above it.
    pub domain: Option<String>,
    /// The key's name: its public half is the TXT record `SELECTOR._domainkey.DOMAIN`.
    pub selector: Option<String>,
    /// The private key, RSA or Ed25519, in PEM.
    pub key_file: Option<PathBuf>,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            from: "thendo <thendo@localhost>".into(),
            smtp_url: None,
            mailbox: None,
            unsubscribe_address: None,
            bounce_address: None,
            bounce_token: None,
            dkim: Dkim::default(),
            attempts: 100,
            // A quarter less is the half hour of RFC 5321.
            backoff_ms: 2_400_000,
            give_up_after_h: 120,
            marketing_cap: 0,
            marketing_cap_days: 7,
        }
    }
}

impl Mail {
    pub(super) fn check(&self) -> Result<(), OutOfBounds> {
        for (key, value, least, most) in [
            ("mail.attempts", self.attempts.into(), 1, 1000),
            ("mail.backoff_ms", self.backoff_ms, 1, 86_400_000),
            ("mail.give_up_after_h", self.give_up_after_h.into(), 1, 720),
            ("mail.marketing_cap", self.marketing_cap.into(), 0, 1000),
            ("mail.marketing_cap_days", self.marketing_cap_days.into(), 1, 366),
        ] {
            if !(least..=most).contains(&value) {
                let bounds = format!("from {least} to {most}");
                return Err(OutOfBounds { key, value: value.to_string(), bounds });
            }
        }
        if self.from.parse::<lettre::message::Mailbox>().is_err() {
            return Err(OutOfBounds {
                key: "mail.from",
                value: format!("`{}`", self.from),
                bounds: "an address, such as `The Shop <shop@example.com>`".into(),
            });
        }
        self.dkim.check()
    }
}

impl Dkim {
    fn check(&self) -> Result<(), OutOfBounds> {
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        };
        for (key, name) in [("mail.dkim.domain", &self.domain), ("mail.dkim.selector", &self.selector)] {
            if let Some(name) = name.as_ref().filter(|name| !is_name(name)) {
                let bounds = "letters, digits, hyphens and dots".into();
                return Err(OutOfBounds { key, value: format!("`{name}`"), bounds });
            }
        }
        Ok(())
    }
}

/// `http` or `https`, with a host and perhaps a path. No user, no query.
pub(super) fn is_public(url: &str) -> bool {
    let is_plain = |url: &url::Url| {
        url.host().is_some() && url.username().is_empty() && url.password().is_none() && url.query().is_none()
    };
    let url = url::Url::parse(url).ok().filter(is_plain);
    url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.fragment().is_none())
}
