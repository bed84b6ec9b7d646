//! The installation's master key, and what is made of it: encryption of secrets, signatures of links. No I/O.
//!
//! 32 random bytes. None of them is used itself: HKDF-SHA256 gives a key of its own to each purpose, so that what signs
//! links tells nothing of what encrypts.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// Bytes of a master key.
pub const KEY_BYTES: usize = 32;

/// How to get a key; said wherever one is missing.
pub const HOW_TO_GET_ONE: &str = "make one with `openssl rand -base64 32 > secrets.key`, and name the file as \
    `secrets.key_file` (THENDO_SECRETS__KEY_FILE) wherever thendo runs on this database; `thendo up` makes its own";

/// Why something that needs a key can't be done. Tells no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// None is set.
    #[error("this installation has no key: {HOW_TO_GET_ONE}")]
    Missing,
    /// What is set is none.
    #[error("it is no key: a key is 32 bytes in base64 (44 letters), as `openssl rand -base64 32` gives")]
    NoKey,
    /// It was encrypted with a key that is not among those that are set.
    #[error("it was encrypted with the key `{0}`, which is not set: name that key in `secrets.old_keys`")]
    Unknown(String),
    /// The key is there, but does not open it.
    #[error(
        "it can't be opened with its key `{0}`: it was changed, or belongs to something else; store it anew"
    )]
    Broken(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// Something encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which key did it.
    pub key_id: String,
    /// Used once with that key.
    pub nonce: Vec<u8>,
    /// With its tag at the end.
    pub ciphertext: Vec<u8>,
}

/// The key in use and those before it. Shows none of them.
#[derive(Default)]
pub struct Keys {
    /// The first is in use; those behind it only open what they once sealed.
    all: Vec<Key>,
}

struct Key {
    id: String,
    prk: Prk,
    aead: LessSafeKey,
}

/// Signs for one purpose, and knows its own signatures, also those by old keys.
pub struct Signer {
    keys: Vec<hmac::Key>,
}

/// A new master key, as it is written in a file or a setting.
///
/// # Errors
/// [`KeyError::NoRandomness`].
pub fn generate() -> Result<SecretString, KeyError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    rand::fill(&mut *bytes).map_err(|_| KeyError::NoRandomness)?;
    Ok(STANDARD.encode(*bytes).into())
}

/// Whether a text is a master key.
pub fn is_key(text: &SecretString) -> bool {
    read(text).is_some()
}

fn read(text: &SecretString) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let bytes = Zeroizing::new(STANDARD.decode(text.expose_secret().trim()).ok()?);
    <[u8; KEY_BYTES]>::try_from(&bytes[..]).ok().map(Zeroizing::new)
}

impl Keys {
    /// The key in use, if there is one, and old ones.
    ///
    /// # Errors
    /// [`KeyError::NoKey`].
    pub fn new<'a>(
        current: Option<&'a SecretString>,
        old: impl IntoIterator<Item = &'a SecretString>,
    ) -> Result<Self, KeyError> {
        let Some(current) = current else { return Ok(Self::default()) };
        let texts = std::iter::once(current).chain(old);
        let keys = texts.map(|text| Key::new(&*read(text).ok_or(KeyError::NoKey)?));
        Ok(Self { all: keys.collect::<Result<_, _>>()? })
    }

    fn current(&self) -> Result<&Key, KeyError> {
        self.all.first().ok_or(KeyError::Missing)
    }

    /// The public name of the key in use.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    pub fn id(&self) -> Result<&str, KeyError> {
        self.current().map(|key| key.id.as_str())
    }

    /// Whether it is the key in use or an old one.
    pub fn knows(&self, id: &str) -> bool {
        self.all.iter().any(|key| key.id == id)
    }

    /// Encrypts. What it belongs to must be said again to open it.
    ///
    /// # Errors
    /// [`KeyError::Missing`], [`KeyError::NoRandomness`].
    pub fn seal(&self, secret: &SecretString, belongs_to: &str) -> Result<Sealed, KeyError> {
        let key = self.current()?;
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| KeyError::NoRandomness)?;
        let mut text = Zeroizing::new(secret.expose_secret().as_bytes().to_vec());
        let tag = key
            .aead
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(belongs_to.as_bytes()),
                &mut text,
            )
            .map_err(|_| KeyError::Broken(key.id.clone()))?;
        // What stands there now is the ciphertext.
        let ciphertext = [&text[..], tag.as_ref()].concat();
        Ok(Sealed { key_id: key.id.clone(), nonce: nonce.to_vec(), ciphertext })
    }

    /// Decrypts what [`Keys::seal`] gave, by the key in use or an old one.
    ///
    /// # Errors
    /// [`KeyError::Missing`], [`KeyError::Unknown`], [`KeyError::Broken`].
    pub fn open(&self, sealed: &Sealed, belongs_to: &str) -> Result<SecretString, KeyError> {
        self.current()?;
        let key = self.all.iter().find(|key| key.id == sealed.key_id);
        let key = key.ok_or_else(|| KeyError::Unknown(sealed.key_id.clone()))?;
        let broken = || KeyError::Broken(key.id.clone());
        let nonce = Nonce::try_assume_unique_for_key(&sealed.nonce).map_err(|_| broken())?;
        let mut text = Zeroizing::new(sealed.ciphertext.clone());
        let aad = Aad::from(belongs_to.as_bytes());
        let opened = key.aead.open_in_place(nonce, aad, &mut text).map_err(|_| broken())?;
        std::str::from_utf8(opened).map(|text| text.to_owned().into()).map_err(|_| broken())
    }

    /// 32 bytes for one purpose, from the key in use: the same as long as it is.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    pub fn derived(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        self.current()?.derived(purpose)
    }

    /// Signs for one purpose.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    pub fn signer(&self, purpose: &str) -> Result<Signer, KeyError> {
        self.current()?;
        let key = |key: &Key| Ok(hmac::Key::new(hmac::HMAC_SHA256, &*key.derived(purpose)?));
        Ok(Signer { keys: self.all.iter().map(key).collect::<Result<_, KeyError>>()? })
    }
}

impl Key {
    fn new(master: &[u8]) -> Result<Self, KeyError> {
        let prk = Salt::new(HKDF_SHA256, b"thendo").extract(master);
        let id = expanded(&prk, "key id")?[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        let aead = UnboundKey::new(&AES_256_GCM, &*expanded(&prk, "aead")?).map_err(|_| KeyError::NoKey)?;
        Ok(Self { id, prk, aead: LessSafeKey::new(aead) })
    }

    fn derived(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        expanded(&self.prk, &format!("for {purpose}"))
    }
}

fn expanded(prk: &Prk, label: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut out = Zeroizing::new([0; 32]);
    let label = [label.as_bytes()];
    let filled = prk.expand(&label, HKDF_SHA256).and_then(|okm| okm.fill(&mut *out));
    filled.map(|()| out).map_err(|_| KeyError::NoKey)
}

impl Signer {
    /// The signature, by the key in use.
    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        if let Some(key) = self.keys.first() {
            out.copy_from_slice(hmac::sign(key, message).as_ref());
        }
        out
    }

    /// Whether a signature is ours, by any of the keys; it takes the same time wherever it is wrong.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.keys.iter().any(|key| hmac::verify(key, message, signature).is_ok())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.iter().map(|key| &key.id)).finish()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(****)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(current: &SecretString, old: &[&SecretString]) -> Keys {
        Keys::new(Some(current), old.iter().copied()).expect("keys")
    }

    #[test]
    fn what_is_sealed_opens_for_what_it_belongs_to_alone() {
        let (key, other) = (generate().expect("a key"), generate().expect("a key"));
        let keys_ = keys(&key, &[]);
        let sealed = keys_.seal(&"geheim".into(), "stripe").expect("sealed");
        assert!(!sealed.ciphertext.windows(6).any(|part| part == b"geheim"));
        assert_eq!(keys_.open(&sealed, "stripe").expect("opened").expose_secret(), "geheim");
        let broken = KeyError::Broken(sealed.key_id.clone());
        assert_eq!(keys_.open(&sealed, "slack").expect_err("another's"), broken);
        for at in 0..sealed.ciphertext.len() {
            let mut changed = sealed.clone();
            changed.ciphertext[at] ^= 1;
            assert_eq!(keys_.open(&changed, "stripe").expect_err("changed"), broken);
        }
        let unknown = KeyError::Unknown(sealed.key_id.clone());
        assert_eq!(keys(&other, &[]).open(&sealed, "stripe").expect_err("another key"), unknown);
        assert_eq!(keys(&other, &[&key]).open(&sealed, "stripe").expect("old").expose_secret(), "geheim");
        assert_ne!(keys_.seal(&"geheim".into(), "stripe").expect("sealed"), sealed, "nonces are used once");
    }

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        // Values that must never change: links in mails that are out are signed with them.
        let key: SecretString = STANDARD.encode([7; KEY_BYTES]).into();
        let keys_ = keys(&key, &[]);
        assert_eq!(keys_.id().expect("an id"), "2d5d5b99d72a");
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&keys_.derived("unsubscribe").expect("derived")[..8]), "15233abe7e5732f3");
        assert_ne!(*keys_.derived("unsubscribe").expect("one"), *keys_.derived("tracking").expect("two"));
    }

    #[test]
    fn signatures_outlive_a_change_of_keys() {
        let (old, new) = (generate().expect("a key"), generate().expect("a key"));
        let before = keys(&old, &[]).signer("links").expect("a signer");
        let after = keys(&new, &[&old]).signer("links").expect("a signer");
        let signed = before.sign(b"customer 1");
        assert!(after.verifies(b"customer 1", &signed) && before.verifies(b"customer 1", &signed));
        assert!(!after.verifies(b"customer 2", &signed));
        assert!(!after.verifies(b"customer 1", &signed[..31]) && !after.verifies(b"customer 1", b""));
        assert!(!before.verifies(b"customer 1", &after.sign(b"customer 1")), "signed with the new one");
        assert!(!keys(&new, &[&old]).signer("other").expect("one").verifies(b"customer 1", &signed));
    }

    #[test]
    fn without_a_key_it_is_said_what_to_do() {
        let none = Keys::new(None, []).expect("no keys");
        for error in [
            none.seal(&"x".into(), "x").expect_err("no key"),
            none.derived("x").expect_err("no key"),
            none.signer("x").expect_err("no key"),
            none.id().map(str::to_owned).expect_err("no key"),
        ] {
            assert!(error.to_string().contains("openssl rand -base64 32"), "{error}");
        }
        for text in ["", "short", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33]), "ä"] {
            assert!(!is_key(&text.into()), "{text}");
        }
        assert!(is_key(&format!("  {}\n", STANDARD.encode([1; 32])).into()));
        assert!(!format!("{:?}", keys(&generate().expect("one"), &[])).contains("Prk"));
    }
}
