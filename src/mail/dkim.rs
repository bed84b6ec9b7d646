//! DKIM signatures (RFC 6376, RFC 8463): relaxed/relaxed, by RSA or Ed25519, over all headers that readers and mail programs act
//! on, the way out of marketing included.
//!
//! Rejected: lettre's own feature, which brings `rsa` (banned here for RUSTSEC-2023-0071) and signs four times slower; and
//! mail-auth, which brings a resolver. What they do beyond aws-lc-rs is this page.

use std::fmt::{self, Write};

use anyhow::{Context, bail};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::domain::settings::Dkim;

/// What is signed where it is there. RFC 8058 wants the List headers among them.
const SIGNED: &[&str] = &[
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];
/// Signed once more than they are there: then nobody adds another that is shown instead.
const NOT_TO_BE_ADDED: &[&str] =
    &["From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post"];
/// A key that is shorter is refused by receivers (RFC 8301).
const LEAST_RSA_BYTES: usize = 128;

/// Signs messages for one domain.
pub struct Signer {
    domain: String,
    selector: String,
    key: Key,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl Signer {
    /// As the settings say; none if they say nothing.
    ///
    /// # Errors
    /// Settings that are incomplete, or a key that can't be read.
    pub fn from_settings(settings: &Dkim) -> anyhow::Result<Option<Self>> {
        let Dkim { domain, selector, key_file } = settings;
        let (domain, selector, file) = match (domain, selector, key_file) {
            (None, None, None) => return Ok(None),
            (Some(domain), Some(selector), Some(file)) => (domain.clone(), selector.clone(), file),
            _ => bail!(
                "DKIM needs all of mail.dkim.domain, mail.dkim.selector and mail.dkim.key_file, or none of them"
            ),
        };
        let key = PrivateKeyDer::from_pem_file(file).with_context(|| {
            format!("mail.dkim.key_file: {} is no private key in PEM, or can't be read", file.display())
        })?;
        let key = Key::read(&key).with_context(|| {
            format!(
                "mail.dkim.key_file: {} must be an RSA key of 1024 bits or more (2048 is usual) or an Ed25519 key; \
                 `openssl genrsa 2048` makes one",
                file.display()
            )
        })?;
        Ok(Some(Self { domain, selector, key }))
    }

    /// The message with its signature before it. `at` in seconds since 1970.
    ///
    /// # Errors
    /// The key can't sign.
    pub fn sign(&self, message: &[u8], at: u64) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        let (head, body) = parts(message);
        let headers = headers(head);
        let mut names = Vec::new();
        for name in SIGNED {
            let times = headers.iter().filter(|(of, _)| of.eq_ignore_ascii_case(name)).count();
            let more = usize::from(NOT_TO_BE_ADDED.contains(name));
            names.extend(std::iter::repeat_n(*name, times + more));
        }
        let mut tags = format!(
            "v=1; a={}; c=relaxed/relaxed; d={};\r\n\ts={}; t={at};\r\n\tbh={};\r\n\th=",
            self.key.algorithm(),
            self.domain,
            self.selector,
            STANDARD.encode(body_hash(body)),
        );
        for (at, name) in names.iter().enumerate() {
            let before = if at == 0 {
                ""
            } else if at % 6 == 0 {
                ":\r\n\t "
            } else {
                ":"
            };
            let _infallible = write!(tags, "{before}{name}");
        }
        tags.push_str(";\r\n\tb=");
        let signature = STANDARD.encode(self.key.sign(&signed_part(&headers, &names, &tags))?);
        let mut signed = Vec::with_capacity(message.len() + tags.len() + signature.len() + 64);
        signed.extend_from_slice(format!("DKIM-Signature: {tags}").as_bytes());
        for (at, part) in signature.as_bytes().chunks(72).enumerate() {
            signed.extend_from_slice(if at == 0 { b"" } else { b"\r\n\t " });
            signed.extend_from_slice(part);
        }
        signed.extend_from_slice(b"\r\n");
        signed.extend_from_slice(message);
        Ok(signed)
    }
}

impl Key {
    fn read(der: &PrivateKeyDer<'_>) -> Option<Self> {
        let rsa = match der {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
            PrivateKeyDer::Pkcs8(der) => {
                if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()) {
                    return Some(Self::Ed25519(Box::new(key)));
                }
                RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok()
            }
            _ => None,
        };
        rsa.filter(|key| key.public_modulus_len() >= LEAST_RSA_BYTES).map(|key| Self::Rsa(Box::new(key)))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)?;
                Ok(signature)
            }
            // RFC 8463: the hash is what is signed.
            Self::Ed25519(key) => Ok(key.sign(digest(&SHA256, text).as_ref()).as_ref().to_vec()),
        }
    }
}

/// Head and body; the empty line between them belongs to neither.
fn parts(message: &[u8]) -> (&[u8], &[u8]) {
    match message.windows(4).position(|at| at == b"\r\n\r\n") {
        Some(end) => (&message[..end + 2], &message[end + 4..]),
        None => (message, b""),
    }
}

/// Names and values, those that were folded in one piece.
fn headers(head: &[u8]) -> Vec<(String, String)> {
    let head = String::from_utf8_lossy(head);
    let mut all: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n") {
        match (line.starts_with([' ', '\t']), line.split_once(':')) {
            (true, _) => all.iter_mut().last().into_iter().for_each(|(_, value)| value.push_str(line)),
            (false, Some((name, value))) => all.push((name.trim_end().to_owned(), value.to_owned())),
            _ => {}
        }
    }
    all
}

/// Runs of blanks are one, and none stand at the end.
fn relaxed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for part in text.split([' ', '\t']).filter(|part| !part.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(part);
    }
    out
}

fn body_hash(body: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(body.len());
    let mut empty = 0;
    let body = body.strip_suffix(b"\r\n").unwrap_or(body);
    for line in body.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let from = out.len();
        let mut blank = false;
        for byte in line {
            match byte {
                b' ' | b'\t' => blank = true,
                _ => {
                    if from == out.len() && empty > 0 {
                        (0..empty).for_each(|_| out.extend_from_slice(b"\r\n"));
                        empty = 0;
                    }
                    if blank {
                        out.push(b' ');
                    }
                    blank = false;
                    out.push(*byte);
                }
            }
        }
        match out.len() > from {
            true => out.extend_from_slice(b"\r\n"),
            false => empty += 1,
        }
    }
    digest(&SHA256, &out).as_ref().to_vec()
}

/// What is signed: the named headers, the last of a name first, and the signature's own header as far as it is known.
fn signed_part(headers: &[(String, String)], names: &[&str], tags: &str) -> Vec<u8> {
    let mut out = String::new();
    let mut taken = vec![false; headers.len()];
    for name in names {
        let found =
            (0..headers.len()).rev().find(|at| !taken[*at] && headers[*at].0.eq_ignore_ascii_case(name));
        // One that is not there stands for itself: nobody may add it.
        let Some(at) = found else { continue };
        taken[at] = true;
        let _infallible = write!(out, "{}:{}\r\n", name.to_ascii_lowercase(), relaxed(&headers[at].1));
    }
    let _infallible = write!(out, "dkim-signature:{}", relaxed(&tags.replace("\r\n", "")));
    out.into_bytes()
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} of {})", self.selector, self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8463, appendix A.
    const MESSAGE: &str = "From: Joe SixPack <joe@football.example.com>\r\n\
        To: Suzie Q <suzie@shopping.example.net>\r\n\
        Subject: Is dinner ready?\r\n\
        Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
        Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\
        \r\n\
        Hi.\r\n\
        \r\n\
        We lost the game.  Are you hungry yet?\r\n\
        \r\n\
        Joe.\r\n";
    const TAGS: &str = "v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n \
        q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n \
        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";
    const SIGNATURE: &str =
        "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==";

    #[test]
    fn the_example_of_the_standard_is_signed_as_it_says() {
        let (head, body) = parts(MESSAGE.as_bytes());
        assert_eq!(STANDARD.encode(body_hash(body)), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
        let names = ["from", "to", "subject", "date", "message-id", "from", "subject", "date"];
        let seed = STANDARD.decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=").expect("base64");
        let key = Key::Ed25519(Box::new(Ed25519KeyPair::from_seed_unchecked(&seed).expect("a key")));
        let signature = key.sign(&signed_part(&headers(head), &names, TAGS)).expect("signed");
        assert_eq!(STANDARD.encode(signature), SIGNATURE);
    }

    #[test]
    fn bodies_are_relaxed_as_the_standard_says() {
        let same = |one: &str, other: &str| {
            assert_eq!(body_hash(one.as_bytes()), body_hash(other.as_bytes()), "{one:?} {other:?}");
        };
        // RFC 6376, 3.4.5 and 3.4.4.
        same(" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");
        same("", "\r\n\r\n");
        same("x", "x\r\n");
        assert_eq!(STANDARD.encode(body_hash(b"")), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_ne!(body_hash(b"a\r\n\r\nb\r\n"), body_hash(b"a\r\nb\r\n"));
        assert_ne!(body_hash(b" a\r\n"), body_hash(b"a\r\n"));
    }

    #[test]
    fn half_of_the_settings_is_none_of_them() {
        assert!(Signer::from_settings(&Dkim::default()).expect("nothing said").is_none());
        let half = Dkim { domain: Some("shop.example".into()), ..Dkim::default() };
        assert!(Signer::from_settings(&half).expect_err("half").to_string().contains("mail.dkim.selector"));
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "no key").expect("written");
        let whole = Dkim { selector: Some("s".into()), key_file: Some(file.path().into()), ..half };
        let said = format!("{:#}", Signer::from_settings(&whole).expect_err("no key"));
        assert!(said.contains("mail.dkim.key_file"), "{said}");
    }
}
