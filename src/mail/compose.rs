//! From an [`Email`] to the bytes of one message to one recipient: all that a sender needs but the server. No I/O.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart, SinglePart, header};
use lettre::{Address, Message};

use super::bounces::Verp;
use super::content::{ContentFault, finish};
use super::dkim::Signer;
use super::tracking::Tracking;
use super::unsubscribe::{NoWayOut, WayOut};
use crate::domain::effect::Email;
use crate::domain::ids::EffectId;
use crate::domain::keys::Keys;
use crate::domain::mail::{UNSUBSCRIBE_MARK, UNSUBSCRIBE_MARK_IN_HTML};
use crate::domain::settings::Settings;

/// Why a mail can't be built. Trying again cannot help.
#[derive(Debug, thiserror::Error)]
pub enum ComposeFault {
    /// Not one address.
    #[error("`{address}` is not a mail address: {source}")]
    Address {
        /// What it was.
        address: String,
        /// What lettre said.
        #[source]
        source: lettre::address::AddressError,
    },
    /// Its HTML.
    #[error(transparent)]
    Content(#[from] ContentFault),
    /// Nobody may be sent marketing without one.
    #[error(transparent)]
    NoWayOut(#[from] NoWayOut),
    /// Without its signature it would be taken for somebody else's.
    #[error("the message can't be signed with the key of mail.dkim.key_file")]
    Unsigned,
    /// Anything else that a message can't hold.
    #[error("the message can't be built: {0}")]
    Message(#[from] lettre::error::Error),
}

/// A message, ready to go.
#[derive(Debug, Clone)]
pub struct Letter {
    /// From whom and to whom, as servers are told.
    pub envelope: Envelope,
    /// Headers and body.
    pub bytes: Vec<u8>,
    /// As in its header: the same at each attempt.
    pub message_id: String,
}

/// Builds messages as the settings say. Each call is on its own: any number of threads may share one.
#[derive(Debug)]
pub struct Composer {
    from: Mailbox,
    way_out: WayOut,
    tracking: Tracking,
    /// Takes unsubscribing by mail.
    unsubscribe_address: Option<Address>,
    dkim: Option<Signer>,
    verp: Option<Verp>,
}

impl Composer {
    /// As the settings say.
    ///
    /// # Errors
    /// A sender or a key that can't be read.
    pub fn from_settings(settings: &Settings, keys: Arc<Keys>) -> anyhow::Result<Self> {
        let mail = &settings.mail;
        let from: Mailbox = mail.from.parse().with_context(|| {
            format!("mail.from is `{}`: write it as `Shop <shop@example.com>`", mail.from)
        })?;
        let address = |text: &String| text.parse().with_context(|| format!("`{text}` is not a mail address"));
        let unsubscribe_address = mail.unsubscribe_address.as_ref().map(address).transpose()?;
        let verp = Verp::new(mail.bounce_address.as_deref(), &keys)?;
        let tracking = Tracking::from_settings(settings, &keys);
        let (way_out, dkim) = (WayOut::from_settings(settings, keys), Signer::from_settings(&mail.dkim)?);
        Ok(Self { from, way_out, tracking, unsubscribe_address, dkim, verp })
    }

    /// The message, with typed headers: no input can add one. Marketing gets its way out.
    ///
    /// # Errors
    /// [`ComposeFault`].
    pub fn compose(&self, id: EffectId, mut email: Email) -> Result<Letter, ComposeFault> {
        // Nothing around it: what is suppressed is looked up by these very letters.
        let to: Address =
            email.to.parse().map_err(|source| ComposeFault::Address { address: email.to.clone(), source })?;
        let way_out = self.fill_in_way_out(&mut email)?;
        let Email { subject, text, mut html, tracks, .. } = finish(email)?;
        if tracks {
            // Last, so that the text shows where links lead.
            html = html.map(|html| self.tracking.tracked(html, id));
        }
        let message_id = message_id(id, &self.from);
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .message_id(Some(message_id.clone()))
            // Nobody's holiday notice is to answer a workflow.
            .raw_header(plain_header("Auto-Submitted", "auto-generated".into()));
        if let Some(link) = way_out {
            builder = builder
                .raw_header(plain_header("List-Unsubscribe", self.list_unsubscribe(&link)))
                .raw_header(plain_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".into()));
        }
        let message = match html {
            Some(html) if text.is_empty() => builder.singlepart(SinglePart::html(html)),
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(text, html)),
            None => builder.singlepart(SinglePart::plain(text)),
        }?;
        let mut envelope = message.envelope().clone();
        if let Some(sender) = self.verp.as_ref().and_then(|verp| verp.sender(id)) {
            envelope = Envelope::new(Some(sender), envelope.to().to_vec())?;
        }
        let mut bytes = message.formatted();
        if let Some(signer) = &self.dkim {
            let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            bytes = signer.sign(&bytes, at).map_err(|_| ComposeFault::Unsigned)?;
        }
        Ok(Letter { envelope, bytes, message_id })
    }

    /// The link out of a marketing mail, filled in where templates show it.
    fn fill_in_way_out(&self, email: &mut Email) -> Result<Option<String>, NoWayOut> {
        let has = |text: &str| text.contains(UNSUBSCRIBE_MARK) || text.contains(UNSUBSCRIBE_MARK_IN_HTML);
        let is_marketing = !email.consent.is_transactional();
        if !is_marketing && !has(&email.text) && !email.html.as_deref().is_some_and(has) {
            return Ok(None);
        }
        let link = match self.way_out.link(&email.to) {
            Ok(link) => link,
            // It may be anybody's text that looks like the mark; nobody needs a way out of what they bought.
            Err(_) if !is_marketing => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let fill =
            |text: &str| text.replace(UNSUBSCRIBE_MARK, &link).replace(UNSUBSCRIBE_MARK_IN_HTML, &link);
        let (text, html) = (fill(&email.text), email.html.as_deref().map(fill));
        (email.text, email.html) = (text, html);
        Ok(is_marketing.then_some(link))
    }

    fn list_unsubscribe(&self, link: &str) -> String {
        let by_mail = self.unsubscribe_address.as_ref().zip(link.rsplit('/').next());
        let by_mail = by_mail.map(|(to, token)| format!(",\r\n <mailto:{to}?subject=unsubscribe%20{token}>"));
        format!("<{link}>{}", by_mail.unwrap_or_default())
    }
}

/// The Message-ID of a delivery: the same at each attempt, so that servers and readers can tell.
fn message_id(id: EffectId, from: &Mailbox) -> String {
    format!("<{}@{}>", id.0.simple(), from.email.domain())
}

/// Only for what we wrote ourselves, in ASCII: a long link must not be folded or encoded.
fn plain_header(name: &'static str, value: String) -> header::HeaderValue {
    let name = header::HeaderName::new_from_ascii_str(name);
    header::HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mail::Consent;
    use crate::mail::unsubscribe::tests::way_out;

    fn composer(public_url: Option<&str>) -> Composer {
        let from = "Shop <shop@example.com>".parse().expect("an address");
        let unsubscribe_address = Some("out@example.com".parse().expect("an address"));
        Composer {
            from,
            way_out: way_out(public_url),
            tracking: Tracking::default(),
            unsubscribe_address,
            dkim: None,
            verp: None,
        }
    }

    fn email(to: &str, subject: &str) -> Email {
        Email { to: to.into(), subject: subject.into(), text: "Hello".into(), ..Email::default() }
    }

    fn composed(email: Email) -> Result<String, ComposeFault> {
        let letter =
            composer(Some("https://shop.example")).compose(EffectId(uuid::Uuid::from_u128(7)), email)?;
        Ok(String::from_utf8(letter.bytes).expect("text"))
    }

    #[test]
    fn a_line_break_adds_no_header() {
        for hostile in [
            "Hi\r\nBcc: everyone@example.com",
            "Hi\nBcc: x@y.z\n\nbody",
            "Hi\r\r\nBcc: x",
            "\u{85}Bcc: x@y.z",
        ] {
            let Ok(text) = composed(email("ada@example.com", hostile)) else { continue };
            let head = text.split("\r\n\r\n").next().expect("a head");
            assert!(!head.lines().any(|line| line.starts_with("Bcc:")), "{head}");
        }
    }

    #[test]
    fn two_addresses_are_none() {
        for to in ["a@example.com, b@example.com", "nobody", "a@example.com\r\nBcc: b@example.com"] {
            assert!(composed(email(to, "Hi")).is_err(), "{to}");
        }
    }

    #[test]
    fn every_attempt_has_the_same_message_id() {
        let text = composed(email("ada@example.com", "Hi")).expect("a message");
        assert!(text.contains("Message-ID: <00000000000000000000000000000007@example.com>"), "{text}");
    }

    #[test]
    fn marketing_has_its_way_out_and_nothing_else_has() {
        let html = format!("<a href=\"{UNSUBSCRIBE_MARK_IN_HTML}\">out</a>");
        let mail = Email {
            html: Some(html),
            text: format!("Out: {UNSUBSCRIBE_MARK}"),
            ..email("ada@example.com", "Hi")
        };
        let text = composed(Email { consent: Consent::Marketing, ..mail.clone() }).expect("a message");
        let head = text.split("\r\n\r\n").next().expect("a head");
        assert!(head.contains("\r\nList-Unsubscribe: <https://shop.example/unsubscribe/"), "{head}");
        assert!(head.contains(">,\r\n <mailto:out@example.com?subject=unsubscribe%20"), "{head}");
        assert!(head.contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"), "{head}");
        assert_eq!(
            text.replace("=\r\n", "").matches("https://shop.example/unsubscribe/").count(),
            3,
            "{text}"
        );
        assert!(!text.contains("thendo.invalid"), "{text}");
        let receipt = composed(mail).expect("a message");
        assert!(!receipt.contains("List-Unsubscribe") && !receipt.contains("thendo.invalid"), "{receipt}");
        let refused = composer(None).compose(
            EffectId(uuid::Uuid::nil()),
            Email { consent: Consent::Marketing, ..email("ada@example.com", "Hi") },
        );
        assert!(refused.expect_err("no way out").to_string().contains("`public_url`"));
    }
}
