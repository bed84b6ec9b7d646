//! The context: everything that conditions and templates of one execution can see.

mod view;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use minijinja::value::Value as Dynamic;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::mails::Mails;
use super::subjects::CUSTOMER;
use crate::domain::event::{Event, Row};
use crate::domain::ids::{EventId, ExecutionId, NodeId};
use crate::domain::mail::UNSUBSCRIBE_MARK;

/// What happened, without the row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The event's identity.
    pub id: EventId,
    /// The trigger kind: `order_created`.
    #[serde(rename = "type")]
    pub kind: Arc<str>,
    /// When.
    pub at: DateTime<Utc>,
}

/// The context of one execution. Cheap to clone: what is large is shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    #[serde(default)]
    execution: ExecutionId,
    event: Head,
    /// The event's: what the execution writes is one deeper.
    #[serde(default, skip_serializing_if = "is_zero")]
    depth: i16,
    subject: Arc<str>,
    row: Arc<Row>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer: Option<Arc<Row>>,
    #[serde(default)]
    old: Arc<Row>,
    #[serde(default)]
    steps: Arc<BTreeMap<NodeId, Value>>,
    #[serde(default)]
    vars: Arc<Row>,
    /// In the body of a loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item: Option<Item>,
    /// The row of an event that is matched with what the execution waits for.
    #[serde(skip)]
    awaited: Option<Arc<Row>>,
    /// What a mail's node gives its stored template.
    #[serde(skip)]
    values: Option<Arc<Row>>,
    /// The stored mails, as they are by now.
    #[serde(skip)]
    mails: Arc<Mails>,
    now: DateTime<Utc>,
}

/// What the body of a loop runs for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its place in the list, from 0.
    pub index: u32,
    /// It.
    pub value: Arc<Value>,
}

impl Context {
    /// The context in which an execution for `event` starts. `kind` is the trigger's, `subject` the name
    /// of what the event is about.
    pub fn new(event: &Event, kind: &str, subject: &str, execution: ExecutionId, now: DateTime<Utc>) -> Self {
        Self {
            execution,
            event: Head { id: event.id, kind: kind.into(), at: event.at },
            depth: event.depth,
            subject: subject.into(),
            row: event.row.clone(),
            // What happened to a customer is about that customer.
            customer: if subject == CUSTOMER.name { Some(event.row.clone()) } else { event.customer.clone() },
            old: event.old.clone(),
            steps: Arc::default(),
            vars: Arc::default(),
            item: None,
            awaited: None,
            values: None,
            mails: Arc::default(),
            now,
        }
    }

    /// The same event for another try: nothing has run.
    pub fn anew(&self, kind: &str, now: DateTime<Utc>) -> Self {
        let event = Head { kind: kind.into(), ..self.event.clone() };
        Self { event, steps: Arc::default(), vars: Arc::default(), item: None, now, ..self.clone() }
    }

    /// How many items of a loop failed.
    pub fn failed_items(&self, node: &NodeId) -> u64 {
        self.steps.get(node).and_then(|result| result.get("failed")?.as_u64()).unwrap_or(0)
    }

    /// Which execution sees it.
    pub fn execution(&self) -> ExecutionId {
        self.execution
    }

    /// How many executions stand before its event, each started by what the one before it wrote.
    pub fn depth(&self) -> i16 {
        self.depth
    }

    /// The same, for one item of a loop.
    pub fn for_item(&self, item: Item) -> Self {
        Self { item: Some(item), ..self.clone() }
    }

    /// What a loop's body sees of its item.
    pub fn item(&self) -> Option<&Item> {
        self.item.as_ref()
    }

    /// The results of nodes that `around` does not know.
    pub fn results_beyond(&self, around: &Self) -> Row {
        let own = self.steps.iter().filter(|(node, _)| !around.steps.contains_key(*node));
        own.map(|(node, result)| (node.as_str().to_owned(), result.clone())).collect()
    }

    /// The variables, if they are otherwise than in `around`.
    pub fn vars_unlike(&self, around: &Self) -> Option<Row> {
        (self.vars != around.vars).then(|| (*self.vars).clone())
    }

    /// These variables in place of all.
    pub fn replace_vars(&mut self, vars: Row) {
        self.vars = Arc::new(vars);
    }

    /// How long the variables are as JSON.
    pub fn vars_bytes(&self) -> usize {
        serde_json::to_vec(&*self.vars).map_or(usize::MAX, |json| json.len())
    }

    /// The event's row, as it has become.
    pub fn set_row(&mut self, row: Row) {
        self.row = Arc::new(row);
    }

    /// Takes the result of `node` away.
    pub fn forget_step(&mut self, node: &NodeId) {
        Arc::make_mut(&mut self.steps).remove(node);
    }

    /// Adds a field to the result of `node`.
    pub fn add_to_step(&mut self, node: &NodeId, field: &str, value: Value) {
        let result =
            Arc::make_mut(&mut self.steps).entry(node.clone()).or_insert_with(|| Value::Object(Row::new()));
        if let Value::Object(fields) = result {
            fields.insert(field.to_owned(), value);
        }
    }

    /// The same, beside the row of an event that may be the awaited one.
    pub fn beside(&self, awaited: Row) -> Self {
        Self { awaited: Some(Arc::new(awaited)), ..self.clone() }
    }

    /// Sets variables.
    pub fn set_vars(&mut self, vars: Row) {
        Arc::make_mut(&mut self.vars).extend(vars);
    }

    /// The same, for a stored template that is given these.
    pub fn with_values(&self, values: Row) -> Self {
        Self { values: Some(Arc::new(values)), ..self.clone() }
    }

    /// The stored mails.
    pub fn mails(&self) -> &Mails {
        &self.mails
    }

    /// Has it see these stored mails from now on.
    pub fn set_mails(&mut self, mails: &Arc<Mails>) {
        if !Arc::ptr_eq(&self.mails, mails) {
            self.mails = mails.clone();
        }
    }

    /// What happened.
    pub fn event(&self) -> &Head {
        &self.event
    }

    /// The instant that `now` shows.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Moves `now` on: an execution that rested sees the time at which it goes on.
    pub fn set_now(&mut self, now: DateTime<Utc>) {
        self.now = now;
    }

    /// Lets later nodes see the result of `node`.
    pub fn set_step(&mut self, node: NodeId, result: Value) {
        Arc::make_mut(&mut self.steps).insert(node, result);
    }

    /// A field of the event's row, if it is there and not null.
    pub fn row_field(&self, name: &str) -> Option<&Value> {
        self.row.get(name).filter(|value| !value.is_null())
    }

    /// The id of the event's row, as text; empty if it has none.
    pub fn row_key(&self) -> String {
        let id = self.row_field("id");
        id.map_or_else(String::new, |id| id.as_str().map_or_else(|| id.to_string(), str::to_owned))
    }

    /// A field of the event's row as an id.
    pub fn row_id(&self, name: &str) -> Option<Uuid> {
        self.row_field(name).and_then(Value::as_str).and_then(|id| id.parse().ok())
    }

    /// The customer whom the event belongs to, as the row says, or as was found by it.
    pub fn customer_id(&self) -> Option<Uuid> {
        let found = || self.customer.as_ref()?.get("id")?.as_str()?.parse().ok();
        self.row_id("customer_id").or_else(found)
    }

    /// The name of what the event is about: `order`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The former value of a field of the row, if the event changed it.
    pub fn former(&self, field: &str) -> Option<&Value> {
        self.old.get(field)
    }

    /// The value at a path such as `order.total`, split at its dots. `None` if there is nothing there.
    pub fn get<S: AsRef<str>>(&self, path: &[S]) -> Option<Cow<'_, Value>> {
        let (root, rest) = path.split_first()?;
        let (row, rest): (&Row, &[S]) = match root.as_ref() {
            "event" => return self.event_field(rest),
            "unsubscribe_url" if rest.is_empty() => return Some(Cow::Owned(UNSUBSCRIBE_MARK.into())),
            "now" if rest.is_empty() => return Some(Cow::Owned(time(self.now))),
            "steps" => {
                let (node, rest) = rest.split_first()?;
                let value = self.steps.iter().find(|(id, _)| id.as_str() == node.as_ref())?.1;
                return below(value, rest).map(Cow::Borrowed);
            }
            "customer" => (self.customer.as_deref()?, rest),
            "old" => (&self.old, rest),
            "vars" => (&self.vars, rest),
            "awaited" => (self.awaited.as_deref()?, rest),
            "values" => (self.values.as_deref()?, rest),
            "item" => return below(&self.item.as_ref()?.value, rest).map(Cow::Borrowed),
            "index" if rest.is_empty() => return Some(Cow::Owned(self.item.as_ref()?.index.into())),
            name if name == &*self.subject => (&self.row, rest),
            _ => return None,
        };
        let (field, rest) = rest.split_first()?;
        below(row.get(field.as_ref())?, rest).map(Cow::Borrowed)
    }

    fn event_field<S: AsRef<str>>(&self, path: &[S]) -> Option<Cow<'_, Value>> {
        let [field] = path else { return None };
        Some(Cow::Owned(match field.as_ref() {
            "id" => Value::String(self.event.id.to_string()),
            "type" => Value::String(self.event.kind.to_string()),
            "at" => time(self.event.at),
            _ => return None,
        }))
    }

    /// The context as templates see it: converted field by field, when one is asked for.
    pub fn for_templates(&self) -> Dynamic {
        view::of(self)
    }
}

fn is_zero(depth: &i16) -> bool {
    *depth == 0
}

/// What is at a path below a value.
pub(super) fn below<'a, S: AsRef<str>>(mut value: &'a Value, path: &[S]) -> Option<&'a Value> {
    for key in path {
        value = match value {
            Value::Object(map) => map.get(key.as_ref())?,
            Value::Array(items) => items.get(key.as_ref().parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(value)
}

/// An instant as rows spell it.
pub fn time(at: DateTime<Utc>) -> Value {
    Value::String(at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[cfg(test)]
pub mod tests {
    //! A context to try things on.
    use super::*;
    use crate::domain::event::Operation;

    /// The event of an order of 250.00 with the customer Ada; `total` and others can be set.
    pub fn order_event(fields: Value) -> Event {
        let mut row = serde_json::json!({
            "id": "00000000-0000-7000-8000-00000000000a", "customer_id": "00000000-0000-7000-8000-00000000000b",
            "status": "new", "total": 25_000, "currency": "EUR", "note": null, "medusa_order_id": null,
            "created_at": "2026-11-22T10:00:00+00:00", "updated_at": "2026-11-22T10:00:00+00:00", "created_by": null
        });
        if let (Value::Object(row), Value::Object(fields)) = (&mut row, fields) {
            row.extend(fields);
        }
        let customer = serde_json::json!({"id": "00000000-0000-7000-8000-00000000000b", "email": "ada@example.com",
            "name": "Ada", "phone": null, "locale": "en", "preferences": {"tags": ["vip", "news"]}});
        let map = |value: Value| value.as_object().cloned().unwrap_or_default();
        Event {
            id: EventId(Uuid::from_u128(7)),
            at: DateTime::from_timestamp(1_795_341_600, 0).expect("in range"),
            table: "orders".into(),
            operation: Operation::Insert,
            row: map(row).into(),
            old: Arc::default(),
            customer: Some(map(customer).into()),
            cause: None,
            depth: 0,
        }
    }

    /// The context of [`order_event`].
    pub fn order_context(fields: Value) -> Context {
        let event = order_event(fields);
        Context::new(&event, "order_created", "order", ExecutionId::default(), event.at)
    }

    #[test]
    fn paths_find_what_is_there_and_nothing_else() {
        let mut context = order_context(Value::Null);
        context.set_step("points".into(), serde_json::json!({"balance": 250}));
        let get = |path: &str| context.get(&path.split('.').collect::<Vec<_>>()).map(Cow::into_owned);
        assert_eq!(get("order.total"), Some(25_000.into()));
        assert_eq!(get("customer.preferences.tags.1"), Some("news".into()));
        assert_eq!(get("steps.points.balance"), Some(250.into()));
        assert_eq!(get("event.type"), Some("order_created".into()));
        assert_eq!(get("now"), Some("2026-11-22T10:00:00Z".into()));
        for missing in
            ["order.totl", "page.title", "order", "steps.other.x", "order.total.x", "now.x", "event.x", ""]
        {
            assert_eq!(get(missing), None, "{missing}");
        }
    }

    #[test]
    fn it_comes_back_from_json_as_it_was() {
        let mut context = order_context(Value::Null);
        context.set_step("a".into(), serde_json::json!({"n": 1}));
        let text = serde_json::to_string(&context).expect("serialises");
        assert_eq!(serde_json::from_str::<Context>(&text).expect("reads"), context);
    }
}
