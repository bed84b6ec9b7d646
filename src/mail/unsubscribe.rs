//! The way out of marketing mails: links that name an address without showing it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::keys::{KeyError, Keys, Sealed};
use crate::domain::settings::Settings;

/// What a link is sealed for: nothing else that was sealed opens as one.
const PURPOSE: &str = "unsubscribe";
/// Of a key's public name, and of a nonce.
const ID_BYTES: usize = 6;
const NONCE_BYTES: usize = 12;
/// No address makes a longer one.
const MAX_TOKEN: usize = 600;

/// Makes links, and reads them again.
#[derive(Debug, Clone)]
pub struct WayOut {
    public_url: Option<String>,
    keys: Arc<Keys>,
}

/// Why there is no way out.
#[derive(Debug, thiserror::Error)]
pub enum NoWayOut {
    /// Nobody knows where the pages are.
    #[error(
        "a marketing mail needs a way out, and where that leads is not known: set `public_url` (THENDO_PUBLIC_URL) to where \
         this daemon's pages are reached from outside"
    )]
    NoUrl,
    /// Nothing to seal with.
    #[error("a marketing mail needs a way out: {0}")]
    NoKey(#[from] KeyError),
}

impl WayOut {
    /// As the settings say.
    pub fn from_settings(settings: &Settings, keys: Arc<Keys>) -> Self {
        let public_url = settings.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        Self { public_url, keys }
    }

    /// The link for an address. It lasts as long as the key that sealed it is known, old ones included.
    ///
    /// # Errors
    /// [`NoWayOut`].
    pub fn link(&self, address: &str) -> Result<String, NoWayOut> {
        let base = self.public_url.as_ref().ok_or(NoWayOut::NoUrl)?;
        Ok(format!("{base}/unsubscribe/{}", self.token(address)?))
    }

    fn token(&self, address: &str) -> Result<String, KeyError> {
        let Sealed { key_id, nonce, ciphertext } = self.keys.seal(&SecretString::from(address), PURPOSE)?;
        let id = hex(&key_id).ok_or(KeyError::Unknown(key_id))?;
        Ok(URL_SAFE_NO_PAD.encode([&id[..], &nonce, &ciphertext].concat()))
    }

    /// The address of a link's token; none if it is not ours.
    pub fn address(&self, token: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|_| token.len() <= MAX_TOKEN)?;
        let (id, rest) = bytes.split_at_checked(ID_BYTES)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_BYTES)?;
        let key_id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let sealed = Sealed { key_id, nonce: nonce.to_vec(), ciphertext: ciphertext.to_vec() };
        self.keys.open(&sealed, PURPOSE).ok().map(|address| address.expose_secret().to_owned())
    }
}

fn hex(text: &str) -> Option<[u8; ID_BYTES]> {
    let mut bytes = [0; ID_BYTES];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    (text.len() == ID_BYTES * 2).then_some(bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::keys::generate;

    /// One whose pages are at `https://shop.example`.
    pub(crate) fn way_out(public_url: Option<&str>) -> WayOut {
        let key = generate().expect("random");
        let keys = Arc::new(Keys::new(Some(&key), []).expect("a key"));
        WayOut { public_url: public_url.map(str::to_owned), keys }
    }

    #[test]
    fn a_link_names_its_address_without_showing_it() {
        let way = way_out(Some("https://shop.example"));
        let link = way.link("ada@example.com").expect("a link");
        let token = link.strip_prefix("https://shop.example/unsubscribe/").expect("its place");
        assert!(!link.contains("ada") && !token.contains(['/', '+', '=', '@']), "{link}");
        assert_eq!(way.address(token).as_deref(), Some("ada@example.com"));
    }

    #[test]
    fn what_is_not_ours_opens_nothing() {
        let way = way_out(Some("https://shop.example"));
        let token = way.token("ada@example.com").expect("a token");
        assert_eq!(way_out(None).address(&token), None);
        for at in 0..token.len() {
            let mut other: Vec<u8> = token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("letters");
            assert_ne!(way.address(&other).as_deref(), Some("eve@example.com"));
            // The last letter's spare bits are no part of it.
            assert!(at + 1 == token.len() || way.address(&other).is_none(), "{at}");
        }
        for wrong in ["", "x", "%%%", &"A".repeat(100_000), &token[..10]] {
            assert_eq!(way.address(wrong), None);
        }
        // Sealed for something else.
        let secret = way.keys.seal(&SecretString::from("ada@example.com"), "secrets").expect("sealed");
        let bytes = [&hex(&secret.key_id).expect("hex")[..], &secret.nonce, &secret.ciphertext].concat();
        assert_eq!(way.address(&URL_SAFE_NO_PAD.encode(bytes)), None);
    }

    #[test]
    fn a_link_of_an_old_key_still_opens() {
        let (old, new) = (generate().expect("random"), generate().expect("random"));
        let with = |keys: Keys| WayOut { public_url: None, keys: Arc::new(keys) };
        let token = with(Keys::new(Some(&old), []).expect("a key")).token("a@b.c").expect("a token");
        let rotated = with(Keys::new(Some(&new), [&old]).expect("keys"));
        assert_eq!(rotated.address(&token).as_deref(), Some("a@b.c"));
    }

    #[test]
    fn without_a_url_or_a_key_the_setting_is_named() {
        let no_url = way_out(None).link("a@b.c").expect_err("no URL").to_string();
        assert!(no_url.contains("`public_url`"), "{no_url}");
        let way = WayOut { public_url: Some("https://x.example".into()), keys: Arc::default() };
        assert!(way.link("a@b.c").expect_err("no key").to_string().contains("secrets.key_file"));
    }
}
