//! What each route asks of who comes. A route without a line is closed, and a test fails.

/// What somebody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Nothing is asked.
    Open,
    /// Signed in, with any right.
    SignedIn,
    /// See everything but secrets.
    Read,
    /// Draw, publish, pause.
    Author,
    /// Retry, cancel, undo, approve, replay, campaigns.
    Operate,
    /// Store secrets.
    Secrets,
    /// Keys, the audit, settings.
    Admin,
}

impl Right {
    /// As a key's scope.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::SignedIn => "signed in",
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
            Self::SignedIn => !scopes.is_empty(),
            asked => scopes.iter().any(|scope| scope == asked.word()),
        }
    }
}

use Right::{Admin, Author, Open, Operate, Read, Secrets, SignedIn};

/// Every route of the API.
pub const TABLE: &[(&str, &str, Right)] = &[
    ("GET", "/enter", Open),
    ("GET", "/api/v1/openapi.json", Open),
    ("GET", "/api/v1/session", SignedIn),
    ("POST", "/api/v1/session", SignedIn),
    ("DELETE", "/api/v1/session", SignedIn),
    ("GET", "/api/v1/workflows", Read),
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
    ("GET", "/api/v1/alerts", Read),
    ("GET", "/api/v1/keys", Admin),
    ("POST", "/api/v1/keys", Admin),
    ("DELETE", "/api/v1/keys/{key}", Admin),
    ("GET", "/api/v1/secrets", Secrets),
    ("PUT", "/api/v1/secrets/{name}", Secrets),
    ("DELETE", "/api/v1/secrets/{name}", Secrets),
    ("GET", "/api/v1/audit", Admin),
];

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

    use super::TABLE;
    use crate::http::api::BASE;
    use crate::operations::all::{Visitor, visit};
    use crate::operations::{Operation, keys};

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
            ("GET", "/api/v1/openapi.json"),
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
            assert!(is_scope || matches!(line.2, super::Open | super::SignedIn), "{line:?}");
        }
    }
}
