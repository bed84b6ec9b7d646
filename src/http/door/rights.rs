//! What each route asks of who comes. A route without a line is closed, and a test fails.

use crate::operations::keys;

/// What somebody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Nothing is asked.
    Open,
    /// Signed in, with any right.
    SignedIn,
    /// As before; and who has a session, whatever they may by now.
    SignOut,
    /// See everything but secrets.
    Read,
    /// Draw, publish, pause.
    Author,
    /// Retry, cancel, undo, approve, replay, hold, start by hand, campaigns.
    Operate,
    /// Store secrets.
    Secrets,
    /// Keys, links, the audit, settings, erasing a person.
    Admin,
}

impl Right {
    /// As a key's scope.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::SignedIn | Self::SignOut => "signed in",
            Self::Read => "read",
            Self::Author => "author",
            Self::Operate => "operate",
            Self::Secrets => "secrets",
            Self::Admin => "admin",
        }
    }

    /// Whether these scopes give it.
    pub fn is_in(self, scopes: &[String]) -> bool {
        match self {
            Self::Open => true,
            Self::SignedIn | Self::SignOut => !scopes.is_empty(),
            asked => keys::give(scopes, asked.word()),
        }
    }
}

use Right::{Admin, Author, Open, Operate, Read, Secrets, SignOut, SignedIn};

/// Every route of the API.
pub const TABLE: &[(&str, &str, Right)] = &[
    ("GET", "/enter", Open),
    ("POST", "/enter", Open),
    ("GET", "/api/v1/openapi.json", Open),
    ("GET", "/api/v1/session", SignedIn),
    ("POST", "/api/v1/session", SignedIn),
    ("DELETE", "/api/v1/session", SignOut),
    ("GET", "/api/v1/sessions", Admin),
    ("DELETE", "/api/v1/sessions/{session}", Admin),
    ("GET", "/api/v1/live", Read),
    ("GET", "/api/v1/workflows", Read),
    ("GET", "/api/v1/outcomes", Read),
    ("GET", "/api/v1/examples", Read),
    ("POST", "/api/v1/workflows", Author),
    ("GET", "/api/v1/workflows/{workflow}", Read),
    ("GET", "/api/v1/workflows/{workflow}/draft", Read),
    ("PUT", "/api/v1/workflows/{workflow}/draft", Author),
    ("GET", "/api/v1/workflows/{workflow}/versions", Read),
    ("GET", "/api/v1/workflows/{workflow}/versions/{number}", Read),
    ("POST", "/api/v1/workflows/{workflow}/diff", Read),
    ("POST", "/api/v1/workflows/{workflow}/pause", Author),
    ("POST", "/api/v1/workflows/{workflow}/resume", Author),
    ("POST", "/api/v1/workflows/{workflow}/archive", Author),
    ("POST", "/api/v1/workflows/{workflow}/unarchive", Author),
    ("POST", "/api/v1/workflows/{workflow}/restore", Author),
    ("POST", "/api/v1/workflows/{workflow}/hold", Operate),
    ("POST", "/api/v1/workflows/{workflow}/release", Operate),
    ("POST", "/api/v1/workflows/{workflow}/start", Operate),
    ("POST", "/api/v1/hold", Operate),
    ("POST", "/api/v1/release", Operate),
    ("GET", "/api/v1/holds", Read),
    ("POST", "/api/v1/import", Author),
    ("POST", "/api/v1/load", Author),
    ("POST", "/api/v1/push", Author),
    ("POST", "/api/v1/validate", Read),
    ("POST", "/api/v1/publish", Author),
    ("POST", "/api/v1/test-runs", Author),
    ("GET", "/api/v1/backtests", Read),
    ("POST", "/api/v1/backtests", Author),
    ("GET", "/api/v1/backtests/{backtest}", Read),
    ("DELETE", "/api/v1/backtests/{backtest}", Author),
    ("GET", "/api/v1/executions", Read),
    ("GET", "/api/v1/executions/{execution}", Read),
    ("GET", "/api/v1/approvals", Read),
    ("POST", "/api/v1/executions/{execution}/approve", Operate),
    ("POST", "/api/v1/executions/{execution}/refuse", Operate),
    ("POST", "/api/v1/executions/{execution}/undo", Operate),
    ("POST", "/api/v1/executions/cancel", Operate),
    ("POST", "/api/v1/executions/retry", Operate),
    ("GET", "/api/v1/campaigns", Read),
    ("GET", "/api/v1/campaigns/{campaign}", Read),
    ("POST", "/api/v1/campaigns", Author),
    ("PUT", "/api/v1/campaigns/{campaign}", Author),
    ("GET", "/api/v1/campaigns/{campaign}/sample", Read),
    ("GET", "/api/v1/campaigns/{campaign}/hits", Read),
    ("POST", "/api/v1/campaigns/{campaign}/send", Operate),
    ("POST", "/api/v1/campaigns/{campaign}/pause", Operate),
    ("POST", "/api/v1/campaigns/{campaign}/resume", Operate),
    ("POST", "/api/v1/campaigns/{campaign}/cancel", Operate),
    ("GET", "/api/v1/deliveries", Read),
    ("GET", "/api/v1/deliveries/{delivery}", Read),
    ("GET", "/api/v1/dead-letters", Read),
    ("GET", "/api/v1/events", Read),
    ("GET", "/api/v1/event-kinds", Read),
    ("GET", "/api/v1/events/{event}", Read),
    ("POST", "/api/v1/events/replay", Operate),
    ("GET", "/api/v1/templates", Read),
    ("POST", "/api/v1/templates", Author),
    ("GET", "/api/v1/templates/{template}", Read),
    ("PUT", "/api/v1/templates/{template}", Author),
    ("DELETE", "/api/v1/templates/{template}", Author),
    ("POST", "/api/v1/templates/{template}/preview", Author),
    ("POST", "/api/v1/customers/erase", Admin),
    ("GET", "/api/v1/schedules", Read),
    ("GET", "/api/v1/catalogue", Read),
    ("GET", "/api/v1/settings", Admin),
    ("GET", "/api/v1/health", Read),
    ("GET", "/api/v1/alerts", Read),
    ("GET", "/api/v1/keys", Admin),
    ("POST", "/api/v1/keys", Admin),
    ("DELETE", "/api/v1/keys/{key}", Admin),
    ("POST", "/api/v1/links", Admin),
    ("GET", "/api/v1/secrets", Secrets),
    ("PUT", "/api/v1/secrets/{name}", Secrets),
    ("DELETE", "/api/v1/secrets/{name}", Secrets),
    ("GET", "/api/v1/audit", Admin),
];

/// Routes that are no part of the API: whoever reaches this daemon may ask for them. What they take is signed, or says no more
/// than how the daemon does.
const OPEN: &[&str] = &[
    "/",
    "/assets/{*file}",
    "/favicon.svg",
    "/status",
    "/style.css",
    "/healthz",
    "/readyz",
    "/metrics",
    "/hooks/{*path}",
    "/bounces",
    "/o/{token}",
    "/c/{token}",
    "/unsubscribe/{token}",
];

/// Whether a route beside the API has its line.
pub fn is_open(path: &str) -> bool {
    OPEN.contains(&path)
}

/// What a route asks; nothing if it has no line.
pub fn right_of(verb: &str, path: &str) -> Option<Right> {
    // What may be read may be asked for its headers.
    let verb = if verb == "HEAD" { "GET" } else { verb };
    TABLE.iter().find(|line| line.0 == verb && line.1 == path).map(|line| line.2)
}

/// The verbs that a path is asked by.
pub fn verbs_of(path: &str) -> Vec<&'static str> {
    TABLE.iter().filter(|line| line.1 == path).map(|line| line.0).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{OPEN, Right, TABLE};
    use crate::http::api::BASE;
    use crate::operations::Operation;
    use crate::operations::all::{Visitor, visit};
    use crate::operations::keys;

    #[derive(Default)]
    struct Met(BTreeSet<(&'static str, String)>);

    impl Visitor for Met {
        fn meets<O: Operation>(&mut self) {
            self.0.insert((O::VERB.word(), format!("{BASE}{}", O::PATH)));
        }
    }

    #[test]
    fn every_operation_has_its_line_and_every_line_its_route() {
        let mut met = Met::default();
        visit(&mut met);
        // Those that no operation is: they speak of cookies, or of the API itself.
        let others = [
            ("GET", "/enter"),
            ("POST", "/enter"),
            ("GET", "/api/v1/openapi.json"),
            ("GET", "/api/v1/live"),
            ("POST", "/api/v1/session"),
            ("DELETE", "/api/v1/session"),
        ];
        met.0.extend(others.map(|(verb, path)| (verb, path.to_owned())));
        let lines: BTreeSet<_> = TABLE.iter().map(|line| (line.0, line.1.to_owned())).collect();
        assert_eq!(lines.len(), TABLE.len(), "a route has two lines");
        assert_eq!(met.0, lines, "operations and others (left), lines of TABLE (right)");
    }

    #[test]
    fn every_right_but_signing_in_is_a_scope() {
        for line in TABLE {
            let is_scope = keys::SCOPES.contains(&line.2.word());
            assert!(is_scope || matches!(line.2, Right::Open | Right::SignedIn | Right::SignOut), "{line:?}");
        }
    }

    #[test]
    fn every_other_route_has_its_line_and_every_line_its_route() {
        let source = include_str!("../mod.rs");
        let routes = source.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
        let routes: BTreeSet<&str> = routes.collect();
        assert_eq!(routes, OPEN.iter().copied().collect(), "routes (left), lines of OPEN (right)");
    }

    #[test]
    fn who_may_do_something_sees_what_they_do_it_to() {
        let rights = [Right::Read, Right::Author, Right::Operate, Right::Secrets, Right::Admin];
        for (scope, gives) in [
            ("read", "read"),
            ("author", "read author"),
            ("operate", "read operate"),
            ("secrets", "secrets"),
            ("admin", "read author operate secrets admin"),
            ("other", ""),
        ] {
            let given = rights.iter().filter(|right| right.is_in(&[scope.to_owned()]));
            assert_eq!(given.map(|right| right.word()).collect::<Vec<_>>().join(" "), gives, "{scope}");
        }
    }
}
