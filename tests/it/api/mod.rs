//! The API, as programs and browsers meet it: a real daemon, real requests.

mod accounts;
mod aside;
mod backtests;
mod callers;
mod campaigns;
mod commands;
mod deliveries;
mod described;
mod door;
mod events;
mod executions;
mod files;
mod large;
mod limits;
mod live;
mod looking;
mod persons;
mod remote;
mod secrets;
mod sessions;
mod stops;
mod templates;
mod test_runs;
mod workflows;

use reqwest::{Client, Method, redirect};
use serde_json::{Value, json};

use crate::support::Shop;
use crate::support::daemon::Daemon;

/// What came of a request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

/// Sends a request; `headers` as pairs.
pub async fn ask(
    base: &str,
    verb: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Answer {
    let client = Client::builder().redirect(redirect::Policy::none()).build().expect("a client");
    let mut request =
        client.request(Method::from_bytes(verb.as_bytes()).expect("a verb"), format!("{base}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("a body");
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, headers, body }
}

/// Sends a form as it is.
pub async fn sends(base: &str, verb: &str, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
    let client = Client::builder().redirect(redirect::Policy::none()).build().expect("a client");
    let verb = Method::from_bytes(verb.as_bytes()).expect("a verb");
    let mut request = client.request(verb, format!("{base}{path}")).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("a body");
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

/// A daemon and a key for it.
pub struct Api {
    pub shop: Shop,
    pub daemon: Daemon,
    pub key: String,
}

impl Api {
    /// With a key that may everything.
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// With as few connections as do, if nothing else is said: nobody may need two of a kind at the same time.
    pub async fn open_with(settings: &[(&str, &str)]) -> Self {
        let shop = Shop::open().await;
        let settings: Vec<_> = [("THENDO_POOL_MAX", "6")].iter().chain(settings).copied().collect();
        let daemon = shop.daemon_with(&settings).await;
        let key = makes_key(&shop, "all", &["read", "author", "operate", "secrets", "admin"]).await;
        Self { shop, daemon, key }
    }

    /// With a place for what takes long, beside the others.
    pub async fn roomy() -> Self {
        Self::open_with(&[("THENDO_POOL_MAX", "10")]).await
    }

    /// Asks with the key.
    pub async fn ask(&self, verb: &str, path: &str, body: Option<&Value>) -> Answer {
        self.ask_with(verb, path, &[], body).await
    }

    /// Asks with the key and more headers.
    pub async fn ask_with(
        &self,
        verb: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let key = format!("Bearer {}", self.key);
        let mut all = vec![("authorization", key.as_str())];
        all.extend(headers);
        ask(&self.daemon.http, verb, &format!("/api/v1{path}"), &all, body).await
    }
}

/// A key with these scopes, from the command line.
pub async fn makes_key(shop: &Shop, name: &str, scopes: &[&str]) -> String {
    let mut args = vec!["keys", "create", name, "--format", "json"];
    args.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    let (code, out, err) = shop.thendo(&args).await;
    assert_eq!(code, Some(0), "{err}");
    let made: Value = serde_json::from_str(&out).expect("JSON");
    made["key"].as_str().expect("a key").to_owned()
}

/// A problem has its form, whatever it is.
pub fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    assert_eq!(answer.body["status"], json!(status), "{answer:?}");
    for field in ["type", "title", "detail", "help"] {
        assert!(answer.body[field].as_str().is_some_and(|text| !text.is_empty()), "no {field}: {answer:?}");
    }
    assert_eq!(answer.header("cache-control"), "no-store");
}
