//! Flow control: how often, how soon and how many at once. Settings that every trigger may have, beside its own.
//!
//! Pure: what is kept between executions is handed in and out ([`decide::Kept`]). Windows count in the time of events, so
//! that a backlog that is worked off late behaves as it would have.

pub mod decide;
mod settings;
mod words;

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::config::Reader;
use super::context::Context;
use super::diagnostics::Diagnostic;
use super::scope::Scope;
pub use settings::{BulkGuard, Concurrency, Debounce, Flow, Once, Per, Rate};

/// Where the settings are, beside `config`.
pub const FLOW: &str = "flow";
/// Bytes of a key; longer ones are kept as their hash.
const LONGEST_KEY: usize = 200;

/// A rule, as the database spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// How many at once.
    Concurrency,
    /// When nothing more happens.
    Debounce,
    /// More than ever at once.
    Guard,
    /// Not again.
    Once,
    /// So many in so long.
    Rate,
}

impl Rule {
    /// As `workflow_flow.rule` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Debounce => "debounce",
            Self::Guard => "guard",
            Self::Once => "once",
            Self::Rate => "rate",
        }
    }
}

impl Per {
    /// What counts together, at most [`LONGEST_KEY`] bytes. An event without a customer counts by its row, and so does one
    /// for which the template has no value. Values of templates are kept as hashes: they may be about people.
    pub fn key(&self, context: &Context) -> String {
        let key = match self {
            Self::Workflow => "workflow".to_owned(),
            Self::Customer => match context.customer_id() {
                Some(id) => format!("customer:{id}"),
                None => row(context),
            },
            Self::Of(template) => match template.render(context) {
                Ok(text) => format!("value:{}", hashed(&text)),
                Err(_) => row(context),
            },
            Self::Row | Self::Unknown(_) => row(context),
        };
        if key.len() > LONGEST_KEY { format!("long:{}", hashed(&key)) } else { key }
    }
}

fn row(context: &Context) -> String {
    let id = context.row_key();
    // What has no id is a row of its own.
    if id.is_empty() {
        return format!("event:{}", context.event().id);
    }
    format!("{}:{id}", context.subject())
}

fn hashed(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).fold(String::with_capacity(32), |mut hex, byte| {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The JSON Schema of the settings.
pub fn schema() -> Value {
    super::catalogue::schema::<Flow>()
}

/// Reads the settings of a trigger whose events are seen as `scope` says; `None` if they have faults, which are noted.
/// What must be loaded with the event is among the reader's names then.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Flow> {
    let flow: Flow = reader.read()?;
    let faults = reader.faults.len();
    for (rule, per) in flow.pers() {
        let path = format!("{}/{rule}/per", reader.path);
        match per {
            Per::Unknown(word) => {
                let shown: String = word.chars().take(40).collect();
                let message = format!("`{shown}` is nothing that can be counted by");
                let help = "write `row`, `customer`, `workflow` or a template such as `{{ order.currency }}`";
                reader.fault(Diagnostic::error("unknown-value", message).at(path).help(help));
            }
            Per::Customer => customer(reader, path),
            Per::Row | Per::Workflow | Per::Of(_) => {}
        }
    }
    for (field, message) in flow.out_of_bounds() {
        let fault = Diagnostic::error("out-of-range", message);
        reader.fault(fault.at(format!("{}/{field}", reader.path)));
    }
    (reader.faults.len() == faults).then_some(flow)
}

fn customer(reader: &mut Reader<'_>, path: String) {
    let scope: &Scope<'_> = reader.scope;
    if let Some(lacking) = scope.subjects.iter().find(|subject| !subject.open && !subject.has_customer()) {
        let message = format!("`{}` belongs to no customer", lacking.name);
        let fault = Diagnostic::error("lacking-field", message).at(path);
        return reader.fault(fault.help("count by `row` or `workflow`"));
    }
    // Rows that name their customer by an order or an address need that customer's row.
    if !scope.subjects.iter().all(|subject| subject.has_customer_id()) {
        reader.names.insert(vec!["customer".to_owned(), "id".to_owned()]);
    }
}

#[cfg(test)]
mod tests;
