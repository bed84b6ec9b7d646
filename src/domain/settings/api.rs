//! The settings of the API and of who comes to it.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::OutOfBounds;
use super::secrets::starred;

/// Who comes to the API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// A session of a browser ends after so many hours, whatever happens.
    pub session_h: u32,
    /// A session of a browser that nobody used for so many minutes has ended.
    pub session_idle_min: u32,
    /// The secret that Supabase signs its accounts' tokens with (HS256), where it is not `jwks_url`.
    #[serde(serialize_with = "starred")]
    pub jwt_secret: Option<SecretString>,
    /// Where the keys are that Supabase signs its accounts' tokens with (ES256, RS256):
    /// `https://PROJECT.supabase.co/auth/v1/.well-known/jwks.json`.
    pub jwks_url: Option<String>,
    /// Who must have issued such a token: `https://PROJECT.supabase.co/auth/v1`. Without it: whoever `jwks_url` belongs to; with
    /// `jwt_secret` alone that is not asked.
    pub jwt_issuer: Option<String>,
    /// Whom such a token must be for.
    pub jwt_audience: String,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            session_h: 168,
            session_idle_min: 720,
            jwt_secret: None,
            jwks_url: None,
            jwt_issuer: None,
            jwt_audience: "authenticated".into(),
        }
    }
}

/// Where issuers have their keys.
const KEYS_BELOW: &str = "/.well-known/jwks.json";

impl Api {
    /// Who must have issued the token of an account, if that is asked.
    pub fn issuer(&self) -> Option<String> {
        let of_url = || self.jwks_url.as_ref()?.strip_suffix(KEYS_BELOW).map(str::to_owned);
        self.jwt_issuer.clone().or_else(of_url)
    }

    pub(super) fn check(&self) -> Result<(), OutOfBounds> {
        if self.jwt_secret.as_ref().is_some_and(|secret| (1..32).contains(&secret.expose_secret().len())) {
            let (value, bounds) = ("too short".into(), "at least 32 letters, as Supabase's own is".into());
            return Err(OutOfBounds { key: "api.jwt_secret", value, bounds });
        }
        let is_good = |url: &String| {
            url::Url::parse(url).is_ok_and(|url| match url.scheme() {
                "https" => url.host_str().is_some(),
                "http" => matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")),
                _ => false,
            })
        };
        match self.jwks_url.as_ref().filter(|url| !is_good(url)) {
            Some(url) => {
                let bounds =
                    "an https address, such as `https://PROJECT.supabase.co/auth/v1/.well-known/jwks.json`";
                Err(OutOfBounds { key: "api.jwks_url", value: format!("`{url}`"), bounds: bounds.into() })
            }
            // Keys of an address that serves several: a token of one of the others must not pass.
            None if self.jwks_url.is_some() && self.issuer().is_none() => {
                let bounds = format!("set, since `api.jwks_url` does not end with `{KEYS_BELOW}`");
                Err(OutOfBounds { key: "api.jwt_issuer", value: "missing".into(), bounds })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Api;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        let is_good = |url: &str| {
            let jwt_issuer = Some("https://shop.example".into());
            Api { jwks_url: Some(url.into()), jwt_issuer, ..Api::default() }.check().is_ok()
        };
        for url in
            ["https://p.supabase.co/auth/v1/.well-known/jwks.json", "http://127.0.0.1:9/x", "http://[::1]/x"]
        {
            assert!(is_good(url), "{url}");
        }
        for url in [
            "http://127.0.0.1.evil.example/x",
            "http://localhost@evil.example/x",
            "http://evil.example",
            "file:///x",
            "x",
        ] {
            assert!(!is_good(url), "{url}");
        }
    }

    #[test]
    fn who_issues_tokens_is_known_where_keys_are_at_an_address() {
        let of = |url: &str| Api { jwks_url: Some(url.into()), ..Api::default() };
        let supabase = of("https://p.supabase.co/auth/v1/.well-known/jwks.json");
        assert_eq!(supabase.issuer().as_deref(), Some("https://p.supabase.co/auth/v1"));
        assert!(supabase.check().is_ok());
        assert_eq!(of("https://keys.example/all.json").check().expect_err("whose?").key, "api.jwt_issuer");
        assert_eq!(Api::default().issuer(), None);
    }
}
