//! Why a delivery did not succeed.

use std::fmt;
use std::time::Duration;

use super::retry::Trouble;

/// Why a delivery did not succeed. The variant decides what happens next.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The world may recover: tried again under the node's policy.
    #[error("{peer} is unavailable")]
    Transient {
        /// Who.
        peer: String,
        /// What kind of error it is.
        trouble: Trouble,
        /// The other side asked not to be bothered for so long.
        retry_after: Option<Duration>,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Trying again cannot help, unless the node says that it may.
    #[error("{peer} refused: {reason}")]
    Refused {
        /// Who.
        peer: String,
        /// What it said.
        reason: String,
    },
    /// A mail server's final no: as [`Self::Refused`], with its own words.
    #[error("{peer} refused: {reply}")]
    Rejected {
        /// Who.
        peer: String,
        /// What it said.
        reply: Reply,
    },
    /// It may have happened. Never repeated without being asked.
    #[error("no answer from {peer} after the message was handed over")]
    Unknown {
        /// Who.
        peer: String,
    },
}

/// A mail server's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// `550`.
    pub code: u16,
    /// `5.1.1`, if the server says such (RFC 3463).
    pub enhanced: Option<String>,
    /// Its words, the enhanced code among them.
    pub words: String,
    /// It was about the recipient: the answer to RCPT TO.
    pub of_recipient: bool,
}

/// What says that there is no such mailbox, and not that this mail, or its sender, is not wanted.
const NO_MAILBOX: &[&str] = &["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"];

/// Whether a status of RFC 3463 says that there is no such mailbox.
pub fn is_hard_bounce(enhanced: &str) -> bool {
    NO_MAILBOX.contains(&enhanced)
}

impl Reply {
    /// Of a code and what came behind it.
    pub fn read(code: u16, words: &str, of_recipient: bool) -> Self {
        let first = words.split_whitespace().next().unwrap_or_default();
        let parts: Vec<&str> = first.split('.').collect();
        let is_number =
            |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let is_enhanced = parts.len() == 3 && parts.iter().all(is_number);
        let enhanced = is_enhanced.then(|| first.to_owned());
        Self { code, enhanced, words: words.trim().to_owned(), of_recipient }
    }

    /// The server says of the recipient that there is no such mailbox. A code without an enhanced one does not say so: 550 may
    /// be anything, a sender that is not liked included.
    pub fn no_mailbox(&self) -> bool {
        self.of_recipient && self.enhanced.as_deref().is_some_and(is_hard_bounce)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "permanent error ({}): {}", self.code, self.words)
    }
}

impl DeliveryError {
    /// What kind of error it is: all of it that the log may hold, for the other side's words may name people.
    pub fn sort(&self) -> &'static str {
        match self {
            Self::Transient { trouble, .. } => trouble.as_str(),
            Self::Refused { .. } | Self::Rejected { .. } => Trouble::Refused.as_str(),
            Self::Unknown { .. } => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_so_of_the_recipient_is_a_hard_bounce() {
        for (code, words, of_recipient, hard) in [
            (550, "5.1.1 <a@b.c>: no such user", true, true),
            (550, "5.1.10 null MX", true, true),
            (550, "no such user", true, false),
            (550, "5.7.1 you are on a list", true, false),
            (552, "5.2.2 mailbox full", true, false),
            (550, "5.1.1 sender unknown", false, false),
            (550, "5.1.1.1 what", true, false),
            (550, "", true, false),
        ] {
            assert_eq!(Reply::read(code, words, of_recipient).no_mailbox(), hard, "{words}");
        }
    }
}
