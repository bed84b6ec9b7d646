//! Everybody who might come: with keys and tokens that are good, old, forged, or somebody else's.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::makes_key;
use crate::support::Shop;

/// What accounts' tokens are signed with in these tests.
pub const SECRET: &str = "a secret of thirty-two letters, or more of them";

/// An account; an admin's if that is said.
pub async fn account(shop: &Shop, is_admin: bool) -> Uuid {
    let id = Uuid::new_v4();
    shop.db
        .execute("insert into auth.users (id, email) values ($1, $2)", &[&id, &format!("{id}@example.com")])
        .await
        .expect("an account");
    if is_admin {
        shop.db
            .execute("insert into user_roles (user_id, role) values ($1, 'admin')", &[&id])
            .await
            .expect("an admin");
    }
    id
}

/// The claims of an account's token, as Supabase writes them.
pub fn claims(account: Uuid) -> Value {
    let now = chrono::Utc::now().timestamp();
    json!({
        "sub": account, "aud": "authenticated", "role": "authenticated", "iss": "https://shop.example/auth/v1",
        "iat": now, "exp": now + 3600, "user_metadata": {"role": "admin"}, "app_metadata": {"role": "admin"},
    })
}

/// A token, signed with the secret.
pub fn token(claims: &Value) -> String {
    signed(claims, SECRET)
}

pub fn signed(claims: &Value, secret: &str) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret.as_bytes()))
        .expect("signed")
}

/// A token that says it needs no signature.
fn unsigned(claims: &Value) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(claims))
}

/// Callers who are nobody: what they show, and the status that they meet at every closed route.
pub async fn strangers(shop: &Shop) -> Vec<(&'static str, Option<String>, u16)> {
    let admin = account(shop, true).await;
    let customer = account(shop, false).await;
    let revoked = makes_key(shop, "revoked", &["read", "author", "operate", "secrets", "admin"]).await;
    let (code, _, err) = shop.thendo(&["keys", "revoke", "revoked"]).await;
    assert_eq!(code, Some(0), "{err}");
    let expired_key = makes_key(shop, "expired", &["read", "author", "operate", "secrets", "admin"]).await;
    shop.db
        .execute("update api_keys set expires_at = now() - interval '1 second' where name = 'expired'", &[])
        .await
        .expect("expired");
    let but = |field: &str, value: Value| {
        let mut claims = claims(admin);
        claims[field] = value;
        claims
    };
    let mut without_exp = claims(admin);
    without_exp.as_object_mut().expect("claims").remove("exp");
    let past = chrono::Utc::now().timestamp() - 60;
    let good = token(&claims(admin));
    let (head, _) = good.rsplit_once('.').expect("a signature");
    let (_, other_signature) = {
        let other = token(&claims(customer));
        let (head, signature) =
            other.rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("parts");
        (head, signature)
    };
    let bearer = |token: String| Some(format!("Bearer {token}"));
    vec![
        ("anon", None, 401),
        ("rubbish", bearer("rubbish".into()), 401),
        ("nothing behind Bearer", Some("Bearer ".into()), 401),
        ("basic", Some("Basic YWRtaW46YWRtaW4=".into()), 401),
        ("a key that is none", bearer(format!("thendo_{}", "A".repeat(43))), 401),
        ("a key cut short", bearer(revoked[..20].to_owned()), 401),
        ("a revoked key", bearer(revoked), 401),
        ("an expired key", bearer(expired_key), 401),
        ("an expired token", bearer(token(&but("exp", past.into()))), 401),
        ("a token without an end", bearer(token(&without_exp)), 401),
        ("a token that is not yet good", bearer(token(&but("nbf", (past + 3600).into()))), 401),
        ("a token for others", bearer(token(&but("aud", "anon".into()))), 401),
        ("a token from others", bearer(token(&but("iss", "https://evil.example".into()))), 401),
        ("a token of nobody", bearer(token(&but("sub", Value::Null))), 401),
        (
            "a forged token",
            bearer(signed(&claims(admin), "another secret of thirty-two letters, or more")),
            401,
        ),
        ("another's signature", bearer(format!("{head}.{other_signature}")), 401),
        ("no signature", bearer(unsigned(&claims(admin))), 401),
        ("a customer", bearer(token(&claims(customer))), 403),
    ]
}
