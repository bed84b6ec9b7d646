//! Mails: who may be sent one, and those that are stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a mail is: that decides who may be sent it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Part of what was bought: to whoever is not suppressed altogether.
    #[default]
    Transactional,
    /// Only to those who agreed, with a way out.
    Marketing,
}

impl Consent {
    /// As columns spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transactional => "transactional",
            Self::Marketing => "marketing",
        }
    }

    /// Whether it is [`Self::Transactional`].
    pub fn is_transactional(&self) -> bool {
        *self == Self::Transactional
    }
}

/// What templates show as `unsubscribe_url` until the mail is sent: then the recipient's own link takes its place, so that it stands
/// in no row and no trace.
pub const UNSUBSCRIBE_MARK: &str = "https://unsubscribe.thendo.invalid/";
/// The same, as it is escaped in HTML.
pub const UNSUBSCRIBE_MARK_IN_HTML: &str = "https:&#x2f;&#x2f;unsubscribe.thendo.invalid&#x2f;";

/// A row of `email_templates`.
#[derive(Debug, Clone, PartialEq)]
pub struct MailTemplate {
    /// Unique.
    pub name: String,
    /// One line.
    pub subject: String,
    /// The plain part, if it has one.
    pub text: Option<String>,
    /// The HTML part, if it has one.
    pub html: Option<String>,
    /// Who may be sent it.
    pub consent: Consent,
    /// Whether it may be sent at all.
    pub is_active: bool,
}
