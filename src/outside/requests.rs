//! Requests: to servers of the public internet, within bounds of time and size, without following redirects.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use reqwest::header::HeaderValue;
use reqwest::{Client, Method, Url};
use secrecy::zeroize::Zeroizing;
use serde_json::{Value, json};

use super::guard::{Names, NotPublic, OfTheSystem, PublicOnly, is_public};
use super::masks::Masks;
use super::{answers, signing};
use crate::domain::delivery::DeliveryError;
use crate::domain::effect::HttpRequest;
use crate::domain::ids::EffectId;
use crate::domain::retry::Trouble;
use crate::domain::settings::Settings;
use crate::domain::veiled::{Revealed, Veiled, as_in_json, as_it_is};

/// The way out for requests.
pub struct Requests {
    /// Reaches public addresses only.
    guarded: Client,
    /// Reaches all; for hosts that the settings name.
    open: Client,
    allowed: HashSet<String>,
    timeout_ms: u64,
}

impl Requests {
    /// As the settings say.
    ///
    /// # Errors
    /// When the client can't be made: no certificates, for example.
    pub fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Self::looking_up(settings, OfTheSystem)
    }

    fn looking_up(settings: &Settings, names: impl Names) -> anyhow::Result<Self> {
        let builder = || {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                // A proxy would resolve names by itself.
                .no_proxy()
                .connect_timeout(Duration::from_secs(10))
                .user_agent(concat!("thendo/", env!("CARGO_PKG_VERSION")))
        };
        let failed = "the HTTP client can't be made";
        Ok(Self {
            guarded: builder().dns_resolver(PublicOnly(names)).build().context(failed)?,
            open: builder().build().context(failed)?,
            allowed: settings.http.allow.iter().map(|host| host.trim().to_lowercase()).collect(),
            timeout_ms: settings.deliveries.timeout_ms,
        })
    }

    /// Makes one request. What later nodes see as the step's result: `status`, `headers`, `body`. The secrets that are put
    /// in come back as stars at most.
    ///
    /// # Errors
    /// [`DeliveryError`]: everything but an answer of 200 to 299.
    pub async fn send(
        &self,
        id: EffectId,
        request: &HttpRequest,
        unveiled: &Unveiled,
    ) -> Result<Value, DeliveryError> {
        let masks = Masks::of(&unveiled.values);
        self.send_openly(id, request, unveiled, &masks).await.map_err(|error| masks.error(error))
    }

    async fn send_openly(
        &self,
        id: EffectId,
        request: &HttpRequest,
        unveiled: &Unveiled,
        masks: &Masks,
    ) -> Result<Value, DeliveryError> {
        let url = request.url.revealed(&unveiled.values, as_it_is);
        let url = Url::parse(url.trim()).map_err(|error| refused(format!("the URL: {error}")))?;
        let peer = peer_of(&url);
        let client = self.client_for(&url).map_err(refused)?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| refused("the method is none".into()))?;
        let timeout = Duration::from_millis(request.timeout_ms.unwrap_or(self.timeout_ms));
        let mut asked = client.request(method, url).timeout(timeout);
        for (name, value) in &request.headers {
            asked = asked.header(name, header_of(name, value, unveiled)?);
        }
        asked = asked.header("idempotency-key", id.0.to_string());
        let body = request.body.as_ref().map(|body| body_with(body, request, unveiled));
        if let Some(secret) = &request.signed_with {
            let key = unveiled.values.get(secret).ok_or("it is not stored").and_then(signing::key_of);
            let key = key.map_err(|fault| refused(format!("the secret `{secret}`: {fault}")))?;
            let (id, body) = (id.0.to_string(), body.as_ref().map_or("", |body| body.as_str()));
            let signature = signing::signature(&key, &id, unveiled.seconds, body);
            asked = asked.header("webhook-id", id).header("webhook-timestamp", unveiled.seconds);
            asked = asked.header("webhook-signature", signature);
        }
        if let Some(body) = body {
            asked = asked.body(body.as_str().to_owned());
        }
        let answer = asked.send().await.map_err(|error| sorted(&peer, error))?;
        let (status, asked_pause) = (answer.status(), answers::retry_after(answer.headers()));
        let headers = answers::kept(answer.headers(), masks);
        let body = answers::body_of(answer, masks).await.map_err(|error| sorted(&peer, error))?;
        if status.is_success() {
            return Ok(json!({ "status": status.as_u16(), "headers": headers, "body": body }));
        }
        Err(answers::judged(peer, status, asked_pause, &body))
    }

    /// The client for a URL's host: literal addresses are judged here, names when they are resolved.
    fn client_for(&self, url: &Url) -> Result<&Client, String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{}` is neither http nor https", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL has a user or a password: send a header instead".into());
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err("the URL has no host".into());
        };
        if self.allowed.contains(&format!("{host}:{port}")) {
            return Ok(&self.open);
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match literal {
            Ok(address) if !is_public(address) => Err(NotPublic(format!("{host}:{port}")).to_string()),
            _ => Ok(&self.guarded),
        }
    }
}

/// What one attempt is given beside the request.
#[derive(Debug, Default)]
pub struct Unveiled {
    /// The secrets that it names.
    pub values: Revealed,
    /// The database's clock, in seconds since 1970.
    pub seconds: i64,
}

fn refused(reason: String) -> DeliveryError {
    DeliveryError::Refused { peer: "thendo".into(), reason }
}

fn header_of(name: &str, value: &Veiled, unveiled: &Unveiled) -> Result<HeaderValue, DeliveryError> {
    let text = value.revealed(&unveiled.values, as_it_is);
    let mut value = HeaderValue::from_str(text.trim())
        .map_err(|_| refused(format!("the header `{name}`: with its secret it is no value of a header")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Within a JSON text a secret's quotes are escaped; elsewhere it stands as it is.
fn body_with(body: &Veiled, request: &HttpRequest, unveiled: &Unveiled) -> Zeroizing<String> {
    let ty = request.headers.get("content-type").and_then(Veiled::plain).unwrap_or_default();
    match ty.to_lowercase().contains("json") {
        true => body.revealed(&unveiled.values, as_in_json),
        false => body.revealed(&unveiled.values, as_it_is),
    }
}

fn peer_of(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}{port}", url.host_str().unwrap_or("the server"))
}

fn sorted(peer: &str, error: reqwest::Error) -> DeliveryError {
    let peer = peer.to_owned();
    let causes = || std::iter::successors(Some(&error as &dyn std::error::Error), |cause| cause.source());
    if let Some(not_public) = causes().find_map(|cause| cause.downcast_ref::<NotPublic>()) {
        return DeliveryError::Refused { peer: "thendo".into(), reason: not_public.to_string() };
    }
    if error.is_builder() {
        let reason = causes().last().map_or_else(String::new, ToString::to_string);
        return DeliveryError::Refused {
            peer: "thendo".into(),
            reason: format!("it is no request: {reason}"),
        };
    }
    let trouble = if error.is_timeout() { Trouble::Timeout } else { Trouble::Connection };
    // The innermost says it best; those around it repeat the URL, which may hold a secret.
    let source = causes().last().map_or_else(|| "it broke off".to_owned(), ToString::to_string);
    DeliveryError::Transient { peer, trouble, retry_after: None, source: source.into() }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::SocketAddr;
    use std::sync::{Arc, Mutex};

    use reqwest::dns::Resolve;
    use tokio::net::TcpListener;

    use super::*;

    fn requests(allow: &[&str]) -> Requests {
        let mut settings = Settings::default();
        settings.http.allow = allow.iter().map(|host| (*host).to_owned()).collect();
        Requests::from_settings(&settings).expect("a client")
    }

    #[tokio::test]
    async fn nobody_reaches_the_inside() {
        let requests = requests(&["127.0.0.1:1"]);
        let to = |url: &str| HttpRequest {
            method: "GET".into(),
            url: url.into(),
            headers: Default::default(),
            body: None,
            signed_with: None,
            embeds: None,
            timeout_ms: Some(2_000),
        };
        for url in [
            "http://127.0.0.1/",
            "http://localhost/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]:8080/",
            "http://[::ffff:127.0.0.1]/",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "http://ada:geheim@example.com/",
            "http://127.0.0.1:2/",
        ] {
            let error =
                requests.send(EffectId::default(), &to(url), &Unveiled::default()).await.expect_err(url);
            assert!(matches!(error, DeliveryError::Refused { .. }), "{url}: {error:?}");
            assert!(!error.to_string().contains("geheim"));
        }
        // What the settings name is reached, and found to be away.
        let error = requests
            .send(EffectId::default(), &to("http://127.0.0.1:1/"), &Unveiled::default())
            .await
            .expect_err("away");
        assert!(matches!(error, DeliveryError::Transient { trouble: Trouble::Connection, .. }), "{error:?}");
    }

    /// A name whose owner says something else each time.
    #[derive(Clone)]
    struct Fickle {
        answers: Arc<Mutex<Vec<Vec<IpAddr>>>>,
    }

    impl Fickle {
        fn saying(answers: &[&[&str]]) -> Self {
            let read = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().expect("an address")).collect();
            Self { answers: Arc::new(Mutex::new(answers.iter().rev().map(read).collect())) }
        }
    }

    impl Names for Fickle {
        async fn addresses_of(&self, _name: String) -> io::Result<Vec<SocketAddr>> {
            let answer = self.answers.lock().expect("no panic").pop().expect("asked as often as expected");
            Ok(answer.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect())
        }
    }

    #[tokio::test]
    async fn a_name_that_changes_its_mind_leads_nowhere_inside() {
        // What was public when it was looked at is asked anew for the connection, and judged anew.
        let fickle = Fickle::saying(&[&["203.0.114.7", "127.0.0.1"], &["127.0.0.1"]]);
        let guard = PublicOnly(fickle);
        let name = || "fickle.example".parse::<reqwest::dns::Name>().expect("a name");
        let first: Vec<_> = guard.resolve(name()).await.expect("public").map(|at| at.ip()).collect();
        assert_eq!(
            first,
            ["203.0.114.7".parse::<IpAddr>().expect("an address")],
            "what is inside is left out"
        );
        let then = guard.resolve(name()).await.map(|_| ()).expect_err("inside");
        assert!(then.to_string().contains("not on the public internet"), "{then}");

        // And on the way of a request: somebody listens there, and nobody comes.
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let answers: &[&[&str]] = &[
            &["127.0.0.1"],
            &["::1", "127.0.0.1"],
            &["::ffff:127.0.0.1"],
            &["169.254.169.254"],
            &["0.0.0.0"],
        ];
        let requests = Requests::looking_up(&Settings::default(), Fickle::saying(answers)).expect("a client");
        for answer in answers {
            let request = HttpRequest {
                method: "POST".into(),
                url: format!("http://fickle.example:{port}/").into(),
                headers: Default::default(),
                body: Some("geheim".into()),
                signed_with: None,
                embeds: None,
                timeout_ms: Some(2_000),
            };
            let sent = requests.send(EffectId::default(), &request, &Unveiled::default()).await;
            let error = sent.expect_err("inside");
            assert!(matches!(&error, DeliveryError::Refused { .. }), "{answer:?}: {error:?}");
            assert!(error.to_string().contains("http.allow"), "{error}");
        }
        let came = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(came.is_err(), "somebody came");
    }
}
