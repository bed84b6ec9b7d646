//! Words: what admins tell executions. Each comes as an event, in the execution's own lane.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::event::Event;

/// The table that words are events of.
pub const WORDS: &str = "thendo.word";

/// What an execution is told, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// What.
    #[serde(flatten)]
    pub what: What,
    /// By whom, as it is shown.
    #[serde(default)]
    pub by: String,
    /// What was said beside it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// What an execution is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub enum What {
    /// To an approval.
    Approve(Place),
    /// To an approval.
    Refuse(Place),
    /// What waits or was not reached does not happen any more.
    Cancel,
    /// One that failed is tried again.
    Retry {
        /// From where.
        #[serde(default)]
        from: From,
        /// On which version.
        #[serde(default)]
        version: Version,
    },
}

/// A node, in its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its name.
    pub node: String,
    /// The places of the items of the loops around it, from the outermost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub item: Vec<u32>,
}

/// From where an execution is tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[schema(as = RetryFrom)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// From the node that failed
    #[default]
    Failed,
    /// From the start: effects that were done are not repeated
    Start,
}

/// On which version an execution is tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[schema(as = RetryOn)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// The one it ran on
    #[default]
    Original,
    /// The one that is in force by now
    Latest,
}

impl Word {
    /// The word that an event is; `None` if it is none that this program knows.
    pub fn of(event: &Event) -> Option<Self> {
        if event.table != WORDS {
            return None;
        }
        serde_json::from_value(Value::Object((*event.row).clone())).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        let retry = json!({"word": "retry", "by": "ada", "execution": "x"});
        let read: Word = serde_json::from_value(retry).expect("reads");
        assert_eq!(read.what, What::Retry { from: From::Failed, version: Version::Original });
        let place = Place { node: "ask".into(), item: vec![2] };
        let word = Word { what: What::Approve(place), by: "ada".into(), comment: String::new() };
        let written = serde_json::to_value(&word).expect("writes");
        assert_eq!(written, json!({"word": "approve", "node": "ask", "item": [2], "by": "ada"}));
        assert_eq!(serde_json::from_value::<Word>(written).expect("reads"), word);
    }
}
