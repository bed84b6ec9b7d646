//! Builds the message of an [`Email`].

use lettre::Message;
use lettre::message::{Mailbox, MultiPart, SinglePart, header};

use crate::domain::effect::Email;
use crate::domain::ids::EffectId;

/// Why a mail can't be built. Trying again cannot help.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// Not one address.
    #[error("`{address}` is not a mail address: {source}")]
    Address {
        /// What it was.
        address: String,
        /// What lettre said.
        #[source]
        source: lettre::address::AddressError,
    },
    /// Anything else that a message can't hold.
    #[error("the message can't be built: {0}")]
    Message(#[from] lettre::error::Error),
}

/// The Message-ID of a delivery: the same at each attempt, so that servers and readers can tell.
pub fn message_id(id: EffectId, from: &Mailbox) -> String {
    format!("<{}@{}>", id.0.simple(), from.email.domain())
}

/// The message, with typed headers: no input can add one.
///
/// # Errors
/// [`RenderError`].
pub fn render(id: EffectId, email: &Email, from: &Mailbox) -> Result<Message, RenderError> {
    let to: Mailbox =
        email.to.parse().map_err(|source| RenderError::Address { address: email.to.clone(), source })?;
    let builder = Message::builder()
        .from(from.clone())
        .to(to)
        .subject(&email.subject)
        .message_id(Some(message_id(id, from)))
        // Nobody's holiday notice is to answer a workflow.
        .header(AutoSubmitted);
    let message = match &email.html {
        Some(html) if email.text.is_empty() => builder.singlepart(SinglePart::html(html.clone())),
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(email.text.clone(), html.clone())),
        None => builder.singlepart(SinglePart::plain(email.text.clone())),
    };
    Ok(message?)
}

#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(to: &str, subject: &str) -> Email {
        Email { to: to.into(), subject: subject.into(), text: "Hello".into(), ..Email::default() }
    }

    #[test]
    fn a_line_break_in_a_subject_adds_no_header() {
        let from: Mailbox = "Shop <shop@example.com>".parse().expect("an address");
        let id = EffectId(uuid::Uuid::from_u128(7));
        let hostile = email("ada@example.com", "Hi\r\nBcc: everyone@example.com");
        if let Ok(message) = render(id, &hostile, &from) {
            let text = String::from_utf8(message.formatted()).expect("text");
            let head = text.split("\r\n\r\n").next().expect("a head");
            assert!(!head.lines().any(|line| line.starts_with("Bcc:")), "{head}");
            assert_eq!(message.envelope().to().len(), 1);
        }
    }

    #[test]
    fn two_addresses_are_none() {
        let from: Mailbox = "shop@example.com".parse().expect("an address");
        let id = EffectId(uuid::Uuid::from_u128(7));
        for to in ["a@example.com, b@example.com", "nobody", "a@example.com\r\nBcc: b@example.com"] {
            assert!(render(id, &email(to, "Hi"), &from).is_err(), "{to}");
        }
    }

    #[test]
    fn every_attempt_has_the_same_message_id() {
        let from: Mailbox = "shop@example.com".parse().expect("an address");
        let id = EffectId(uuid::Uuid::from_u128(7));
        assert_eq!(message_id(id, &from), "<00000000000000000000000000000007@example.com>");
    }
}
