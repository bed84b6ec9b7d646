//! The public keys that accounts' tokens are signed with. They are kept, and asked for anew when a token names one that is
//! not among them, but not at anybody's will: at most five times in two and a half minutes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{Client, redirect};

/// So many questions are asked within so long.
const QUESTIONS: usize = 5;
const WITHIN: Duration = Duration::from_secs(150);
/// After one that was not answered.
const PAUSE: Duration = Duration::from_secs(5);
/// What was found counts for so long: a key that was taken back opens nothing after that.
const KEPT_FOR: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of the largest answer.
const LARGEST: usize = 256 * 1024;
/// Keys that are looked at.
const MOST_KEYS: usize = 100;

type Found = Arc<Vec<(String, Algorithm, DecodingKey)>>;

/// The keys at an address.
#[derive(Debug)]
pub(super) struct Jwks(Arc<Address>);

#[derive(Debug)]
struct Address {
    url: String,
    state: Mutex<State>,
    /// Held by who asks: nobody who comes with a known key waits for that.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: Found,
    asked_at: VecDeque<Instant>,
    failed_at: Option<Instant>,
    found_at: Option<Instant>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.keys.len())
    }
}

impl State {
    /// Whether it may be asked; then that counts as a question.
    fn may_ask(&mut self) -> bool {
        while self.asked_at.front().is_some_and(|at| at.elapsed() > WITHIN) {
            self.asked_at.pop_front();
        }
        let may = self.asked_at.len() < QUESTIONS && self.failed_at.is_none_or(|at| at.elapsed() > PAUSE);
        if may {
            self.asked_at.push_back(Instant::now());
        }
        may
    }

    /// The key of this name, as long as what was found counts; and whether that is about to end.
    fn find(&self, name: &str) -> (Option<(DecodingKey, Algorithm)>, bool) {
        let age = self.found_at.map_or(Duration::MAX, |at| at.elapsed());
        let key = self.keys.iter().find(|key| key.0 == name).filter(|_| age <= KEPT_FOR + WITHIN);
        (key.map(|key| (key.2.clone(), key.1)), age > KEPT_FOR)
    }
}

impl Jwks {
    /// Those at this address.
    pub(super) fn new(url: String) -> Self {
        Self(Arc::new(Address { url, state: Mutex::default(), asking: tokio::sync::Mutex::default() }))
    }

    /// The key of this name, and the one algorithm that it is for.
    pub(super) async fn key(&self, name: &str) -> Option<(DecodingKey, Algorithm)> {
        let (known, is_old) = self.0.state().find(name);
        if known.is_some() && !is_old {
            return known;
        }
        if known.is_some() {
            let address = Arc::clone(&self.0);
            tokio::spawn(async move {
                if let Ok(_asks) = address.asking.try_lock() {
                    address.ask().await;
                }
            });
            return known;
        }
        let before = self.0.state().found_at;
        // Whoever comes while it is asked waits for the same answer.
        let _asks = self.0.asking.lock().await;
        if self.0.state().found_at == before {
            self.0.ask().await;
        }
        self.0.state().find(name).0
    }
}

impl Jwks {
    /// Whether the last question was not answered: then nothing is known of a key that is not there.
    pub(super) fn is_out(&self) -> bool {
        let state = self.0.state();
        state.failed_at > state.found_at
    }
}

impl Address {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, unless that was done too often.
    async fn ask(&self) {
        if !self.state().may_ask() {
            return;
        }
        let answer = ask(&self.url).await;
        let mut state = self.state();
        match answer {
            Ok(keys) => {
                state.keys = Arc::new(keys);
                state.found_at = Some(Instant::now());
            }
            Err(fault) => {
                state.failed_at = Some(Instant::now());
                tracing::warn!("the keys of accounts' tokens can't be had: {fault:#}");
            }
        }
    }
}

async fn ask(url: &str) -> anyhow::Result<Vec<(String, Algorithm, DecodingKey)>> {
    let client = Client::builder().timeout(PATIENCE).redirect(redirect::Policy::none()).build()?;
    let mut answer = client.get(url).send().await?.error_for_status()?;
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        anyhow::ensure!(body.len() + part.len() <= LARGEST, "the answer has more than {LARGEST} bytes");
        body.extend_from_slice(&part);
    }
    let set: JwkSet = serde_json::from_slice(&body)?;
    let usable = set.keys.iter().take(MOST_KEYS).filter_map(|key| {
        let algorithm = match (&key.algorithm, key.common.key_algorithm) {
            (AlgorithmParameters::EllipticCurve(curve), None | Some(KeyAlgorithm::ES256))
                if curve.curve == EllipticCurve::P256 =>
            {
                Algorithm::ES256
            }
            (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => Algorithm::RS256,
            _ => return None,
        };
        let signs = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let name = key.common.key_id.clone().filter(|_| signs)?;
        Some((name, algorithm, DecodingKey::from_jwk(key).ok()?))
    });
    Ok(usable.collect())
}
