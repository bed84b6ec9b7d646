//! The door: who comes, and what they may. Nothing is open unless `rights.rs` says so.

mod accounts;
mod failures;
mod jwks;
mod own_page;
pub mod rights;
pub mod session;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use sqlx::PgPool;

use self::accounts::Accounts;
use self::failures::Failures;
use self::rights::{Right, right_of, verbs_of};
use super::api::problem;
use crate::domain::settings::Settings;
use crate::engine::Health;
use crate::operations::refusal::Told;
use crate::operations::{Context, DataPlane, Kind, Refusal, Who, keys};
use crate::store::access;

/// Less than what the whole of HTTP lets anything take.
const LONGEST: Duration = Duration::from_secs(9);
/// Letters of the longest token that is looked at.
const LONGEST_TOKEN: usize = 8 * 1024;

/// What the door needs to know.
#[derive(Debug)]
pub struct Door {
    pool: PgPool,
    settings: Arc<Settings>,
    data: DataPlane,
    health: Arc<Health>,
    failures: Failures,
    accounts: Accounts,
}

/// By what somebody came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A key.
    Key,
    /// The token of an account.
    Token,
    /// The cookie of a session.
    Cookie,
    /// Nothing; the route is open.
    Nothing,
}

/// Who came.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who, with their scopes.
    pub who: Who,
    /// By what.
    pub by: By,
}

/// Why somebody is not known.
enum Stranger {
    /// They showed nothing.
    Silent,
    /// What they showed opens nothing.
    Wrong,
    /// It can't be found out right now.
    Untold(Refusal),
}

impl From<sqlx::Error> for Stranger {
    fn from(fault: sqlx::Error) -> Self {
        Self::Untold(fault.into())
    }
}

/// What is told at the door.
pub fn told(kind: Kind, code: &str, message: &str) -> Told {
    let help = match kind {
        Kind::Unknown => "send `Authorization: Bearer KEY`, or sign in by a link of `thendo link`",
        Kind::Forbidden => "ask with a key, or an account, that has the right",
        Kind::WrongVerb | Kind::Missing => "GET /api/v1/openapi.json says what there is",
        Kind::TooMany => "wait, then try with what is right",
        _ => "try again in a moment",
    };
    let (code, message, help) = (code.to_owned(), message.to_owned(), Some(help.to_owned()));
    Told { kind, code, message, help, faulty: Vec::new() }
}

impl Door {
    /// A door to this database. The pool works as the API's role.
    pub fn new(pool: PgPool, settings: Arc<Settings>, data: DataPlane, health: Arc<Health>) -> Self {
        let accounts = Accounts::new(&settings.api);
        Self { pool, settings, data, health, failures: Failures::default(), accounts }
    }

    /// What operations work with, for this one.
    pub fn context(&self, who: Who) -> Context {
        Context {
            pool: self.pool.clone(),
            who,
            settings: Arc::clone(&self.settings),
            data: self.data.clone(),
            health: Some(Arc::clone(&self.health)),
        }
    }

    /// Lets somebody in, or says why not.
    async fn judge(&self, parts: &Parts, right: Right) -> Result<Caller, Response> {
        if right == Right::Open {
            let who = Who { name: "anybody".into(), account: None, scopes: Vec::new() };
            return Ok(Caller { who, by: By::Nothing });
        }
        let address = address_of(parts);
        let caller = match self.identify(parts).await {
            Ok(caller) => caller,
            Err(Stranger::Silent) => return Err(unknown("it is not known who asks")),
            Err(Stranger::Wrong) => {
                if let Some(wait) = self.failures.wait(address) {
                    return Err(too_many(wait));
                }
                self.failures.add(address);
                return Err(unknown("what was shown opens nothing, or not any more"));
            }
            Err(Stranger::Untold(refusal)) => {
                tracing::warn!(%refusal, "who asks could not be found out");
                return Err(problem::of(&refusal.told()));
            }
        };
        if !right.is_in(&caller.who.scopes) {
            let message = match right {
                Right::SignedIn => "this account is no admin's".into(),
                right => format!("this needs the right `{}`", right.word()),
            };
            return Err(problem::of(&told(Kind::Forbidden, "no-right", &message)));
        }
        if caller.by == By::Cookie && !parts.method.is_safe() && !own_page::asks(&parts.headers) {
            let message = "the request does not come from a page of this daemon";
            return Err(problem::of(&told(Kind::Forbidden, "other-origin", message)));
        }
        Ok(caller)
    }

    async fn identify(&self, parts: &Parts) -> Result<Caller, Stranger> {
        let mut shown = parts.headers.get_all(header::AUTHORIZATION).iter();
        match (shown.next(), shown.next()) {
            (Some(header), None) => {
                let token =
                    header.to_str().ok().and_then(bearer).filter(|token| token.len() <= LONGEST_TOKEN);
                match token.ok_or(Stranger::Wrong)? {
                    key if key.starts_with(keys::PREFIX) => self.by_key(key).await,
                    token => self.by_token(token).await,
                }
            }
            (Some(_), Some(_)) => Err(Stranger::Wrong),
            (None, _) => match session::cookie(&parts.headers) {
                Some(cookie) => self.by_cookie(&cookie).await,
                None => Err(Stranger::Silent),
            },
        }
    }

    // What was shown is looked up by its hash: how long that takes tells nothing of what would have been right.
    async fn by_key(&self, key: &str) -> Result<Caller, Stranger> {
        let found = access::open_key(&self.pool, &keys::hash(key)).await?.ok_or(Stranger::Wrong)?;
        if found.is_stale {
            access::note_key(&self.pool, found.id).await?;
        }
        let name = keys::name_in_audit(&found.name, found.id);
        Ok(Caller { who: Who { name, account: None, scopes: found.scopes }, by: By::Key })
    }

    async fn by_token(&self, token: &str) -> Result<Caller, Stranger> {
        let account = self.accounts.read(token).await.ok_or(Stranger::Wrong)?;
        let name = format!("account:{account}");
        let scopes = self.scopes_of(Some(account)).await?;
        Ok(Caller { who: Who { name, account: Some(account), scopes }, by: By::Token })
    }

    async fn by_cookie(&self, cookie: &str) -> Result<Caller, Stranger> {
        let hash = keys::hash(cookie);
        let idle = i64::from(self.settings.api.session_idle_min) * 60;
        let found = access::open_session(&self.pool, &hash, idle).await?.ok_or(Stranger::Wrong)?;
        if found.is_stale {
            access::note_session(&self.pool, &hash).await?;
        }
        let scopes = self.scopes_of(found.account).await?;
        Ok(Caller { who: Who { name: found.who, account: found.account, scopes }, by: By::Cookie })
    }

    /// An account has all rights as long as it is an admin's; whoever had the link has them, too.
    async fn scopes_of(&self, account: Option<uuid::Uuid>) -> Result<Vec<String>, sqlx::Error> {
        Ok(match account {
            Some(account) if !access::is_admin(&self.pool, account).await? => Vec::new(),
            _ => keys::all_scopes(),
        })
    }
}

/// Stands before every route of the API.
pub async fn guard(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let path =
        request.extensions().get::<MatchedPath>().map_or_else(String::new, |path| path.as_str().into());
    let Some(right) = right_of(request.method().as_str(), &path) else {
        return closed(&path);
    };
    let answered = tokio::time::timeout(LONGEST, async {
        let (parts, body) = request.into_parts();
        let caller = match door.judge(&parts, right).await {
            Ok(caller) => caller,
            Err(refused) => return refused,
        };
        request = Request::from_parts(parts, body);
        request.extensions_mut().insert(caller);
        next.run(request).await
    });
    answered.await.unwrap_or_else(|_| {
        let message = format!("it took longer than {} seconds and was given up", LONGEST.as_secs());
        problem::of(&told(Kind::Late, "too-late", &message))
    })
}

/// A route without a line, or a verb that it does not have.
fn closed(path: &str) -> Response {
    let verbs = verbs_of(path);
    if verbs.is_empty() {
        return problem::of(&told(Kind::Forbidden, "closed", "this route is open to nobody"));
    }
    let mut response = problem::of(&told(Kind::WrongVerb, "wrong-verb", "this is not asked for in this way"));
    if let Ok(verbs) = HeaderValue::try_from(verbs.join(", ")) {
        response.headers_mut().insert(header::ALLOW, verbs);
    }
    response
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whose request it is, as far as the network knows.
fn address_of(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip())
}

fn unknown(message: &str) -> Response {
    let mut response = problem::of(&told(Kind::Unknown, "not-signed-in", message));
    let scheme = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    response
}

fn too_many(wait: Duration) -> Response {
    let mut response =
        problem::of(&told(Kind::TooMany, "too-many-failures", "too many failures from this address"));
    let seconds = HeaderValue::from(wait.as_secs() + 1);
    response.headers_mut().insert(HeaderName::from_static("retry-after"), seconds);
    response
}
