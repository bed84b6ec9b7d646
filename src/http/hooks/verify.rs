//! Whether a request comes from who has the secret. Judged on the raw bytes, in constant time.

use aws_lc_rs::{digest, hmac};
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use crate::outside::signing;

/// A signature's time may be so far from ours, in seconds.
const TOLERANCE: i64 = 300;
/// Signatures that one request may bring.
const MOST_SIGNATURES: usize = 20;

/// A request as it is verified.
pub(super) struct Came<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    /// The database's clock.
    pub(super) now: i64,
}

impl Came<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether it is signed by the scheme with the secret. `Err` if the secret can't be one of the scheme's.
    pub(super) fn is_signed(&self, scheme: &str, secret: &SecretString) -> Result<bool, &'static str> {
        let signed = match scheme {
            "standard" => self.standard(&signing::key_of(secret)?),
            "stripe" => self.stripe(&key(secret)),
            "github" => self.github(&key(secret)),
            "token" => self.token(secret),
            _ => return Err("it is verified in a way that this thendo does not know"),
        };
        Ok(signed.unwrap_or(false))
    }

    fn is_now(&self, seconds: i64) -> bool {
        self.now.checked_sub(seconds).is_some_and(|age| (-TOLERANCE..=TOLERANCE).contains(&age))
    }

    fn standard(&self, key: &hmac::Key) -> Option<bool> {
        let (id, time) = (self.header("webhook-id")?, self.header("webhook-timestamp")?);
        let signed = [id.as_bytes(), b".", time.as_bytes(), b".", self.body];
        let signatures = self.header("webhook-signature")?.split(' ').take(MOST_SIGNATURES);
        let mut given = signatures.filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
        Some(self.is_now(time.parse().ok()?) && given.any(|given| is_of(key, &signed, &given)))
    }

    /// `t=1492774577,v1=…,v1=…`: over time and body.
    fn stripe(&self, key: &hmac::Key) -> Option<bool> {
        let fields =
            self.header("stripe-signature")?.split(',').filter_map(|field| field.trim().split_once('='));
        let fields: Vec<(&str, &str)> = fields.take(MOST_SIGNATURES).collect();
        let (_, time) = fields.iter().find(|(name, _)| *name == "t")?;
        let signed = [time.as_bytes(), b".", self.body];
        let mut given = fields.iter().filter(|(name, _)| *name == "v1").filter_map(|(_, hex)| from_hex(hex));
        Some(self.is_now(time.parse().ok()?) && given.any(|given| is_of(key, &signed, &given)))
    }

    /// GitHub signs neither a time nor a number: who repeats a request is known by its number, as GitHub advises.
    fn github(&self, key: &hmac::Key) -> Option<bool> {
        let given = from_hex(self.header("x-hub-signature-256")?.strip_prefix("sha256=")?)?;
        Some(is_of(key, &[self.body], &given))
    }

    fn token(&self, secret: &SecretString) -> Option<bool> {
        let bearer = self.header("authorization").and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        let given = bearer.or_else(|| self.header("x-webhook-token"))?;
        // Of equal length, whatever was given.
        let hashed = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
        let (given, wanted) = (hashed(given), hashed(secret.expose_secret()));
        Some(aws_lc_rs::constant_time::verify_slices_are_equal(given.as_ref(), wanted.as_ref()).is_ok())
    }
}

fn key(secret: &SecretString) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes())
}

fn is_of(key: &hmac::Key, parts: &[&[u8]], given: &[u8]) -> bool {
    hmac::verify(key, &parts.concat(), given).is_ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let pairs =
        digits.chunks_exact(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const NOW: i64 = 1_614_265_330;
    const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn judged(
        scheme: &str,
        secret: &str,
        headers: &[(&str, &str)],
        body: &str,
        now: i64,
    ) -> Result<bool, &'static str> {
        let headers = headers.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, HeaderValue::from_str(value).expect("a value"))
        });
        let headers = headers.collect();
        Came { headers: &headers, body: body.as_bytes(), now }.is_signed(scheme, &secret.into())
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn standard_webhooks_as_their_own_tests_have_them() {
        let body = "{\"test\": 2432232314}";
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let with = |signature: &str, time: &str, body: &str, now: i64| {
            let headers = [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", time),
                ("webhook-signature", signature),
            ];
            judged("standard", SIGNING, &headers, body, now).expect("a secret")
        };
        assert!(with(good, "1614265330", body, NOW));
        assert!(with(&format!("v1a,xx v2,yy v1,AAAA {good}"), "1614265330", body, NOW), "one of several");
        assert!(with(good, "1614265330", body, NOW + 300) && with(good, "1614265330", body, NOW - 300));
        for (signature, time, body, now) in [
            (good, "1614265330", body, NOW + 301),
            (good, "1614265330", body, NOW - 301),
            (good, "1614265331", body, NOW),
            (good, "1614265330", "{\"test\": 2432232315}", NOW),
            ("v1,", "1614265330", body, NOW),
            ("", "1614265330", body, NOW),
            ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=", "1614265330", body, NOW),
            (good, "-9223372036854775808", body, NOW),
            (good, "soon", body, NOW),
        ] {
            assert!(!with(signature, time, body, now), "{signature} {time} {body}");
        }
        assert!(judged("standard", "no-signing-secret", &[], body, NOW).is_err());
        assert!(!judged("standard", SIGNING, &[], body, NOW).expect("a secret"));
    }

    #[test]
    fn stripe_signs_time_and_body_with_the_secret_as_it_stands() {
        let body = "{\"id\": \"evt_1\"}";
        let signed = hmac::sign(&key(&"whsec_test".into()), format!("{NOW}.{body}").as_bytes());
        let good = format!("t={NOW},v1={},v0=00", hex(signed.as_ref()));
        let with = |value: &str, body: &str, now: i64| {
            judged("stripe", "whsec_test", &[("stripe-signature", value)], body, now).expect("known")
        };
        assert!(with(&good, body, NOW) && with(&good, body, NOW + 299));
        let rolled = format!("t={NOW},v1={},v1={}", "0".repeat(64), hex(signed.as_ref()));
        assert!(with(&rolled, body, NOW), "while a secret is being changed there are two");
        assert!(!with(&good, body, NOW + 301) && !with(&good, "{}", NOW));
        assert!(!with(&good.replace("v1=", "v0="), body, NOW));
        for odd in ["", "t=", "v1=", "t=x,v1=y", &format!("t={NOW}"), &format!("t={NOW},v1=zz")] {
            assert!(!with(odd, body, NOW), "{odd}");
        }
    }

    /// The example of GitHub's documentation.
    #[test]
    fn github_signs_the_body() {
        let secret = "It's a Secret to Everybody";
        let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let with = |value: &str, body: &str| {
            judged("github", secret, &[("x-hub-signature-256", value)], body, NOW).expect("known")
        };
        assert!(with(good, "Hello, World!"));
        for (value, body) in
            [(good, "Hello, World?"), (&good[7..], "Hello, World!"), ("sha256=", ""), ("", "")]
        {
            assert!(!with(value, body), "{value}");
        }
    }

    #[test]
    fn a_token_is_the_whole_token() {
        let with =
            |name: &str, value: &str| judged("token", "geheim12", &[(name, value)], "", NOW).expect("known");
        assert!(with("authorization", "Bearer geheim12") && with("authorization", "bearer geheim12"));
        assert!(with("x-webhook-token", "geheim12"));
        for (name, value) in [
            ("authorization", "geheim12"),
            ("authorization", "Basic geheim12"),
            ("authorization", "Bearer geheim1"),
            ("authorization", "Bearer geheim123"),
            ("authorization", "Bearer "),
            ("x-webhook-token", ""),
            ("x-other", "geheim12"),
        ] {
            assert!(!with(name, value), "{name}: {value}");
        }
        assert!(judged("guess", "x", &[], "", NOW).is_err());
    }
}
