//! Which edition of a workflow is tried: what is drawn, a version, or a drawing that is stored nowhere.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, OneOf, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::refusal::Faulty;
use super::workflows::{self, definition_of, readable};
use super::{Kind, Refusal};
use crate::store::versions::{self, Head};
use crate::workflow::plan::Plan;

/// An edition of a stored workflow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Edition {
    /// What is drawn now.
    #[default]
    Draft,
    /// The version in force.
    Live,
    /// This version.
    Number(i32),
}

impl TryFrom<Value> for Edition {
    type Error = &'static str;

    fn try_from(of: Value) -> Result<Self, Self::Error> {
        let number = of.as_i64().and_then(|number| i32::try_from(number).ok()).filter(|number| *number > 0);
        match (of.as_str(), number) {
            (Some("draft"), _) => Ok(Self::Draft),
            (Some("live"), _) => Ok(Self::Live),
            (_, Some(number)) => Ok(Self::Number(number)),
            _ => Err("write \"draft\", \"live\" or the number of a version"),
        }
    }
}

impl From<Edition> for Value {
    fn from(of: Edition) -> Self {
        match of {
            Edition::Draft => json!("draft"),
            Edition::Live => json!("live"),
            Edition::Number(number) => json!(number),
        }
    }
}

impl PartialSchema for Edition {
    fn schema() -> RefOr<Schema> {
        let named = Object::builder().schema_type(Type::String).enum_values(Some(["draft", "live"]));
        let number =
            Object::builder().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(2_147_483_647));
        OneOf::builder().item(named).item(number).into()
    }
}

impl ToSchema for Edition {}

/// A drawing that is tried as it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sketch {
    /// The workflow's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What this edition is called in the answer: a file, a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// React Flow JSON.
    pub definition: Value,
}

/// What is tried.
#[derive(Debug)]
pub struct Found {
    /// The workflow's name.
    pub called: String,
    /// The edition's: `the draft`, `v3`.
    pub name: String,
    /// The version's number; 0 if it is none.
    pub number: i32,
    /// What is drawn.
    pub drawing: Value,
    /// The stored workflow that it belongs to.
    pub head: Option<Head>,
}

/// What is meant: an edition of a stored workflow, or a drawing.
///
/// # Errors
/// [`Refusal`] if both are named or neither, and if it is not there.
pub async fn found(
    connection: &mut PgConnection,
    workflow: Option<&str>,
    edition: Option<Edition>,
    sketch: Option<Sketch>,
) -> Result<Found, Refusal> {
    match (workflow, sketch) {
        (Some(name), None) => {
            let head = workflows::one(connection, name).await?;
            let (name, number, drawing) = of(connection, &head, edition.unwrap_or_default()).await?;
            Ok(Found { called: head.name.clone(), name, number, drawing, head: Some(head) })
        }
        (None, Some(Sketch { name, edition: title, definition })) if edition.is_none() => {
            let called = name.unwrap_or_else(|| "the drawing".into());
            let name = title.unwrap_or_else(|| called.clone());
            Ok(Found { name, called, number: 0, drawing: definition, head: None })
        }
        (None, Some(_)) => Err(Refusal::new(Kind::Malformed, "bad-body", "a drawing has no versions")
            .help("leave out `version`, or name a `workflow`")),
        _ => Err(Refusal::new(Kind::Malformed, "bad-body", "it is not said which workflow is tried")
            .help("say either `workflow` or `drawing`")),
    }
}

/// An edition's name, number and drawing.
///
/// # Errors
/// [`Refusal`] if there is none.
pub async fn of(
    connection: &mut PgConnection,
    head: &Head,
    edition: Edition,
) -> Result<(String, i32, Value), Refusal> {
    let number = match (edition, head.live_version) {
        (Edition::Draft, _) => return Ok(("the draft".into(), 0, readable(&head.name, head.drawing())?)),
        (Edition::Number(number), _) | (Edition::Live, Some(number)) => number,
        (Edition::Live, None) => {
            let message = format!("no version of `{}` is in force", head.name);
            return Err(Refusal::new(Kind::Conflict, "not-in-force", message)
                .help("name one by its number: `thendo workflow show` lists them"));
        }
    };
    Ok((format!("v{number}"), number, definition_of(connection, head, number).await?))
}

/// The stored workflow of this name, if there is just one.
///
/// # Errors
/// When the database can't be asked.
pub async fn of_name(connection: &mut PgConnection, name: &str) -> Result<Option<Head>, Refusal> {
    let mut stored: Vec<Head> = versions::find(connection, name).await?;
    stored.retain(|head| head.name == name);
    Ok(if stored.len() == 1 { stored.pop() } else { None })
}

/// The plan of a drawing, and that; compiled where nobody else waits for it.
///
/// # Errors
/// [`Refusal`] with what the compiler says.
pub async fn plan(name: &str, drawing: Value) -> Result<(Arc<Plan>, Value), Refusal> {
    let (drawing, compiled) = workflows::compiled(drawing).await?;
    if let Some(plan) = compiled.plan {
        return Ok((Arc::new(plan), drawing));
    }
    let drawing = Some(drawing);
    let faulty = Faulty { workflow: name.to_owned(), drawing, diagnostics: compiled.diagnostics };
    Err(Refusal::faulty("tried", vec![faulty], 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_is_the_draft_what_is_in_force_or_a_number() {
        for (text, edition) in
            [("\"draft\"", Edition::Draft), ("\"live\"", Edition::Live), ("3", Edition::Number(3))]
        {
            assert_eq!(serde_json::from_str::<Edition>(text).expect("an edition"), edition);
            assert_eq!(serde_json::to_string(&edition).expect("JSON"), text);
        }
        for none in ["0", "-1", "1.5", "\"v3\"", "null", "99999999999"] {
            assert!(serde_json::from_str::<Edition>(none).is_err(), "{none}");
        }
    }
}
