//! Signatures of requests, as Standard Webhooks has them: HMAC-SHA256 over id, time and body.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// Bytes that a signing secret has, as the standard says.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The key in a signing secret: `whsec_` and base64.
///
/// # Errors
/// What it must be, in words; never what it is.
pub fn key_of(secret: &SecretString) -> Result<hmac::Key, &'static str> {
    const WRONG: &str = "it is no signing secret: that is `whsec_` and 24 to 64 bytes in base64";
    let text = secret.expose_secret().trim();
    let bytes = STANDARD.decode(text.strip_prefix("whsec_").ok_or(WRONG)?).map_err(|_| WRONG)?;
    let bytes = Zeroizing::new(bytes);
    match BYTES.contains(&bytes.len()) {
        true => Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes)),
        false => Err(WRONG),
    }
}

/// The value of `webhook-signature`.
pub fn signature(key: &hmac::Key, id: &str, seconds: i64, body: &str) -> String {
    let mut context = hmac::Context::with_key(key);
    for part in [id, ".", &seconds.to_string(), ".", body] {
        context.update(part.as_bytes());
    }
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard's own tests.
    #[test]
    fn it_signs_as_the_standard_says() {
        let key = key_of(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).expect("a key");
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_signing_secret_is_told_without_showing_it() {
        for text in
            ["", "geheim", "whsec_", "whsec_Z2VoZWlt", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%"]
        {
            let fault = key_of(&text.into()).map(|_| ()).expect_err(text);
            assert!(fault.contains("whsec_") && !fault.contains("geheim"), "{text}");
        }
    }
}
