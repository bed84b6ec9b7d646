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
    /// Who must have issued such a token: `https://PROJECT.supabase.co/auth/v1`. Without it that is not asked.
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

impl Api {
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
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Api;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        let is_good = |url: &str| Api { jwks_url: Some(url.into()), ..Api::default() }.check().is_ok();
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
}
