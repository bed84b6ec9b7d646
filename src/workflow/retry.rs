//! `data.retry` of action nodes: how often, for how long and after which errors an action is tried again.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::catalogue::{Catalogue, Kind, RetryClass, schema};
use super::config::Reader;
use super::diagnostics::Diagnostic;
use super::react_flow::DrawnNode;
use super::scope::Scope;
use super::span::Span;
use crate::domain::retry::{Policy, Retry, Trouble};

/// The member of a node's data, beside `config`.
pub const RETRY: &str = "retry";

const MOST_PAUSE_DAYS: i64 = 30;

/// How an action is tried again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Attempts in all, the first one too.
    #[schemars(range(min = 1, max = 50))]
    attempts: Option<u16>,
    /// Pause before the second attempt; it doubles with each.
    backoff: Option<Span>,
    /// The longest pause.
    longest: Option<Span>,
    /// No attempt begins so long after the first one.
    give_up_after: Option<Span>,
    /// Which errors are worth another attempt.
    on: Option<Vec<Error>>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Error {
    Timeout,
    Connection,
    Throttled,
    Server,
    Refused,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Timeout => Self::Timeout,
            Error::Connection => Self::Connection,
            Error::Throttled => Self::Throttled,
            Error::Server => Self::Server,
            Error::Refused => Self::Refused,
        }
    }
}

/// The JSON Schema of `data.retry`.
pub fn retry_schema() -> Value {
    schema::<Settings>()
}

/// Reads a node's `data.retry`, if it has one, and says what is wrong with it.
pub(super) fn read(
    node: &DrawnNode,
    kind: &Kind<'_>,
    catalogue: &Catalogue,
) -> (Option<Retry>, Vec<Diagnostic>) {
    let Some((value, path)) = &node.retry else { return (None, Vec::new()) };
    let Kind::Action(action) = kind else {
        let message = format!("`{}` is a {}: only actions are tried again", kind.about().name, kind.role());
        let fault = Diagnostic::warning("ignored-retry", message).node(&node.id).at(path);
        return (None, vec![fault.help("take `retry` out")]);
    };
    let (schema, scope) = (retry_schema(), Scope::default());
    let mut reader = Reader::new(&node.id, value, path, &schema, &scope, catalogue);
    let settings = reader.read::<Settings>();
    let retry = settings.and_then(|settings| check(settings, action.retry, &mut reader));
    (retry, reader.faults)
}

fn check(settings: Settings, class: RetryClass, reader: &mut Reader<'_>) -> Option<Retry> {
    let Settings { attempts, backoff, longest, give_up_after, on } = settings;
    let path = reader.path;
    let mut told = false;
    let mut fault = |code: &'static str, field: &str, message: String, help: &str| {
        told = true;
        let at = if field.is_empty() { path.to_owned() } else { format!("{path}/{field}") };
        reader.fault(Diagnostic::error(code, message).at(at).help(help));
    };
    for (field, span) in [("backoff", backoff), ("longest", longest), ("give_up_after", give_up_after)] {
        if span.is_some_and(|span| span.0.num_seconds() < 1 || span.0.num_days() > MOST_PAUSE_DAYS) {
            let message = format!("`{field}` is from 1 second to {MOST_PAUSE_DAYS} days");
            fault("out-of-range", field, message, "write 30s, 5m, 1h or 7d");
        }
    }
    let ordered = [
        ("longest", longest, "backoff", backoff, "the longest pause is shorter than the first"),
        ("give_up_after", give_up_after, "backoff", backoff, "it is given up before the second attempt"),
    ];
    for (field, span, other, least, message) in ordered {
        if let (Some(span), Some(least)) = (span, least)
            && span < least
        {
            let message = format!("{message}: `{field}` is {span}, `{other}` is {least}");
            fault("conflicting-settings", field, message, &format!("make `{field}` longer"));
        }
    }
    if attempts == Some(1) {
        for (field, set) in [
            ("backoff", backoff.is_some()),
            ("longest", longest.is_some()),
            ("give_up_after", give_up_after.is_some()),
            ("on", on.is_some()),
        ] {
            if set {
                let message = format!("with one attempt, `{field}` means nothing");
                fault("conflicting-settings", field, message, "more `attempts`, or nothing else");
            }
        }
    }
    let on: Option<Vec<Trouble>> = on.map(|on| on.into_iter().map(Trouble::from).collect());
    if let Some(on) = &on {
        if on.is_empty() {
            let help = "name some of them, leave `on` out, or write `attempts`: 1";
            fault("conflicting-settings", "on", "no error is worth another attempt".into(), help);
        } else if class == RetryClass::Database && on.iter().any(|trouble| *trouble != Trouble::Refused) {
            let message = "this action changes rows of the database: it can be `refused`, and nothing else";
            fault("unfit-retry", "on", message.into(), "write `on`: [\"refused\"], or leave it out");
        }
    }
    let ms = |span: Option<Span>| span.and_then(|span| u64::try_from(span.0.num_milliseconds()).ok());
    let retry = Retry {
        attempts,
        backoff_ms: ms(backoff),
        longest_ms: ms(longest),
        give_up_after_ms: ms(give_up_after),
        on,
    };
    (!told).then_some(retry)
}

/// What holds for rows of the database: tried again only where the node says so.
pub fn policy_of_rows(class: Option<RetryClass>, retry: Option<&Retry>) -> Option<Policy> {
    (class == Some(RetryClass::Database)).then(|| retry.map(|retry| Policy::of_rows().with(retry))).flatten()
}
