//! The example workflows that are built in: to look at, and to begin with.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Asked, Context, Nothing, Operation, Refusal, Verb};

/// Folder's name, what is drawn, what its README says, and an event to try it on.
pub const EXAMPLES: &[(&str, &str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/examples.rs"));

/// An example.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Example {
    /// Its folder's name.
    pub name: String,
    /// What it shows, in a line.
    pub about: String,
    /// What is drawn.
    #[schema(value_type = Object)]
    pub definition: Value,
    /// An event to try it on, as event files have it.
    #[schema(value_type = Object)]
    pub event: Value,
}

/// Lists them.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/examples";
    const NAME: &'static str = "listExamples";
    const ABOUT: &'static str =
        "The example workflows that are built in, with their drawings: `POST /import` takes one as a draft.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Vec<Example>;

    async fn run(_context: &Context, _asked: Asked<Self>) -> Result<Vec<Example>, Refusal> {
        let read = EXAMPLES.iter().map(|(name, drawing, readme, event)| {
            let (definition, event) = (serde_json::from_str(drawing)?, serde_json::from_str(event)?);
            Ok(Example { name: (*name).to_owned(), about: first_words(readme), definition, event })
        });
        Ok(read.collect::<Result<_, serde_json::Error>>().map_err(anyhow::Error::from)?)
    }
}

/// The first paragraph below the title.
fn first_words(readme: &str) -> String {
    let lines = readme.lines().map(str::trim).skip_while(|line| line.is_empty() || line.starts_with('#'));
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_says_what_it_shows() {
        for (name, drawing, readme, event) in EXAMPLES {
            assert!(!first_words(readme).is_empty(), "{name}");
            serde_json::from_str::<Value>(drawing).expect(name);
            serde_json::from_str::<Value>(event).expect(name);
        }
    }
}
