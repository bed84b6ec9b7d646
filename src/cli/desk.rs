//! Where a command is answered: by a database, or by a daemon elsewhere (`--server URL`).

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::output::Advice;
use crate::operations::refusal::{Faulty, Told};
use crate::operations::{Asked, Context, Kind, MOST, Nothing, Operation, Page, Refusal, Verb};
use crate::workflow::diagnostics::Diagnostic;

/// Bytes of the longest answer that is read.
const LARGEST: usize = 16 * 1024 * 1024;
/// Longer than the daemon lets anything take.
const PATIENCE: Duration = Duration::from_secs(30);
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Who answers.
#[derive(Debug)]
pub enum Desk {
    /// A database.
    Database(Box<Context>),
    /// A daemon.
    Server(Server),
}

impl Desk {
    /// Asks.
    ///
    /// # Errors
    /// [`Refusal`] as the operation's own, or why nobody answers.
    pub async fn ask<O: Operation>(&self, asked: Asked<O>) -> Result<O::Output, Refusal> {
        match self {
            Self::Database(context) => O::run(context, asked).await,
            Self::Server(server) => server.ask(asked).await,
        }
    }
}

impl Desk {
    /// Asks for a list, page after page, until it ends or `most` items are there. `query` asks for one page.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    pub async fn list<O, T>(
        &self,
        most: i64,
        query: impl Fn(Option<u32>, Option<String>) -> O::Query,
    ) -> Result<Vec<T>, Refusal>
    where
        O: Operation<Path = Nothing, Body = Nothing, Output = Page<T>>,
    {
        let most = usize::try_from(most).unwrap_or(0);
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let left = u32::try_from(most - found.len()).unwrap_or(MOST).min(MOST);
            let query = query(Some(left), cursor);
            let page = self.ask(Asked::<O>::new(Nothing {}, query, Nothing {})).await?;
            found.extend(page.items);
            cursor = page.next;
            if cursor.is_none() || found.len() >= most {
                return Ok(found);
            }
        }
    }
}

/// A daemon that answers elsewhere.
#[derive(Debug)]
pub struct Server {
    base: Url,
    key: SecretString,
    client: Client,
}

/// A problem as the API tells it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
    code: String,
    help: Option<String>,
    diagnostics: Vec<Diagnostic>,
    faulty: Vec<Faulty>,
}

impl Server {
    /// The daemon at this address, asked with the key of the environment.
    ///
    /// # Errors
    /// When the address is none, or no key is there.
    pub fn new(address: &str, key: Option<String>) -> anyhow::Result<Self> {
        let base = Url::parse(address).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty()
        });
        let Some(base) = base else {
            return Err(Advice::error(
                format!("`{address}` is no daemon's address"),
                "write it as https://thendo.shop.example",
            ));
        };
        let is_here = base.host_str().is_some_and(|host| {
            host == "localhost"
                || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        });
        if base.scheme() == "http" && !is_here {
            return Err(Advice::error(
                format!("the key would be sent to {base} for everyone to read"),
                "use https, or a tunnel to a port of this machine",
            ));
        }
        let key = key.filter(|key| !key.is_empty()).ok_or_else(|| {
            Advice::error(
                "no key for the daemon is set",
                "set THENDO_API_KEY; `thendo keys create NAME --scope read` makes one where the database is",
            )
        })?;
        let mut client = Client::builder().timeout(PATIENCE).redirect(redirect::Policy::none());
        if is_here {
            // A proxy would get the key in the clear.
            client = client.no_proxy();
        }
        let client = client.build()?;
        Ok(Self { base, key: key.into(), client })
    }

    async fn ask<O: Operation>(&self, asked: Asked<O>) -> Result<O::Output, Refusal> {
        let url = self.url::<O>(&asked)?;
        let verb = match O::VERB {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
            Verb::Delete => Method::DELETE,
        };
        let mut request = self.client.request(verb, url).bearer_auth(self.key.expose_secret());
        if let Some(edition) = &asked.if_match {
            request = request.header("if-match", format!("\"{edition}\""));
        }
        if !matches!(O::VERB, Verb::Get) {
            request = request.json(&asked.body);
        }
        let unanswered = |fault: reqwest::Error| {
            let message = format!("{} does not answer: {}", self.base, fault.without_url());
            Refusal::new(Kind::Busy, "no-answer", message)
                .help("check --server, and that a daemon runs there")
        };
        let mut answer = request.send().await.map_err(unanswered)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(unanswered)? {
            if body.len() + part.len() > LARGEST {
                let message = format!("{} answers with more than {LARGEST} bytes", self.base);
                return Err(Refusal::new(Kind::Broken, "long-answer", message)
                    .help("ask for less, such as by --limit"));
            }
            body.extend_from_slice(&part);
        }
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|fault| {
                let message = format!("{} answers what can't be read: {fault}", self.base);
                Refusal::new(Kind::Broken, "other-answer", message)
                    .help("use the same version of thendo here and there")
            });
        }
        Err(refused(status.as_u16(), &body))
    }

    fn url<O: Operation>(&self, asked: &Asked<O>) -> Result<Url, Refusal> {
        let mut path = format!("{}/api/v1{}", self.base.path().trim_end_matches('/'), O::PATH);
        for (name, value) in texts(serde_json::to_value(&asked.path).map_err(anyhow::Error::from)?) {
            // They lead elsewhere, however they are written.
            if matches!(value.as_str(), "" | "." | "..") {
                let message = format!("`{value}` can't be asked for by its name");
                return Err(Refusal::new(Kind::Malformed, "bad-path", message).help("name it by its id"));
            }
            path = path.replace(&format!("{{{name}}}"), &utf8_percent_encode(&value, PLAIN).to_string());
        }
        let mut url = self.base.clone();
        url.set_path(&path);
        url.set_query(None);
        let query = texts(serde_json::to_value(&asked.query).map_err(anyhow::Error::from)?);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}

/// The fields of an object, as a URL has them.
fn texts(of: Value) -> Vec<(String, String)> {
    let Value::Object(fields) = of else { return Vec::new() };
    let text = |value: Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    fields.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
}

fn refused(status: u16, body: &[u8]) -> Refusal {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let message = match (problem.detail.is_empty(), problem.title.is_empty()) {
        (false, _) => problem.detail,
        (true, false) => problem.title,
        (true, true) => format!("the server answers {status}, and not as thendo does"),
    };
    let mut faulty = problem.faulty;
    if faulty.is_empty() && !problem.diagnostics.is_empty() {
        let (workflow, diagnostics) = ("the drawing".into(), problem.diagnostics);
        faulty = vec![Faulty { workflow, drawing: None, diagnostics }];
    }
    let (kind, code, help) = (Kind::of_status(status), problem.code, problem.help);
    Refusal::Told(Box::new(Told { kind, code, message, help, faulty }))
}
