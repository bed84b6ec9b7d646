//! Mails: who may be sent one, and those that are stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a mail is: that decides who may be sent it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
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

/// What it means that a mail came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Return {
    /// There is no such mailbox.
    HardBounce,
    /// It was not taken this time.
    SoftBounce,
    /// Its recipient called it spam.
    Complaint,
}

impl Return {
    /// As results and webhooks spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HardBounce => "hard_bounce",
            Self::SoftBounce => "soft_bounce",
            Self::Complaint => "complaint",
        }
    }

    /// Why its address is sent nothing more, if that follows.
    pub fn suppresses(self) -> Option<&'static str> {
        match self {
            Self::HardBounce => Some("bounced"),
            Self::SoftBounce => None,
            Self::Complaint => Some("complained"),
        }
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
