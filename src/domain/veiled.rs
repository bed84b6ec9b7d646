//! Text in which stored secrets stand by their names. Their values are put in right before it leaves, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// Bytes of the longest name of a secret.
const LONGEST_NAME: usize = 63;

/// Whether a secret can be stored under such a name: small letters, digits and `_`, beginning with a letter.
pub fn is_secret_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Secrets by their names, for one attempt at a delivery.
pub type Revealed = BTreeMap<String, SecretString>;

/// Text in which stored secrets stand by their names. What is text and what is a name is told by its structure, never by
/// letters: a text that reads like a secret's name is a text.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Veiled(Vec<Piece>);

/// A part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Piece {
    /// These very letters.
    Text(String),
    /// What is stored under the name.
    Secret {
        /// The name.
        secret: String,
    },
}

/// As it is stored: plain text is a plain text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Plain(String),
    Pieces(Vec<Piece>),
}

impl From<Written> for Veiled {
    fn from(written: Written) -> Self {
        match written {
            Written::Plain(text) => text.into(),
            Written::Pieces(pieces) => Self(pieces),
        }
    }
}

impl From<Veiled> for Written {
    fn from(veiled: Veiled) -> Self {
        match veiled.plain() {
            Some(_) => Self::Plain(veiled.to_string()),
            None => Self::Pieces(veiled.0),
        }
    }
}

impl<T: Into<String>> From<T> for Veiled {
    fn from(text: T) -> Self {
        Self(vec![Piece::Text(text.into())])
    }
}

impl FromIterator<Piece> for Veiled {
    fn from_iter<I: IntoIterator<Item = Piece>>(pieces: I) -> Self {
        Self(pieces.into_iter().collect())
    }
}

impl Veiled {
    /// The text, if no secret is in it.
    pub fn plain(&self) -> Option<String> {
        let texts = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Secret { .. } => None,
        });
        texts.collect()
    }

    /// The names of the secrets in it.
    pub fn names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for piece in &self.0 {
            if let Piece::Secret { secret } = piece {
                names.insert(secret.as_str());
            }
        }
        names
    }

    /// Its parts, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// With the same letters in place of each secret: its shape, for checks that need no values.
    pub fn with_secrets_as(&self, letters: &str) -> String {
        let shown = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Secret { .. } => letters,
        });
        shown.collect()
    }

    /// Without white space at its ends.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        if let Some(Piece::Text(text)) = self.0.first_mut() {
            *text = text.trim_start().to_owned();
        }
        if let Some(Piece::Text(text)) = self.0.last_mut() {
            *text = text.trim_end().to_owned();
        }
        self
    }

    /// With the secrets' values, each spelled as it must be there. A name without a value is left out.
    pub fn revealed(
        &self,
        secrets: &Revealed,
        spelled: impl Fn(&str) -> Zeroizing<String>,
    ) -> Zeroizing<String> {
        let value = |piece: &Piece| match piece {
            Piece::Text(text) => Zeroizing::new(text.clone()),
            Piece::Secret { secret } => {
                secrets.get(secret).map(|value| spelled(value.expose_secret())).unwrap_or_default()
            }
        };
        let values: Vec<Zeroizing<String>> = self.0.iter().map(value).collect();
        // With all room from the start: what grows leaves copies behind.
        let mut out = Zeroizing::new(String::with_capacity(values.iter().map(|value| value.len()).sum()));
        values.iter().for_each(|value| out.push_str(value));
        out
    }
}

/// A value as it stands.
pub fn as_it_is(value: &str) -> Zeroizing<String> {
    Zeroizing::new(value.to_owned())
}

/// A value within the quotes of a JSON text.
pub fn as_in_json(value: &str) -> Zeroizing<String> {
    let quoted = Zeroizing::new(serde_json::Value::String(value.to_owned()).to_string());
    Zeroizing::new(quoted[1..quoted.len() - 1].to_owned())
}

impl fmt::Display for Veiled {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => to.write_str(text),
            Piece::Secret { secret } => write!(to, "{{{{ secret(\"{secret}\") }}}}"),
        })
    }
}

impl fmt::Debug for Veiled {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), to)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    fn bearer() -> Veiled {
        [Piece::Text("Bearer ".into()), Piece::Secret { secret: "stripe".into() }].into_iter().collect()
    }

    #[test]
    fn it_is_stored_and_shown_without_values() {
        assert_eq!(bearer().to_string(), r#"Bearer {{ secret("stripe") }}"#);
        assert_eq!(bearer().names(), BTreeSet::from(["stripe"]));
        let stored = to_value(bearer()).expect("JSON");
        assert_eq!(stored, json!(["Bearer ", {"secret": "stripe"}]));
        assert_eq!(from_value::<Veiled>(stored).expect("read"), bearer());
        let secrets = Revealed::from([("stripe".to_owned(), "sk_1".to_owned().into())]);
        assert_eq!(*bearer().revealed(&secrets, as_it_is), "Bearer sk_1");
    }

    #[test]
    fn no_text_is_taken_for_a_name() {
        let secrets = Revealed::from([("stripe".to_owned(), "sk_1".to_owned().into())]);
        for text in
            [r#"{{ secret("stripe") }}"#, r#"["Bearer ", {"secret": "stripe"}]"#, r#"{"secret": "stripe"}"#]
        {
            let plain = Veiled::from(text);
            let stored = to_value(&plain).expect("JSON");
            assert_eq!(stored, json!(text));
            let read = from_value::<Veiled>(stored).expect("read");
            assert!(read.names().is_empty());
            assert_eq!(*read.revealed(&secrets, as_it_is), text);
        }
    }

    #[test]
    fn names_are_those_that_can_be_stored() {
        for name in ["a", "stripe", "a_1", &"a".repeat(63)] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["", "_a", "1a", "A", "a-b", "a.b", "ä", "whsec_c2VjcmV0IQ==", &"a".repeat(64)] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
