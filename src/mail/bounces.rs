//! Mails that come back: envelope senders that say which mail it was (VERP), and what reports say (RFC 3464). No I/O.

use std::fmt;

use anyhow::{Context, bail};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use lettre::Address;

use crate::domain::delivery::is_hard_bounce;
use crate::domain::ids::EffectId;
use crate::domain::keys::{Keys, Signer};
use crate::domain::mail::Return;

const PURPOSE: &str = "bounce";
/// Of a signature: nobody tries 2^80 of them by mail.
const SIGNED_BYTES: usize = 10;
const ID_BYTES: usize = 16;
/// What a token has in letters.
const TOKEN_LETTERS: usize = ((ID_BYTES + SIGNED_BYTES) * 8).div_ceil(5);
/// What stands before an @ may be so long (RFC 5321).
const MAX_LOCAL: usize = 64;
/// Small letters: servers on the way may not keep large ones.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Makes envelope senders, and reads them again.
pub struct Verp {
    local: String,
    domain: String,
    signer: Signer,
}

impl Verp {
    /// Of `bounces@shop.example`, if that is set.
    ///
    /// # Errors
    /// It is none, too long, or the installation has no key.
    pub fn new(address: Option<&str>, keys: &Keys) -> anyhow::Result<Option<Self>> {
        let Some(text) = address else { return Ok(None) };
        let address: Address = text
            .parse()
            .with_context(|| format!("mail.bounce_address is `{text}`: write it as bounces@shop.example"))?;
        if address.user().len() + 1 + TOKEN_LETTERS > MAX_LOCAL {
            bail!(
                "mail.bounce_address: what stands before the @ may have {} letters, since +TOKEN is added to it",
                MAX_LOCAL - 1 - TOKEN_LETTERS
            );
        }
        let signer = keys.signer(PURPOSE).context("mail.bounce_address can't be used")?;
        let (local, domain) = (address.user().to_owned(), address.domain().to_owned());
        Ok(Some(Self { local, domain, signer }))
    }

    /// The envelope sender of a mail.
    pub fn sender(&self, id: EffectId) -> Option<Address> {
        let signature = self.signer.sign(id.0.as_bytes());
        let token = encoded(&[id.0.as_bytes(), &signature[..SIGNED_BYTES]].concat());
        Address::new(format!("{}+{token}", self.local), &self.domain).ok()
    }

    /// The mail that such an address is of; none if it is not ours.
    pub fn mail(&self, address: &str) -> Option<EffectId> {
        let (local, domain) = address.trim().trim_matches(['<', '>']).rsplit_once('@')?;
        let (before, token) = local.rsplit_once('+')?;
        let ours = before.eq_ignore_ascii_case(&self.local) && domain.eq_ignore_ascii_case(&self.domain);
        let bytes = decoded(&token.to_ascii_lowercase()).filter(|_| ours)?;
        let (id, signature) = bytes.split_at_checked(ID_BYTES)?;
        let expected = self.signer.sign(id);
        verify_slices_are_equal(signature, &expected[..SIGNED_BYTES]).ok()?;
        Some(EffectId(uuid::Uuid::from_slice(id).ok()?))
    }
}

impl fmt::Debug for Verp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verp({}+…@{})", self.local, self.domain)
    }
}

fn encoded(bytes: &[u8]) -> String {
    let (mut out, mut held, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(LETTERS[(held >> bits & 31) as usize]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(char::from(LETTERS[(held << (5 - bits) & 31) as usize]));
    }
    out
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    if text.len() != TOKEN_LETTERS {
        return None;
    }
    let (mut out, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits & 255).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    Some(out)
}

/// A mail that somebody's server sent back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it means.
    pub kind: Return,
    /// The other server's words.
    pub detail: String,
}

/// The lines of a mail's head, folded ones in one piece: name and value.
pub fn head(mail: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for line in mail.lines().take_while(|line| !line.trim_end().is_empty()) {
        match (line.starts_with([' ', '\t']), line.split_once(':')) {
            (true, _) => all.iter_mut().last().into_iter().for_each(|(_, value)| value.push_str(line)),
            (false, Some((name, value))) => all.push((name.trim().to_lowercase(), value.trim().to_owned())),
            _ => {}
        }
    }
    all
}

/// What a report about the delivery of one mail says; none if it is none, or if nothing failed.
pub fn read_report(mail: &str) -> Option<Report> {
    let is_report = head(mail)
        .iter()
        .any(|(name, value)| name == "content-type" && value.to_lowercase().contains("multipart/report"));
    // The fields of the machine's part: they come in blocks, and the last one is of the recipient.
    let at =
        mail.to_ascii_lowercase().find("\ncontent-type: message/delivery-status").filter(|_| is_report)?;
    let part = &mail[at + 1..];
    let end = part.find("\n--").unwrap_or(part.len());
    let (mut failed, mut status, mut said) = (false, String::new(), String::new());
    let unfolded = part[..end].replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
    for line in unfolded.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.trim().to_ascii_lowercase().as_str() {
            "action" => failed |= value.trim().eq_ignore_ascii_case("failed"),
            "status" => value.split_whitespace().next().unwrap_or_default().clone_into(&mut status),
            "diagnostic-code" => value.split_whitespace().collect::<Vec<_>>().join(" ").clone_into(&mut said),
            _ => {}
        }
    }
    if !failed {
        return None;
    }
    let kind = if is_hard_bounce(&status) { Return::HardBounce } else { Return::SoftBounce };
    let detail = format!("{status} {said}").trim().chars().filter(|c| !c.is_control()).take(1000).collect();
    Some(Report { kind, detail })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::keys::generate;

    fn verp() -> Verp {
        let keys = Keys::new(Some(&generate().expect("random")), []).expect("a key");
        Verp::new(Some("bounces@shop.example"), &keys).expect("fits").expect("set")
    }

    #[test]
    fn an_envelope_sender_says_which_mail_it_was_and_nobody_makes_one() {
        let (verp, id) = (verp(), EffectId(uuid::Uuid::from_u128(0x1234_5678_9abc_def0_1122_3344_5566_7788)));
        let sender = verp.sender(id).expect("an address").to_string();
        assert!(sender.starts_with("bounces+") && sender.len() < 64 + 14, "{sender}");
        for seen in [sender.clone(), sender.to_uppercase(), format!("<{sender}>")] {
            assert_eq!(verp.mail(&seen), Some(id), "{seen}");
        }
        for at in "bounces+".len().."bounces+".len() + TOKEN_LETTERS - 1 {
            let mut other = sender.clone().into_bytes();
            other[at] = if other[at] == b'a' { b'b' } else { b'a' };
            assert_eq!(verp.mail(&String::from_utf8(other).expect("letters")), None);
        }
        let longer = sender.replace('@', "a@");
        for other in
            ["bounces@shop.example", "", "bounces+@shop.example", &longer, &sender.replace("shop", "evil")]
        {
            assert_eq!(verp.mail(other), None, "{other}");
        }
        assert_eq!(self::verp().mail(&sender), None, "of another key");
    }

    #[test]
    fn what_can_be_no_address_is_said_at_once() {
        let keys = Keys::new(Some(&generate().expect("random")), []).expect("a key");
        for (address, keys, words) in [
            ("bounces", &keys, "mail.bounce_address"),
            ("a-very-long-name-for-bounces@shop.example", &keys, "letters"),
            ("bounces@shop.example", &Keys::default(), "mail.bounce_address"),
        ] {
            let said = format!("{:#}", Verp::new(Some(address), keys).expect_err("no address"));
            assert!(said.contains(words), "{said}");
        }
    }

    fn report(action: &str, status: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mx.example\r\nTo: bounces+x@shop.example\r\nSubject: Undelivered\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"b\"\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nStatus: 5.1.1 is what they say\r\n\
             --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
             Final-Recipient: rfc822; ada@example.com\r\nAction: {action}\r\nStatus: {status}\r\n\
             Diagnostic-Code: smtp; 550 {status}\r\n  no such user\r\n\r\n\
             --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Hi\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
        )
    }

    #[test]
    fn a_report_says_whether_the_mailbox_is_there() {
        let hard = read_report(&report("failed", "5.1.1")).expect("a report");
        assert_eq!(
            (hard.kind, hard.detail.as_str()),
            (Return::HardBounce, "5.1.1 smtp; 550 5.1.1 no such user")
        );
        assert_eq!(read_report(&report("failed", "5.2.2")).map(|of| of.kind), Some(Return::SoftBounce));
        assert_eq!(read_report(&report("delayed", "4.4.1")), None);
        for other in [
            "",
            "\r\n",
            "Subject: hi\r\n\r\nStatus: 5.1.1\r\nAction: failed\r\n",
            &report("failed", "5.1.1")[..300],
        ] {
            assert_eq!(read_report(other), None, "{other}");
        }
        let unix = report("failed", "5.1.1").replace("\r\n", "\n");
        assert_eq!(read_report(&unix).map(|of| of.kind), Some(Return::HardBounce));
    }
}
