//! Stars for secrets that come back: in what the other side answers, and in words about what went wrong.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;
use serde_json::Value;

use crate::domain::delivery::{DeliveryError, Reply};
use crate::domain::veiled::{Revealed, as_in_json};

const STARS: &str = "****";
/// Of a URL that is a secret, parts of its path that are so long are secret by themselves.
const LEAST_OF_PATH: usize = 8;

/// Everything that must not come through, longest first.
#[derive(Default)]
pub(super) struct Masks(Vec<Zeroizing<String>>);

impl Masks {
    /// The spellings of these secrets in which an answer may repeat them.
    pub(super) fn of(secrets: &Revealed) -> Self {
        let mut all: Vec<Zeroizing<String>> = Vec::new();
        for value in secrets.values().map(ExposeSecret::expose_secret) {
            all.push(Zeroizing::new(value.to_owned()));
            all.push(Zeroizing::new(value.trim().to_owned()));
            all.push(as_in_json(value));
            all.push(Zeroizing::new(utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()));
            let key = value.strip_prefix("whsec_");
            all.extend(key.map(|key| Zeroizing::new(key.to_owned())));
            // Servers like to say which path it is that they don't have.
            if let Ok(url) = Url::parse(value.trim()) {
                let parts = url.path().split('/').filter(|part| part.len() >= LEAST_OF_PATH);
                all.extend(
                    parts.chain(url.query()).chain([url.path()]).map(|part| Zeroizing::new(part.to_owned())),
                );
            }
        }
        all.retain(|mask| mask.trim().len() > 1);
        all.sort_by_key(|mask| std::cmp::Reverse(mask.len()));
        all.dedup();
        Self(all)
    }

    /// So many bytes more must be read to know whether one stands across an end.
    pub(super) fn longest(&self) -> usize {
        self.0.first().map_or(0, |mask| mask.len())
    }

    /// With stars.
    pub(super) fn text(&self, text: String) -> String {
        self.0.iter().fold(text, |text, mask| match text.contains(mask.as_str()) {
            true => Zeroizing::new(text).replace(mask.as_str(), STARS),
            false => text,
        })
    }

    /// With stars, in names and values alike.
    pub(super) fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(name, value)| (self.text(name), self.json(value))).collect()
            }
            // A secret of digits alone comes back as a number.
            Value::Number(number) => {
                let shown = number.to_string();
                let masked = self.text(shown.clone());
                if masked == shown { Value::Number(number) } else { Value::String(masked) }
            }
            other => other,
        }
    }

    /// With stars in its words.
    pub(super) fn error(&self, error: DeliveryError) -> DeliveryError {
        match error {
            DeliveryError::Transient { peer, trouble, retry_after, source } => DeliveryError::Transient {
                peer: self.text(peer),
                trouble,
                retry_after,
                source: self.text(source.to_string()).into(),
            },
            DeliveryError::Refused { peer, reason } => {
                DeliveryError::Refused { peer: self.text(peer), reason: self.text(reason) }
            }
            // A mail server's: mails carry no secrets.
            DeliveryError::Rejected { peer, reply } => {
                let words = self.text(reply.words);
                DeliveryError::Rejected { peer: self.text(peer), reply: Reply { words, ..reply } }
            }
            DeliveryError::Unknown { peer } => DeliveryError::Unknown { peer: self.text(peer) },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masks(values: &[&str]) -> Masks {
        let secrets = values.iter().enumerate().map(|(n, value)| (n.to_string(), (*value).to_owned().into()));
        Masks::of(&secrets.collect())
    }

    #[test]
    fn a_secret_that_comes_back_is_stars_however_it_is_spelled() {
        let masks = masks(&["sk_\"live\"/1", "12345678"]);
        let said = json!({"you sent": "Bearer sk_\"live\"/1", "raw": "{\"k\":\"sk_\\\"live\\\"/1\"}",
            "url": "?k=sk%5F%22live%22%2F1", "sk_\"live\"/1": [12345678, 5]});
        let masked = masks.json(said);
        assert_eq!(
            masked,
            json!({"you sent": "Bearer ****", "raw": "{\"k\":\"****\"}", "url": "?k=****", "****": ["****", 5]})
        );
    }

    #[test]
    fn of_a_url_the_path_is_secret_too() {
        let masks = masks(&["https://hooks.example.com/services/T0001/B0001/abcdefghijklmnop?k=v1"]);
        assert_eq!(
            masks.text("Cannot POST /services/T0001/B0001/abcdefghijklmnop".into()),
            "Cannot POST ****"
        );
        assert_eq!(
            masks.text("no abcdefghijklmnop at hooks.example.com".into()),
            "no **** at hooks.example.com"
        );
    }

    #[test]
    fn a_longer_one_is_not_cut_by_a_shorter_one_within() {
        assert_eq!(masks(&["geheim12", "geheim12-and-more"]).text("geheim12-and-more".into()), "****");
    }
}
