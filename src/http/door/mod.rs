//! The door: who comes, and what they may. Nothing is open unless `rights.rs` says so.

mod accounts;
mod cookies;
pub mod enter;
mod failures;
mod jwks;
mod own_page;
pub mod rights;
pub mod session;
mod words;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use sqlx::PgPool;
use tokio::sync::{Semaphore, SemaphorePermit};

use self::accounts::{Accounts, Reading};
use self::failures::{Failures, Mark};
use self::rights::{Right, right_of};
use self::words::{closed, other_origin, too_late, too_many, unknown};
pub use self::words::{no_role, told, too_few};
use super::api::problem;
use crate::database::connect::PATIENCE_OF_API;
use crate::domain::settings::Settings;
use crate::engine::Health;
use crate::operations::refusal::Told;
use crate::operations::{Context, DataPlane, Kind, Operation, Refusal, SMALL_BODY, Who, keys};
use crate::store::access;

/// Less than what the whole of HTTP lets anything take.
const LONGEST: Duration = Duration::from_secs(9);
/// Between look-ups for addresses that failed too often.
pub(super) const BETWEEN_TURNS: Duration = Duration::from_millis(100);
/// Large bodies that are read and worked on at the same time.
const LARGE_AT_ONCE: usize = 2;
/// Letters of the longest token that is looked at.
const LONGEST_TOKEN: usize = 8 * 1024;

/// The way to the API.
#[derive(Debug, Clone)]
pub enum Entrance {
    /// There is a door.
    Open(Arc<Door>),
    /// Nobody comes in, for this reason.
    Closed(Box<Told>),
}

impl Entrance {
    /// Where operations connect that work with the engine's own statements.
    pub fn data(&self) -> Option<&DataPlane> {
        match self {
            Self::Open(door) => Some(&door.data),
            Self::Closed(_) => None,
        }
    }
}

/// What the door needs to know.
#[derive(Debug)]
pub struct Door {
    /// For who comes alone: they must not wait for those who are in.
    lookups: PgPool,
    operations: PgPool,
    settings: Arc<Settings>,
    data: DataPlane,
    health: Arc<Health>,
    failures: Failures,
    accounts: Accounts,
    large: Semaphore,
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
    /// What they showed opens nothing.
    Wrong,
    /// It opened a session that has ended: a tab that stayed open, and no guess.
    Ended,
    /// It can't be found out right now.
    Untold(Refusal),
}

impl From<sqlx::Error> for Stranger {
    fn from(fault: sqlx::Error) -> Self {
        Self::Untold(fault.into())
    }
}

impl Door {
    /// A door to this database. Both pools work as the API's role.
    pub fn new(
        (lookups, operations): (PgPool, PgPool),
        data: DataPlane,
        settings: Arc<Settings>,
        health: Arc<Health>,
    ) -> Self {
        let accounts = Accounts::new(&settings.api);
        Self {
            lookups,
            operations,
            settings,
            data,
            health,
            failures: Failures::default(),
            accounts,
            large: Semaphore::new(LARGE_AT_ONCE),
        }
    }

    /// What operations work with, for this one.
    pub fn context(&self, who: Who) -> Context {
        Context {
            pool: self.operations.clone(),
            who,
            settings: Arc::clone(&self.settings),
            data: self.data.clone(),
            health: Some(Arc::clone(&self.health)),
        }
    }

    /// A place among the large bodies, from before one is read: a few of them at a time. `most` is how many bytes it may have, if
    /// that is said.
    ///
    /// # Errors
    /// When there is none for seconds.
    pub async fn place_of<O: Operation>(
        &self,
        most: Option<u64>,
    ) -> Result<Option<SemaphorePermit<'_>>, Refusal> {
        if O::LARGEST_BODY <= SMALL_BODY || most.is_some_and(|most| most <= SMALL_BODY as u64) {
            return Ok(None);
        }
        match tokio::time::timeout(PATIENCE_OF_API, self.large.acquire()).await {
            Ok(Ok(place)) => Ok(Some(place)),
            _ => Err(Refusal::new(Kind::Busy, "busy", "others send large bodies right now")
                .help("try again in a moment")),
        }
    }

    /// Lets somebody in, or says why not.
    async fn judge(&self, parts: &Parts, right: Right) -> Result<Caller, Response> {
        if right == Right::Open {
            let who = Who { name: "anybody".into(), account: None, scopes: Vec::new(), until: None };
            return Ok(Caller { who, by: By::Nothing });
        }
        let caller = self.identify(parts).await?;
        // Who signs out has nothing to lose by it but the session.
        let leaves = right == Right::SignOut && caller.by == By::Cookie;
        if !leaves && !right.is_in(&caller.who.scopes) {
            let message = match right {
                Right::SignedIn | Right::SignOut => "this account is no admin's".into(),
                right => format!("this needs the right `{}`", right.word()),
            };
            return Err(problem::of(&told(Kind::Forbidden, "no-right", &message)));
        }
        if caller.by == By::Cookie && !parts.method.is_safe() && !own_page::asks(&parts.headers) {
            return Err(other_origin());
        }
        Ok(caller)
    }

    /// Whether somebody with all rights looks at a page.
    pub async fn knows(&self, headers: &HeaderMap, address: IpAddr) -> bool {
        let Some(cookie) = cookies::read(headers) else { return false };
        // A page that is still open somewhere is no attack: it is not counted. Nor is it looked up among those that are.
        if self.failures.wait(address).is_some() {
            return false;
        }
        let known = self.by_cookie(&cookie, false).await;
        known.is_ok_and(|caller| Right::Admin.is_in(&caller.who.scopes))
    }

    async fn identify(&self, parts: &Parts) -> Result<Caller, Response> {
        let address = address_of(parts);
        match shown(&parts.headers) {
            Shown::Nothing => Err(unknown("it is not known who asks")),
            Shown::Unreadable => Err(self.failed(address)),
            Shown::Token(key) if key.starts_with(keys::PREFIX) => {
                self.looked_up(address, &keys::hash(key), self.by_key(key)).await
            }
            Shown::Token(token) => self.looked_up(address, &keys::hash(token), self.by_token(token)).await,
            Shown::Cookie(cookie) => {
                self.looked_up(address, &keys::hash(&cookie), self.by_cookie(&cookie, true)).await
            }
        }
    }

    /// Looks somebody up. Of all addresses that failed too often one look-up is under way at a time, but for what was good a
    /// moment ago.
    async fn looked_up(
        &self,
        address: IpAddr,
        mark: &Mark,
        looking: impl Future<Output = Result<Caller, Stranger>>,
    ) -> Result<Caller, Response> {
        let turn = self.failures.turn(address, mark).await.map_err(too_many)?;
        let looked = looking.await;
        if turn.is_some() && matches!(looked, Err(Stranger::Wrong)) {
            // The next one of them is not looked up before that: it is for the others that the database has time.
            tokio::time::sleep(BETWEEN_TURNS).await;
        }
        match looked {
            Ok(caller) => {
                self.failures.was_good(*mark);
                Ok(caller)
            }
            Err(Stranger::Wrong) => Err(self.failed(address)),
            Err(Stranger::Ended) => Err(unknown("this session has ended")),
            Err(Stranger::Untold(refusal)) => {
                tracing::warn!(%refusal, "who asks could not be found out");
                Err(problem::of(&refusal.told()))
            }
        }
    }

    /// What somebody showed opens nothing.
    fn failed(&self, address: IpAddr) -> Response {
        if let Some(wait) = self.failures.wait(address) {
            return too_many(wait);
        }
        self.failures.add(address);
        unknown("what was shown opens nothing, or not any more")
    }

    // What was shown is looked up by its hash: how long that takes tells nothing of what would have been right.
    async fn by_key(&self, key: &str) -> Result<Caller, Stranger> {
        let found = access::open_key(&self.lookups, &keys::hash(key)).await?.ok_or(Stranger::Wrong)?;
        if found.is_stale {
            access::note_key(&self.lookups, found.id).await?;
        }
        let name = keys::name_in_audit(&found.name, found.id);
        let who = Who { name, account: None, scopes: found.scopes, until: found.expires_at };
        Ok(Caller { who, by: By::Key })
    }

    async fn by_token(&self, token: &str) -> Result<Caller, Stranger> {
        let account = match self.accounts.read(token).await {
            Reading::Good(account) => account,
            Reading::Wrong => return Err(Stranger::Wrong),
            Reading::Untold => {
                let message = "the keys that accounts' tokens are signed with can't be had";
                let refusal =
                    Refusal::new(Kind::Busy, "no-signing-keys", message).help("try again in a moment");
                return Err(Stranger::Untold(refusal));
            }
        };
        let name = format!("account:{account}");
        let scopes = self.scopes_of(Some(account)).await?;
        Ok(Caller { who: Who { name, account: Some(account), scopes, until: None }, by: By::Token })
    }

    /// A page that asks by itself, again and again, does not use the session.
    async fn by_cookie(&self, cookie: &str, is_used: bool) -> Result<Caller, Stranger> {
        let hash = keys::hash(cookie);
        let idle = i64::from(self.settings.api.session_idle_min) * 60;
        let Some(found) = access::open_session(&self.lookups, &hash, idle).await? else {
            let was = access::was_session(&self.lookups, &hash).await?;
            return Err(if was { Stranger::Ended } else { Stranger::Wrong });
        };
        if found.is_stale && is_used {
            access::note_session(&self.lookups, &hash).await?;
        }
        let scopes = self.scopes_of(found.account).await?;
        let who = Who { name: found.who, account: found.account, scopes, until: None };
        Ok(Caller { who, by: By::Cookie })
    }

    /// An account has all rights as long as it is an admin's; whoever had the link has them, too.
    async fn scopes_of(&self, account: Option<uuid::Uuid>) -> Result<Vec<String>, sqlx::Error> {
        Ok(match account {
            Some(account) if !access::is_admin(&self.lookups, account).await? => Vec::new(),
            _ => keys::all_scopes(),
        })
    }
}

/// Stands before every route of the API.
pub async fn guard(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let path = matched(&request);
    let Some(right) = right_of(request.method().as_str(), &path) else {
        return closed(&path);
    };
    let is_safe = request.method().is_safe();
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
    answered.await.unwrap_or_else(|_| too_late(is_safe))
}

/// Stands before every other route: one without a line is closed, too.
pub async fn has_a_line(request: Request, next: Next) -> Response {
    match matched(&request).as_str() {
        "" => next.run(request).await,
        path if rights::is_open(path) => next.run(request).await,
        path => closed(path),
    }
}

fn matched(request: &Request) -> String {
    request.extensions().get::<MatchedPath>().map_or_else(String::new, |path| path.as_str().into())
}

/// What somebody shows.
enum Shown<'a> {
    Nothing,
    Unreadable,
    Token(&'a str),
    Cookie(String),
}

/// Who shows a token comes by that, and by nothing else. What other schemes show is for others: a proxy on the way.
fn shown(headers: &HeaderMap) -> Shown<'_> {
    let lines = headers.get_all(header::AUTHORIZATION).iter().map(|line| line.as_bytes().trim_ascii());
    let is_ours = |line: &&[u8]| {
        let scheme = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"bearer")
    };
    let mut ours = lines.filter(is_ours);
    match (ours.next(), ours.next()) {
        (Some(line), None) => {
            let token = std::str::from_utf8(&line["bearer".len()..]).unwrap_or_default().trim();
            match token.len() {
                1..=LONGEST_TOKEN => Shown::Token(token),
                _ => Shown::Unreadable,
            }
        }
        (Some(_), Some(_)) => Shown::Unreadable,
        (None, _) => cookies::read(headers).map_or(Shown::Nothing, Shown::Cookie),
    }
}

/// Whose request it is, as far as the network knows.
pub(super) fn address_of(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip())
}
