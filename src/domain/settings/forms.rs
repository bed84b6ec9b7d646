//! How settings are read and shown: lists as one text, secrets as stars.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serializer};

use crate::domain::alert::shown_recipient;

/// A list, or one text with commas, as the environment has it.
pub(super) fn listed<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Listed {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Listed::deserialize(from)? {
        Listed::List(list) => list,
        Listed::Text(text) => {
            text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
        }
    })
}

pub(super) fn secrets_listed<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SecretString>, D::Error> {
    Ok(listed(from)?.into_iter().map(SecretString::from).collect())
}

pub(super) fn masked_all<S: Serializer>(secrets: &[SecretString], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(secrets.iter().map(|secret| shown_recipient(secret.expose_secret())))
}

pub(super) fn masked<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(url) => to.serialize_some(&mask_url(url.expose_secret())),
        None => to.serialize_none(),
    }
}

/// A URL that can be shown: the password is stars, whether it stands before the host or in the query.
/// What is no URL is stars altogether.
pub fn mask_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "****".into() };
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    // A stray `/`, `?` or `#` in a password would end the authority too early: then show nothing of it.
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:****@{host}"),
            None => format!("{user}@{host}"),
        },
        None if rest.contains('@') || query.is_some_and(|query| query.contains('@')) => {
            return format!("{scheme}://****");
        }
        None => authority.to_owned(),
    };
    let query = query.map_or_else(String::new, |query| {
        let shown = query.split('&').map(|pair| match pair.split_once('=') {
            Some((key, _)) if key.to_lowercase().contains("pass") => format!("{key}=****"),
            _ => pair.to_owned(),
        });
        format!("?{}", shown.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{authority}{path}{query}")
}
