//! Event files: `{"type", "at", "data": {"order": {…}, "customer": {…}}}`, read into the event that the shop's
//! triggers would have recorded. One of `row_changed` says of which table: `{"type", "at", "table", "data": {"row": {…}}}`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::catalogue::{Catalogue, Source, TriggerKind};
use super::config::describe;
use super::context::time;
use super::diagnostics::{Diagnostic, any_error, did_you_mean, segment};
use super::rules::value::{Typed, instant, shorten};
use super::subjects::{CUSTOMER, Field, FieldType, ROW, Subject, is_stored, row_of};
use crate::domain::event::{Event, Operation, Row};
use crate::domain::ids::EventId;

const KEYS: &[&str] = &["id", "type", "at", "operation", "data", "old", "given"];
/// Of an event that may be about any table.
const KEYS_WITH_TABLE: &[&str] = &["id", "type", "at", "table", "operation", "data", "old", "given"];
/// Rows beside the event that a file may lay in.
const MOST_GIVEN: usize = 1_000;
/// Columns that are the event's time where a file leaves them out, as they are in the database.
const TIMES: &[&str] = &[
    "created_at",
    "updated_at",
    "at",
    "due_at",
    "received_at",
    "failed_at",
    "opened_at",
    "clicked_at",
    "viewed_at",
    "enrolled_at",
];
const LONGEST_NAME: usize = 63;

/// An event from a file, with the trigger kind that it names.
#[derive(Debug)]
pub struct EventFile {
    /// The event. What the file leaves out is filled in: ids derived from the file, times from `at`.
    pub event: Event,
    /// The kind of trigger that `type` names.
    pub kind: &'static TriggerKind,
    /// What the event is about.
    pub subject: &'static Subject,
    /// Rows that are to be there before it, with their tables: `{"given": {"orders": [{…}]}}`.
    pub given: Vec<Given>,
}

/// A row that is to be there before an event.
#[derive(Debug, Clone)]
pub struct Given {
    /// The table, without its schema.
    pub table: String,
    /// Its columns.
    pub row: Row,
}

/// Reads an event file.
///
/// # Errors
/// All its faults.
pub fn read(file: &Value, catalogue: &Catalogue) -> Result<EventFile, Vec<Diagnostic>> {
    let mut reader = EventReader {
        faults: Vec::new(),
        seed: Uuid::new_v5(&Uuid::NAMESPACE_OID, file.to_string().as_bytes()),
    };
    let read = reader.file(file, catalogue);
    match read {
        Some(read) if !any_error(&reader.faults) => Ok(read),
        _ => Err(reader.faults),
    }
}

struct EventReader {
    faults: Vec<Diagnostic>,
    seed: Uuid,
}

impl EventReader {
    fn fault(&mut self, code: &'static str, path: &str, message: String, help: Option<String>) {
        self.faults.push(Diagnostic::error(code, message).at(path).maybe_help(help));
    }

    fn file(&mut self, file: &Value, catalogue: &Catalogue) -> Option<EventFile> {
        let Some(map) = file.as_object() else {
            self.fault(
                "not-an-object",
                "",
                "an event must be an object with `type`, `at` and `data`".into(),
                None,
            );
            return None;
        };
        let of_any_table = map
            .get("type")
            .and_then(Value::as_str)
            .and_then(|name| catalogue.trigger(name))
            .is_some_and(about_any_table);
        self.unknown_keys(map, if of_any_table { KEYS_WITH_TABLE } else { KEYS }, "");
        let kind = self.kind(map, catalogue);
        let at = self.at(map);
        let data = self.data(map);
        let (kind, data) = (kind?, data?);
        let source = if of_any_table { self.any_table(map, data)? } else { self.source(kind, data)? };
        let names = [source.subject.name, "customer"];
        self.unknown_keys(data, if source.subject.has_customer() { &names } else { &names[..1] }, "/data");
        let filled_at = at.unwrap_or_default();
        let customer = match data.get("customer").filter(|_| source.subject.has_customer()) {
            Some(customer) => Some(self.row(customer, &CUSTOMER, "/data/customer", filled_at)?),
            None => None,
        };
        let mut row = self.row(
            &data[source.subject.name],
            source.subject,
            &format!("/data/{}", source.subject.name),
            filled_at,
        )?;
        if let (Some(id), true) =
            (customer.as_ref().and_then(|row| row.get("id")), source.subject.has_customer_id())
        {
            row.entry("customer_id").or_insert_with(|| id.clone());
        }
        let old = match map.get("old") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(old)) => old.clone(),
            Some(other) => {
                self.fault(
                    "wrong-type",
                    "/old",
                    format!("`old` must be an object, not {}", describe(other)),
                    None,
                );
                return None;
            }
        };
        let operation = self.operation(map, &source, !old.is_empty())?;
        let id = map.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok()).unwrap_or(self.seed);
        let table = source.table.clone().into_owned();
        let at = at?;
        let (row, old, customer) = (Arc::new(row), Arc::new(old), customer.map(Arc::new));
        let event =
            Event { id: EventId(id), at, table, operation, row, old, customer, cause: None, depth: 0 };
        let given = self.given(map, at)?;
        Some(EventFile { event, kind, subject: source.subject, given })
    }

    fn given(&mut self, map: &Map<String, Value>, at: DateTime<Utc>) -> Option<Vec<Given>> {
        let tables = match map.get("given") {
            None | Some(Value::Null) => return Some(Vec::new()),
            Some(Value::Object(tables)) => tables,
            Some(other) => {
                let message = format!("`given` must be an object of tables, not {}", describe(other));
                self.fault("wrong-type", "/given", message, Some("write {\"orders\": [{…}]}".into()));
                return None;
            }
        };
        let mut given = Vec::new();
        for (table, rows) in tables {
            let path = format!("/given/{}", segment(table));
            let rows = rows.as_array().map_or_else(|| std::slice::from_ref(rows), Vec::as_slice);
            for (n, row) in rows.iter().enumerate() {
                let row = self.row(row, row_of(table), &format!("{path}/{n}"), at)?;
                given.push(Given { table: table.clone(), row });
            }
        }
        if given.len() > MOST_GIVEN {
            self.fault("too-large", "/given", format!("more than {MOST_GIVEN} rows"), None);
            return None;
        }
        Some(given)
    }

    fn unknown_keys(&mut self, map: &Map<String, Value>, known: &[&str], path: &str) {
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let help = did_you_mean(key, known.iter().copied());
            self.fault(
                "unknown-field",
                &format!("{path}/{}", segment(key)),
                format!("there is no field `{key}`"),
                help,
            );
        }
    }

    fn kind(&mut self, map: &Map<String, Value>, catalogue: &Catalogue) -> Option<&'static TriggerKind> {
        let names = || catalogue.triggers.iter().map(|kind| kind.about.name);
        match map.get("type").and_then(Value::as_str) {
            None => self.fault("missing-field", "", "`type` is missing".into(), did_you_mean("", names())),
            Some(name) => match catalogue.trigger(name) {
                Some(kind) => return Some(kind),
                None => {
                    let message = format!("there is no trigger `{name}`");
                    self.fault("unknown-kind", "/type", message, did_you_mean(name, names()));
                }
            },
        }
        None
    }

    fn at(&mut self, map: &Map<String, Value>) -> Option<DateTime<Utc>> {
        let help = Some("write 2026-11-22T10:00:00Z".to_owned());
        match map.get("at") {
            None => self.fault("missing-field", "", "`at` is missing".into(), help),
            Some(value) => match value.as_str().and_then(instant) {
                Some(at) => return Some(at),
                None => self.fault("wrong-type", "/at", format!("{value} is not a time"), help),
            },
        }
        None
    }

    fn data<'v>(&mut self, map: &'v Map<String, Value>) -> Option<&'v Map<String, Value>> {
        match map.get("data") {
            Some(Value::Object(data)) => return Some(data),
            None => self.fault("missing-field", "", "`data` is missing".into(), None),
            Some(other) => {
                self.fault(
                    "wrong-type",
                    "/data",
                    format!("`data` must be an object, not {}", describe(other)),
                    None,
                );
            }
        }
        None
    }

    fn source(&mut self, kind: &'static TriggerKind, data: &Map<String, Value>) -> Option<Source> {
        let found = kind.sources.iter().find(|source| data.contains_key(source.subject.name));
        if found.is_none() {
            let names: Vec<String> =
                kind.sources.iter().map(|source| format!("`{}`", source.subject.name)).collect();
            let message = format!("`{}` is about {}: `data` has none", kind.about.name, names.join(" or "));
            self.fault("missing-field", "/data", message, None);
        }
        found.cloned()
    }

    /// The source of an event that may be about any table: the file says which.
    fn any_table(&mut self, map: &Map<String, Value>, data: &Map<String, Value>) -> Option<Source> {
        const ALL: &[Operation] = &[Operation::Insert, Operation::Update, Operation::Delete];
        let help =
            || Some("write the name of a table, without its schema: `\"table\": \"orders\"`".to_owned());
        let table = match map.get("table") {
            Some(Value::String(table)) if (1..=LONGEST_NAME).contains(&table.len()) && is_stored(table) => {
                Some(table)
            }
            Some(other) => {
                self.fault("wrong-type", "/table", format!("{} is no table", shorten(other)), help());
                None
            }
            None => {
                self.fault("missing-field", "", "`table` is missing".into(), help());
                None
            }
        };
        if !data.contains_key(ROW.name) {
            let message = format!("`data` has no `{}`", ROW.name);
            self.fault("missing-field", "/data", message, None);
            return None;
        }
        let table = table?;
        Some(Source { subject: row_of(table), table: table.clone().into(), operations: ALL })
    }

    fn operation(&mut self, map: &Map<String, Value>, source: &Source, changed: bool) -> Option<Operation> {
        let operation = match map.get("operation") {
            None if changed => Some(Operation::Update),
            None => source.operations.first().copied(),
            Some(name) => name.as_str().and_then(Operation::from_text),
        };
        let operation = operation.filter(|operation| source.operations.contains(operation));
        if operation.is_none() {
            let names: Vec<&str> = source.operations.iter().map(|operation| operation.as_str()).collect();
            let message = format!("the operation must be {}", names.join(" or "));
            let path = if map.contains_key("operation") { "/operation" } else { "/old" };
            self.fault("unknown-value", path, message, None);
        }
        operation
    }

    fn row(
        &mut self,
        value: &Value,
        subject: &'static Subject,
        path: &str,
        at: DateTime<Utc>,
    ) -> Option<Map<String, Value>> {
        let Some(row) = value.as_object() else {
            let message = format!("`{}` must be an object, not {}", subject.name, describe(value));
            self.fault("wrong-type", path, message, None);
            return None;
        };
        let mut filled = Map::new();
        if subject.open {
            let others = row.iter().filter(|(name, _)| subject.field(name).is_none());
            filled.extend(others.map(|(name, value)| (name.clone(), value.clone())));
        } else {
            let names: Vec<&str> = subject.fields.iter().map(|field| field.name).collect();
            self.unknown_keys(row, &names, path);
        }
        for field in subject.fields {
            let given = row.get(field.name).filter(|value| !value.is_null());
            match given {
                Some(value) => self.value(value, field.ty, &format!("{path}/{}", field.name)),
                None if field.required => {
                    let message = format!(
                        "`{}.{}` is missing: it is {}",
                        subject.name,
                        field.name,
                        field.ty.described()
                    );
                    self.fault("missing-field", path, message, None);
                }
                None => {
                    if let Some(value) = self.filled_in(subject, field, at) {
                        filled.insert(field.name.into(), value);
                        continue;
                    }
                }
            }
            if let Some(value) = row.get(field.name) {
                filled.insert(field.name.into(), value.clone());
            }
        }
        if subject.field("currency").is_some() {
            filled.entry("currency").or_insert_with(|| Value::from("EUR"));
        }
        Some(filled)
    }

    /// What stands in a column that the file leaves out.
    fn filled_in(&self, subject: &Subject, field: &Field, at: DateTime<Utc>) -> Option<Value> {
        let told = !is_stored(subject.table);
        match field.name {
            "id" => Some(match field.ty {
                FieldType::Integer => Value::from(self.seed.as_u128() as u32),
                _ => Value::from(Uuid::new_v5(&self.seed, subject.name.as_bytes()).to_string()),
            }),
            name if TIMES.contains(&name) => Some(time(at)),
            "workflow_id" | "workflow" | "execution" if told => {
                Some(Value::from(Uuid::new_v5(&self.seed, field.name.as_bytes()).to_string()))
            }
            "missed" if told => Some(Value::from(0)),
            "method" if told => Some(Value::from("POST")),
            "query" | "headers" if told => Some(Value::Object(Map::new())),
            _ => None,
        }
    }

    fn value(&mut self, value: &Value, ty: FieldType, path: &str) {
        let fault = match (ty, value) {
            (FieldType::List, Value::Array(_)) | (FieldType::Json, _) => None,
            (FieldType::Id, Value::String(id)) if id.parse::<Uuid>().is_ok() => None,
            (FieldType::Id, _) => Some((format!("{value} is not an id"), Some("write a UUID".to_owned()))),
            (FieldType::Money | FieldType::Integer, Value::String(_)) => {
                let fault = Typed::read(value, ty).err();
                Some((format!("{value} is not {}", ty.described()), fault.and_then(|fault| fault.help)))
            }
            (FieldType::List, _) => Some((format!("{value} is not a list"), None)),
            (FieldType::Text, other) if !other.is_string() => Some((format!("{value} is not a text"), None)),
            _ => Typed::read(value, ty).err().map(|fault| (fault.message, fault.help)),
        };
        if let Some((message, help)) = fault {
            self.fault("wrong-type", path, message, help);
        }
    }
}

/// Whether a kind's events are about rows of any table.
fn about_any_table(kind: &TriggerKind) -> bool {
    kind.sources.iter().any(|source| *source.subject == ROW)
}
