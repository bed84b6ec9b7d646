//! Who opens a campaign's mail and follows its links: links and a pixel that name a recipient without showing who that is. A
//! link holds its own target, signed: what was in no mail of ours leads nowhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;
use uuid::Uuid;

use super::links::rewritten;
use crate::domain::ids::EffectId;
use crate::domain::keys::{Keys, Signer};
use crate::domain::mail::UNSUBSCRIBE_MARK;
use crate::domain::settings::Settings;

/// What is signed for: nothing else that was signed counts as one.
const PURPOSE: &str = "tracking";
const ID_BYTES: usize = 16;
const SIGNATURE_BYTES: usize = 32;
/// Bytes of an address that is longer than this lead there directly.
const MAX_URL: usize = 2000;
/// No address makes a longer one.
const MAX_TOKEN: usize = (ID_BYTES + SIGNATURE_BYTES + MAX_URL) * 4 / 3 + 4;
/// Bytes that the HTML of a tracked mail may have.
const MAX_HTML: usize = 1024 * 1024;

/// What a signature is of.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Of {
    Open = b'o',
    Click = b'c',
}

/// Makes links, and reads them again. Without a URL that leads here, or without a key, nothing is tracked.
#[derive(Debug, Default)]
pub struct Tracking {
    public_url: Option<String>,
    signer: Option<Signer>,
}

impl Tracking {
    /// As the settings say.
    pub fn from_settings(settings: &Settings, keys: &Keys) -> Self {
        let public_url = settings.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        Self { public_url, signer: keys.signer(PURPOSE).ok() }
    }

    /// The HTML with its links and the pixel in place. One that would grow too long stays as it is.
    pub(super) fn tracked(&self, html: String, mail: EffectId) -> String {
        let (Some(base), Some(signer)) = (&self.public_url, &self.signer) else { return html };
        let pixel = format!(
            "<img src=\"{}/o/{}\" alt=\"\" width=\"1\" height=\"1\">",
            html_escape::encode_double_quoted_attribute(base),
            token(signer, Of::Open, mail.0, "")
        );
        let way_out = format!("{base}/unsubscribe/");
        let anew = |address: &str| {
            let target = target(address)?;
            let is_ours = target.starts_with(&way_out) || target.starts_with(UNSUBSCRIBE_MARK);
            (!is_ours).then(|| format!("{base}/c/{}", token(signer, Of::Click, mail.0, &target)))
        };
        let tracked = rewritten(&html, anew, &pixel);
        if tracked.len() <= MAX_HTML { tracked } else { html }
    }

    /// Whose mail a pixel is of; none if it is not ours.
    pub fn opened(&self, token: &str) -> Option<Uuid> {
        self.read(Of::Open, token).filter(|(_, rest)| rest.is_empty()).map(|(recipient, _)| recipient)
    }

    /// Whose mail a link is of, and where it leads; none if it is not ours.
    pub fn clicked(&self, token: &str) -> Option<(Uuid, String)> {
        self.read(Of::Click, token)
    }

    fn read(&self, of: Of, token: &str) -> Option<(Uuid, String)> {
        let bytes = URL_SAFE_NO_PAD.decode(Some(token).filter(|token| token.len() <= MAX_TOKEN)?).ok()?;
        let (signature, said) = bytes.split_at_checked(SIGNATURE_BYTES)?;
        let is_ours = self.signer.as_ref()?.verifies(&[&[of as u8], said].concat(), signature);
        let (recipient, url) = said.split_at_checked(ID_BYTES).filter(|_| is_ours)?;
        Some((Uuid::from_slice(recipient).ok()?, std::str::from_utf8(url).ok()?.to_owned()))
    }
}

fn token(signer: &Signer, of: Of, recipient: Uuid, url: &str) -> String {
    let said = [&recipient.as_bytes()[..], url.as_bytes()].concat();
    let signature = signer.sign(&[&[of as u8], &said[..]].concat());
    URL_SAFE_NO_PAD.encode([&signature[..], &said].concat())
}

/// The address as a header can say it; none if it is none of the web's, or one that browsers would have to mend.
fn target(address: &str) -> Option<String> {
    let starts = |with: &str| address.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    if !(starts("http://") || starts("https://")) || address.contains(|c: char| c.is_control() || c == '\\') {
        return None;
    }
    let url = Url::parse(address).ok().filter(|url| url.has_host())?;
    let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic());
    let target = if is_plain { address.to_owned() } else { url.into() };
    (target.len() <= MAX_URL).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::keys::generate;

    fn tracking() -> Tracking {
        let keys = Keys::new(Some(&generate().expect("random")), []).expect("a key");
        Tracking { public_url: Some("https://m.example/t".into()), signer: keys.signer(PURPOSE).ok() }
    }

    /// What stands between the first of one and the next of the other.
    fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
        text.split(from).nth(1).and_then(|rest| rest.split(to).next()).expect(text)
    }

    #[test]
    fn a_link_leads_where_it_led_and_says_whose_it_is() {
        let (tracking, mail) = (tracking(), EffectId(Uuid::now_v7()));
        for (href, target) in [
            ("http://shop.example", "http://shop.example"),
            ("HTTPS://shop.example/a?b=1&amp;c=%20&d=#e", "HTTPS://shop.example/a?b=1&c=%20&d=#e"),
            ("https://shop.example/ü b", "https://shop.example/%C3%BC%20b"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            ("https://m.example/other", "https://m.example/other"),
        ] {
            let html = tracking.tracked(format!("<a href=\"{href}\">x</a>"), mail);
            let link = between(&html, "href=\"https://m.example/t/c/", "\"");
            assert!(link.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{link}");
            assert_eq!(tracking.clicked(link), Some((mail.0, target.to_owned())), "{html}");
            assert_eq!(tracking.opened(link), None, "a link is no pixel");
            let pixel = between(&html, "src=\"https://m.example/t/o/", "\"");
            assert_eq!((tracking.opened(pixel), tracking.clicked(pixel)), (Some(mail.0), None));
        }
    }

    #[test]
    fn what_is_not_the_webs_or_the_way_out_stays() {
        let (tracking, mail) = (tracking(), EffectId(Uuid::now_v7()));
        let long = format!("https://x.example/{}", "x".repeat(MAX_URL));
        for href in [
            "mailto:a@b.c",
            "tel:+43",
            "#top",
            "/here",
            "//x.example",
            "javascript:alert(1)",
            "http:x.example",
            "http://",
            "https:\\\\x.example",
            "https://x.example/&#10;Set-Cookie:x",
            "https://x.example/&#x5c;y",
            "https://m.example/t/unsubscribe/abc",
            UNSUBSCRIBE_MARK,
            crate::domain::mail::UNSUBSCRIBE_MARK_IN_HTML,
            &long,
        ] {
            let link = format!("<a href=\"{href}\">");
            let html = tracking.tracked(link.clone(), mail);
            assert!(html.starts_with(&link) && html.contains("/t/o/"), "{html}");
        }
        let many = "<a href=\"https://x.example\">".repeat(10_000);
        assert_eq!(tracking.tracked(many.clone(), mail), many, "too long");
        for without in [
            Tracking::default(),
            Tracking { public_url: None, ..self::tracking() },
            Tracking { signer: None, ..self::tracking() },
        ] {
            let html = "<a href=\"https://x.example\">";
            assert_eq!(without.tracked(html.into(), mail), html);
        }
    }

    #[test]
    fn what_is_not_ours_leads_nowhere() {
        let (tracking, id) = (tracking(), Uuid::now_v7());
        let signer = tracking.signer.as_ref().expect("a signer");
        let token = token(signer, Of::Click, id, "https://x.example/");
        assert!(tracking.clicked(&token).is_some());
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("letters");
            assert_eq!(tracking.clicked(&other), None, "{at}");
        }
        for wrong in ["", "x", "%%%", "ä", &"A".repeat(100_000), &token[..20], &format!("{token}AAAA")] {
            assert_eq!((tracking.clicked(wrong), tracking.opened(wrong)), (None, None), "{wrong}");
        }
        assert_eq!(self::tracking().clicked(&token), None, "another's key");
    }
}
