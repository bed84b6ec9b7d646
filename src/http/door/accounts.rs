//! Tokens of accounts, as Supabase signs them (JWT). Which algorithm counts is said by the key, never by the token.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use uuid::Uuid;

use super::jwks::Jwks;
use crate::domain::settings::Api;

/// Clocks differ by so many seconds.
const LEEWAY_S: u64 = 10;

/// What is believed of a token. That somebody is an admin is never read from it.
#[derive(Deserialize)]
struct Claims {
    sub: Uuid,
}

/// What a token says.
pub(super) enum Reading {
    /// Whose it is.
    Good(Uuid),
    /// Nothing that is believed.
    Wrong,
    /// The keys to read it by can't be had right now.
    Untold,
}

/// Reads tokens of accounts.
pub(super) struct Accounts {
    secret: Option<DecodingKey>,
    jwks: Option<Jwks>,
    issuer: Option<String>,
    audience: String,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("secret", &self.secret.is_some()).field("jwks", &self.jwks).finish()
    }
}

impl Accounts {
    /// As the settings say. Without secret and address, no token is believed.
    pub(super) fn new(settings: &Api) -> Self {
        let secret = settings.jwt_secret.as_ref().map(|secret| secret.expose_secret().as_bytes());
        Self {
            secret: secret.filter(|secret| !secret.is_empty()).map(DecodingKey::from_secret),
            jwks: settings.jwks_url.clone().map(Jwks::new),
            issuer: settings.issuer(),
            audience: settings.jwt_audience.clone(),
        }
    }

    /// Whose token it is, if it is good.
    pub(super) async fn read(&self, token: &str) -> Reading {
        let Ok(header) = decode_header(token) else { return Reading::Wrong };
        let claimed = match (header.alg, &self.secret, &self.jwks, header.kid) {
            // The secret opens this one algorithm. A public key is never taken for a secret.
            (Algorithm::HS256, Some(secret), ..) => self.claims(token, secret, Algorithm::HS256),
            (Algorithm::ES256 | Algorithm::RS256, _, Some(jwks), Some(name)) => match jwks.key(&name).await {
                Some((key, algorithm)) => self.claims(token, &key, algorithm),
                None if jwks.is_out() => return Reading::Untold,
                None => None,
            },
            _ => None,
        };
        claimed.map_or(Reading::Wrong, Reading::Good)
    }

    fn claims(&self, token: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<Uuid> {
        let mut wanted = Validation::new(algorithm);
        wanted.leeway = LEEWAY_S;
        wanted.validate_nbf = true;
        wanted.set_audience(&[&self.audience]);
        wanted.set_required_spec_claims(&["exp", "aud", "sub"]);
        if let Some(issuer) = &self.issuer {
            wanted.set_issuer(&[issuer]);
            wanted.set_required_spec_claims(&["exp", "aud", "sub", "iss"]);
        }
        decode::<Claims>(token, key, &wanted).ok().map(|read| read.claims.sub)
    }
}
