//! Alarms: what somebody should be told of.

use chrono::{DateTime, Utc};
use reqwest::Url;
use serde::Serialize;
use uuid::Uuid;

/// What kind of trouble it is; `workflow_alerts.kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One statement started too many executions: the workflow is held.
    BulkGuard,
    /// Workflows start each other again and again.
    LoopGuard,
    /// A row of the queue that no batch survives was set aside.
    SetAside,
    /// Executions of a workflow fail one after the other.
    DeadLetters,
    /// Nobody knows whether a delivery arrived.
    DeliveryUnknown,
    /// What is due is not worked off in time.
    Lag,
    /// Rows fall into a default partition: months were not made ahead.
    DefaultPartition,
    /// A daemon died of what it worked on, perhaps.
    DaemonDied,
    /// An event that is asked for once more is no longer kept, or can't be read.
    ReplayFailed,
}

impl Kind {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::BulkGuard,
        Self::LoopGuard,
        Self::SetAside,
        Self::DeadLetters,
        Self::DeliveryUnknown,
        Self::Lag,
        Self::DefaultPartition,
        Self::DaemonDied,
        Self::ReplayFailed,
    ];

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BulkGuard => "bulk_guard",
            Self::LoopGuard => "loop_guard",
            Self::SetAside => "set_aside",
            Self::DeadLetters => "dead_letters",
            Self::DeliveryUnknown => "delivery_unknown",
            Self::Lag => "lag",
            Self::DefaultPartition => "default_partition",
            Self::DaemonDied => "daemon_died",
            Self::ReplayFailed => "replay_failed",
        }
    }

    /// The kind that is stored so.
    pub fn of(stored: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == stored)
    }
}

/// An alarm, with neither names nor contents of rows in it: it is logged, mailed and posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its identity.
    pub id: Uuid,
    /// What kind.
    pub kind: Kind,
    /// The workflow that it is about, if it is about one.
    pub workflow: Option<Uuid>,
    /// What happened, and what to do.
    pub message: String,
    /// When.
    pub happened_at: DateTime<Utc>,
}

/// Most that are told.
pub const MOST_RECIPIENTS: usize = 10;

/// Who is told of an alarm.
#[derive(Clone, PartialEq, Eq)]
pub enum Recipient {
    /// Whom a mail goes to.
    Mail(String),
    /// Where JSON is posted to. It may hold a secret.
    Web(Url),
}

impl Recipient {
    /// `mailto:name@host`, `https://…` or `http://…`; `None` for all else.
    pub fn read(text: &str) -> Option<Self> {
        if let Some(address) = text.strip_prefix("mailto:") {
            return address.parse::<lettre::Address>().ok().map(|address| Self::Mail(address.to_string()));
        }
        let url = Url::parse(text).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(Self::Web(url))
    }
}

/// A recipient as it can be shown: of a URL nothing but its host, for the rest is often the secret.
pub fn shown_recipient(text: &str) -> String {
    match Recipient::read(text) {
        Some(Recipient::Mail(address)) => format!("mailto:{address}"),
        Some(Recipient::Web(url)) => {
            format!("{}://{}/****", url.scheme(), url.host_str().unwrap_or_default())
        }
        None => "****".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_a_mail_or_an_http_address_and_shows_no_secret() {
        for odd in
            ["", "ops@example.com", "mailto:", "mailto:a b", "ftp://x/y", "https://", "file:///etc/passwd"]
        {
            assert!(Recipient::read(odd).is_none(), "{odd}");
        }
        assert!(matches!(Recipient::read("mailto:ops@example.com"), Some(Recipient::Mail(_))));
        for url in ["https://hooks.example.com/s3cret?t=s3cret", "http://u:s3cret@127.0.0.1:99/s3cret"] {
            assert!(Recipient::read(url).is_some());
            assert!(!shown_recipient(url).contains("s3cret"), "{}", shown_recipient(url));
        }
        assert!(!shown_recipient("htp:/s3cret").contains("s3cret"));
    }

    #[test]
    fn a_kind_is_read_as_it_is_stored() {
        assert!(Kind::ALL.iter().all(|kind| Kind::of(kind.as_str()) == Some(*kind)));
        assert_eq!(Kind::of("other"), None);
    }
}
