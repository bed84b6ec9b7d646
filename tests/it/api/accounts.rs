//! Accounts' tokens that are signed with keys at an address: which key counts, and for what.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::{Json, Router, routing::get};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PublicKeyData};
use serde_json::{Value, json};

use super::callers::{SECRET, account, claims, signed};
use super::{Api, ask};

const ISSUER: (&str, &str) = ("THENDO_API__JWT_ISSUER", "https://shop.example/auth/v1");

/// A signing key as Supabase makes one.
struct Key {
    name: String,
    pair: KeyPair,
}

impl Key {
    fn new(name: &str) -> Self {
        Self { name: name.into(), pair: KeyPair::generate().expect("a key") }
    }

    /// As it stands at the address.
    fn public(&self) -> Value {
        let point = self.pair.der_bytes();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.name,
            "x": part(&point[1..33]), "y": part(&point[33..65])})
    }

    fn signs(&self, claims: &Value) -> String {
        self.signs_as(&self.name, claims)
    }

    fn signs_as(&self, name: &str, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(name.into());
        let key = EncodingKey::from_ec_pem(self.pair.serialize_pem().as_bytes()).expect("a key");
        encode(&header, claims, &key).expect("signed")
    }
}

/// The address: what stands there, and how often it was asked for.
#[derive(Clone, Default)]
struct Address {
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicUsize>,
    is_slow: Arc<AtomicBool>,
}

impl Address {
    async fn open(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/jwks.json", listener.local_addr().expect("its address"));
        let serve = async |State(address): State<Address>| {
            address.asked.fetch_add(1, Ordering::Relaxed);
            if address.is_slow.load(Ordering::Relaxed) {
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            }
            let keys = address.keys.lock().expect("a lock").clone();
            Json(json!({"keys": keys}))
        };
        let app = Router::new().route("/jwks.json", get(serve)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    fn holds(&self, keys: &[&Key]) {
        *self.keys.lock().expect("a lock") = keys.iter().map(|key| key.public()).collect();
    }
}

async fn comes(api: &Api, token: &str) -> u16 {
    let shown = format!("Bearer {token}");
    ask(&api.daemon.http, "GET", "/api/v1/workflows", &[("authorization", &shown)], None).await.status
}

#[tokio::test]
async fn the_key_says_which_algorithm_counts_and_may_be_changed() {
    let (address, first, second) = (Address::default(), Key::new("first"), Key::new("second"));
    address.holds(&[&first]);
    let url = address.open().await;
    let api =
        Api::open_with(&[("THENDO_API__JWKS_URL", &url), ISSUER, ("THENDO_API__JWT_SECRET", SECRET)]).await;
    let admin = account(&api.shop, true).await;
    let claims = claims(admin);
    assert_eq!(comes(&api, &first.signs(&claims)).await, 200);
    assert_eq!(comes(&api, &signed(&claims, SECRET)).await, 200, "the old secret counts beside them");

    // A public key is known to all: it must not be taken for a secret.
    let public = first.public();
    let point = first.pair.der_bytes();
    for known in [public["x"].as_str().expect("x"), &public.to_string(), &first.pair.public_key_pem()] {
        assert_eq!(comes(&api, &signed(&claims, known)).await, 401, "{known}");
    }
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("first".into());
    let swapped = encode(&header, &claims, &EncodingKey::from_secret(point)).expect("signed");
    assert_eq!(comes(&api, &swapped).await, 401, "the algorithm was swapped");
    // Another key under a known name, and a header that names another algorithm.
    assert_eq!(comes(&api, &second.signs_as("first", &claims)).await, 401);
    let token = first.signs(&claims);
    let (_, rest) = token.split_once('.').expect("a token");
    let head = URL_SAFE_NO_PAD.encode(json!({"alg": "RS256", "kid": "first"}).to_string());
    assert_eq!(comes(&api, &format!("{head}.{rest}")).await, 401);

    // The shop changes its key: the new one counts at once, the old one as long as it stands there.
    assert_eq!(address.asked.load(Ordering::Relaxed), 1, "it is kept");
    address.holds(&[&first, &second]);
    assert_eq!(comes(&api, &second.signs(&claims)).await, 200);
    assert_eq!(comes(&api, &first.signs(&claims)).await, 200);
    address.holds(&[&second]);
    assert_eq!(comes(&api, &second.signs_as("third", &claims)).await, 401, "asked again, and not there");
    assert_eq!(comes(&api, &first.signs(&claims)).await, 401, "it was taken away");
}

#[tokio::test]
async fn who_comes_with_a_known_key_does_not_wait_for_one_who_comes_with_another() {
    let (address, key) = (Address::default(), Key::new("first"));
    address.holds(&[&key]);
    let url = address.open().await;
    let api = Api::open_with(&[("THENDO_API__JWKS_URL", &url), ISSUER]).await;
    let claims = claims(account(&api.shop, true).await);
    assert_eq!(comes(&api, &key.signs(&claims)).await, 200);
    address.is_slow.store(true, Ordering::Relaxed);
    let unknown = key.signs_as("unknown", &claims);
    let known = async {
        crate::support::until("it is asked", || async { address.asked.load(Ordering::Relaxed) == 2 }).await;
        let began = std::time::Instant::now();
        (comes(&api, &key.signs(&claims)).await, began.elapsed())
    };
    let (status, (good, took)) = tokio::join!(comes(&api, &unknown), known);
    assert_eq!((status, good), (401, 200));
    assert!(took < std::time::Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn nobody_has_the_address_asked_at_will() {
    let (address, key) = (Address::default(), Key::new("first"));
    address.holds(&[&key]);
    let url = address.open().await;
    let api = Api::open_with(&[("THENDO_API__JWKS_URL", &url), ISSUER]).await;
    let admin = account(&api.shop, true).await;
    for n in 0..30 {
        let status = comes(&api, &key.signs_as(&format!("unknown {n}"), &claims(admin))).await;
        assert!(status == 401 || status == 429, "{status}");
    }
    let asked = address.asked.load(Ordering::Relaxed);
    assert!(asked <= 5, "asked {asked} times");
    assert_eq!(comes(&api, &key.signs(&claims(admin))).await, 200, "what is right opens all the same");
    assert_eq!(comes(&api, &signed(&claims(admin), SECRET)).await, 429, "without a secret none is believed");
}

#[tokio::test]
async fn while_the_signing_keys_can_not_be_had_nobody_is_told_that_theirs_is_wrong() {
    // Nobody listens there.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let url = format!("http://127.0.0.1:{port}/jwks.json");
    let api = Api::open_with(&[("THENDO_API__JWKS_URL", &url), ISSUER]).await;
    let key = Key::new("first");
    let shown = format!("Bearer {}", key.signs(&claims(account(&api.shop, true).await)));
    // More often than failures are forgiven.
    for _ in 0..30 {
        let answer =
            ask(&api.daemon.http, "GET", "/api/v1/workflows", &[("authorization", &shown)], None).await;
        super::is_problem(&answer, 503, "no-signing-keys");
    }
}
