//! What `wait_for_event` and `cancel_on` share: which events, and whose.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::workflow::catalogue::{PlanError, Trigger};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::control::{Awaited, Key};
use crate::workflow::diagnostics::{Diagnostic, did_you_mean};
use crate::workflow::rules::test::Test;
use crate::workflow::scope::Scope;
use crate::workflow::subjects::Subject;

/// Whose events.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Of {
    /// Of the very row that started the execution.
    Row,
    /// Of its customer.
    Customer,
    /// Of anyone.
    Anyone,
}

/// Events that are waited for.
#[derive(Debug)]
pub(super) struct Events {
    pub awaited: Awaited,
    pub of: Of,
}

impl Events {
    /// Reads the settings `event`, `config`, `of` and `match`; faults are noted in `reader`.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let settings = reader.value;
        let name = settings.get("event").and_then(Value::as_str)?;
        let catalogue = reader.catalogue;
        let Some(kind) = catalogue.trigger(name) else {
            let names = catalogue.triggers.iter().map(|kind| kind.about.name);
            let fault = Diagnostic::error("unknown-kind", format!("there is no trigger `{name}`"));
            let path = format!("{}/event", reader.path);
            reader.fault(fault.at(path).maybe_help(did_you_mean(name, names)));
            return None;
        };
        let (nothing, path) = (Value::Object(Map::new()), format!("{}/config", reader.path));
        let config = settings.get("config").filter(|config| !config.is_null()).unwrap_or(&nothing);
        let (schema, scope) =
            ((kind.about.schema)(), Scope { tables: reader.scope.tables, ..Scope::default() });
        let mut inner = Reader::new(reader.node, config, &path, &schema, &scope, catalogue);
        let trigger = (kind.build)(&mut inner);
        inner.help("unknown-field", "/filter", "write it in `match`, beside `config`");
        reader.faults.append(&mut inner.faults);
        let trigger = trigger?;
        if trigger.is_addressed() || trigger.sources().is_empty() {
            reader.fault_at("bad-event", "event", format!("`{name}` is no event that can be waited for"));
            return None;
        }
        let subjects: Vec<&'static Subject> = trigger.sources().iter().map(|source| source.subject).collect();
        let own = &reader.scope.subjects;
        let same_row = own.iter().all(|own| subjects.iter().all(|other| other.table == own.table));
        let both_have_customers = own
            .iter()
            .chain(&subjects)
            .all(|subject| subject.has_customer_id() || subject.table == "customers");
        let of = match settings.get("of").and_then(Value::as_str) {
            Some("row") => Of::Row,
            Some("customer") => Of::Customer,
            Some(_) => Of::Anyone,
            None if same_row => Of::Row,
            None if both_have_customers => Of::Customer,
            None => Of::Anyone,
        };
        reader.unheard(&*trigger, "event");
        if (of == Of::Row && !same_row) || (of == Of::Customer && !both_have_customers) {
            let message = match of {
                Of::Row => format!("`{name}` is about other rows than the trigger"),
                _ => format!("`{name}`, or the trigger, is about rows that belong to no customer"),
            };
            let help = "write `anyone`, and say in `match` which events are meant";
            let path = format!("{}/of", reader.path);
            reader.fault(Diagnostic::error("bad-event", message).at(path).help(help));
            return None;
        }
        if of == Of::Customer {
            reader.customerless(&subjects, "of");
        }
        let filter = match settings.get("match").filter(|test| !test.is_null()) {
            None => None,
            Some(test) => Some(read_match(reader, test, &*trigger)?),
        };
        Some(Self { awaited: Awaited { trigger, kind: kind.about.name, filter }, of })
    }

    /// Whose events this execution waits for.
    pub fn key(&self, context: &Context) -> Result<Key, PlanError> {
        let missing = |what: &str| PlanError(format!("of: the {} has no {what}", context.subject()));
        match self.of {
            Of::Anyone => Ok(Key::Any),
            Of::Row => {
                let id = context.row_field("id").ok_or_else(|| missing("id"))?;
                Ok(Key::Row(id.as_str().map_or_else(|| id.to_string(), str::to_owned)))
            }
            Of::Customer => {
                let field = if context.subject() == "customer" { "id" } else { "customer_id" };
                let id: Option<Uuid> = context.row_id(field);
                id.map(Key::Customer).ok_or_else(|| missing("customer"))
            }
        }
    }

    /// In words: "`order_paid` of the same row".
    pub fn told(&self) -> String {
        let of = match self.of {
            Of::Row => " of the same row",
            Of::Customer => " of the same customer",
            Of::Anyone => "",
        };
        format!("`{}`{of}", self.awaited.kind)
    }
}

fn read_match(reader: &mut Reader<'_>, test: &Value, trigger: &dyn Trigger) -> Option<Test> {
    let sources = trigger.sources();
    let awaited = sources.iter().map(|source| source.subject).collect();
    let awaited_table = sources.first().map(|source| source.table.clone().into_owned());
    let scope = Scope { awaited, awaited_table, ..reader.scope.clone() };
    let path = format!("{}/match", reader.path);
    let mut inner = Reader::new(reader.node, test, &path, &Value::Null, &scope, reader.catalogue);
    let read = Test::read_filter(&mut inner, test, &path, "no event is ever the one that is waited for");
    let (mut faults, mut names) = (std::mem::take(&mut inner.faults), std::mem::take(&mut inner.names));
    reader.faults.append(&mut faults);
    reader.names.append(&mut names);
    read
}
