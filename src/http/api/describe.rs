//! The API's description, as OpenAPI, from the operations themselves.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::BASE;
use super::problem::Problem;
use crate::http::door::rights::{Right, right_of};
use crate::operations::all::{Visitor, visit};
use crate::operations::refusal::KINDS;
use crate::operations::{Kind, Match, Operation, Verb};

/// The whole of it.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| described().0);
    &DOCUMENT
}

/// The document, and the names that stand for more than one form.
fn described() -> (Value, Vec<String>) {
    let mut describer = Describer::default();
    describer.keep::<Problem>();
    visit(&mut describer);
    describer.describe_sessions();
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "thendo",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "When something happens in the database, then do something about it.",
        },
        "paths": describer.paths,
        "components": {
            "schemas": describer.schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer",
                    "description": "A key of `thendo keys create`, or the token of an admin's account."},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "thendo_session",
                    "description": "By https its name is `__Host-thendo_session`."},
            },
        },
        "security": [{"bearer": []}, {"cookie": []}],
    });
    (document, describer.twice)
}

#[derive(Default)]
struct Describer {
    paths: BTreeMap<String, Map<String, Value>>,
    schemas: BTreeMap<String, Value>,
    twice: Vec<String>,
}

impl Describer {
    fn add(&mut self, name: String, schema: Value) {
        match self.schemas.get(&name) {
            Some(known) if *known != schema => self.twice.push(name),
            Some(_) => {}
            None => {
                self.schemas.insert(name, schema);
            }
        }
    }

    /// Keeps the forms that `T` is made of, and gives its own.
    fn keep<T: ToSchema>(&mut self) -> Value {
        let mut parts: Vec<(String, RefOr<Schema>)> = Vec::new();
        T::schemas(&mut parts);
        for (name, schema) in parts {
            self.add(name, json!(schema));
        }
        let (name, own) = (T::name().into_owned(), json!(<T as PartialSchema>::schema()));
        // A list has no name of its own, and all pages have the same.
        if own["type"] == "array" || name == "Page" {
            return own;
        }
        self.add(name.clone(), own);
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn describe_sessions(&mut self) {
        let answers = |status: &str, what: &str| {
            let mut answers = refusals(&[Kind::Malformed, Kind::WrongVerb], false);
            answers.insert(status.into(), json!({"description": what}));
            answers
        };
        let path = self.paths.entry(format!("{BASE}/session")).or_default();
        path.insert("post".into(), json!({
            "operationId": "beginSession", "summary": "Changes the token of an admin's account into a session: a cookie.",
            "tags": ["session"], "security": [{"bearer": []}], "responses": answers("204", "A cookie was set."),
        }));
        path.insert(
            "delete".into(),
            json!({
                "operationId": "endSession", "summary": "Signs out.", "tags": ["session"],
                "responses": answers("204", "The session has ended."),
            }),
        );
        let path = self.paths.entry(format!("{BASE}/live")).or_default();
        let mut answers = refusals(&[Kind::TooLarge, Kind::WrongType, Kind::Invalid, Kind::WrongVerb], false);
        let events = json!({"text/event-stream": {"schema": {"type": "string"}}});
        answers.insert(
            "200".into(),
            json!({"description": "Events, until the stream ends.", "content": events}),
        );
        path.insert("get".into(), json!({
            "operationId": "watch", "tags": ["live"], "x-right": Right::Read.word(),
            "summary": "What changes, as server-sent events. `anew`: read anew what you show; from here on all is told. \
                        `executions`, `workflows`, `campaigns`, `alerts`, `backtests`: `{changed: [{id}], more}`. The \
                        stream ends now and then: come again with `Last-Event-ID`.",
            "parameters": [{
                "name": "Last-Event-ID", "in": "header", "required": false, "schema": {"type": "string"},
                "description": "The `id` of the last event that was seen: what came after it is told.",
            }],
            "responses": answers,
        }));
        let path = self.paths.entry(format!("{BASE}/openapi.json")).or_default();
        path.insert("get".into(), json!({
            "operationId": "openapi", "summary": "This description.", "tags": ["session"], "security": [],
            "responses": {"200": {"description": "OpenAPI.", "content": {"application/json": {"schema": {"type": "object"}}}}},
        }));
    }
}

/// The refusals that an operation may answer with, but those in `without`.
fn refusals(without: &[Kind], is_guarded: bool) -> Map<String, Value> {
    let problem = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
    let guards = [Kind::Stale, Kind::Unguarded];
    KINDS
        .iter()
        .filter(|(kind, ..)| !without.contains(kind) && (is_guarded || !guards.contains(kind)))
        .map(|(_, status, title)| (status.to_string(), json!({"description": title, "content": problem})))
        .collect()
}

impl Visitor for Describer {
    fn meets<O: Operation>(&mut self) {
        let path = format!("{BASE}{}", O::PATH);
        let right = right_of(O::VERB.word(), &path);
        let has_body = !matches!(O::VERB, Verb::Get | Verb::Delete);
        let mut without = vec![Kind::WrongVerb];
        if !has_body {
            without.extend([Kind::TooLarge, Kind::WrongType, Kind::Invalid]);
        }
        // One that names editions in its body is refused for a stale one, too.
        let is_guarded = O::IF_MATCH != Match::Never || O::NAME == "pushWorkflows";
        let mut responses = refusals(&without, is_guarded);
        let mut success = json!({
            "description": "Done.", "content": {"application/json": {"schema": self.keep::<O::Output>()}},
        });
        if O::IF_MATCH == Match::Must || matches!(O::NAME, "readDraft" | "showTemplate") {
            success["headers"] =
                json!({"ETag": {"schema": {"type": "string"}, "description": "Its edition."}});
        }
        responses.insert(O::STATUS.to_string(), success);
        let mut parameters: Vec<Value> = O::Path::into_params(|| Some(ParameterIn::Path))
            .into_iter()
            .chain(O::Query::into_params(|| Some(ParameterIn::Query)))
            .map(|parameter| json!(parameter))
            .collect();
        if O::IF_MATCH != Match::Never {
            parameters.push(json!({
                "name": "If-Match", "in": "header", "required": O::IF_MATCH == Match::Must,
                "description": "The `ETag` of what was read.", "schema": {"type": "string"},
            }));
        }
        let tag = O::PATH.split('/').nth(1).unwrap_or_default();
        let mut operation = json!({
            "operationId": O::NAME, "summary": O::ABOUT, "tags": [tag], "parameters": parameters,
            "responses": responses, "x-right": right.map(Right::word),
        });
        let body = self.keep::<O::Body>();
        if body["$ref"] != "#/components/schemas/Nothing" {
            operation["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": body}}});
        }
        self.paths.entry(path).or_default().insert(O::VERB.word().to_lowercase(), operation);
    }
}

#[cfg(test)]
mod tests {
    use super::described;

    #[test]
    fn a_name_stands_for_one_form_and_every_reference_leads_somewhere() {
        let (document, twice) = described();
        assert!(twice.is_empty(), "rename one with #[schema(as = …)]: {twice:?}");
        let text = document.to_string();
        let references =
            text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
        for name in references {
            assert!(document["components"]["schemas"].get(name).is_some(), "no {name}");
        }
        assert!(document["paths"]["/api/v1/workflows"]["get"].is_object());
    }
}
