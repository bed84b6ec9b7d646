//! Diagnostics: what is wrong with a workflow, where, and how to mend it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Whether a workflow can be published in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No plan comes of it.
    Error,
    /// It works, but hardly as meant.
    Warning,
}

/// One fault, for people and for machines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What kind of fault, for machines: `unknown-field`.
    pub code: &'static str,
    /// The node it is about.
    pub node: Option<String>,
    /// The edge it is about.
    pub edge: Option<String>,
    /// JSON pointer into the file: `/nodes/2/data/config/points`.
    pub path: Option<String>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Bytes within the string at `path`, where the fault is only a part of it.
    #[serde(skip)]
    pub within: Option<Range<usize>>,
}

impl Diagnostic {
    /// A fault that prevents a plan.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            node: None,
            edge: None,
            path: None,
            message: message.into(),
            help: None,
            within: None,
        }
    }

    /// A fault that a plan survives.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Names the node.
    #[must_use]
    pub fn node(mut self, id: impl Into<String>) -> Self {
        self.node = Some(id.into());
        self
    }

    /// Names the edge.
    #[must_use]
    pub fn edge(mut self, id: Option<&str>) -> Self {
        self.edge = id.map(str::to_owned);
        self
    }

    /// Points into the file.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Points into the string at the path.
    #[must_use]
    pub fn within(mut self, range: Option<Range<usize>>) -> Self {
        self.within = range;
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says how to mend it, if there is something to say.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

/// Whether any of them prevents a plan.
pub fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}

/// The candidate that someone who wrote `name` most likely meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 100 {
        return None;
    }
    let lower = name.to_lowercase();
    let allowed = (lower.chars().count() / 3).max(1);
    let length = name.chars().count();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, candidate)| (*distance, candidate.chars().count().abs_diff(length)))
        .map(|(_, candidate)| candidate)
}

/// "did you mean `total`?", else the list of what is there.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut all: Vec<&str> = candidates.into_iter().collect();
    if let Some(found) = nearest(name, all.iter().copied()) {
        return Some(format!("did you mean `{found}`?"));
    }
    all.sort_unstable();
    all.dedup();
    match all.len() {
        0 => None,
        1 => Some(format!("the only one is `{}`", all[0])),
        2..=30 => Some(format!("there are: {}", all.join(", "))),
        _ => None,
    }
}

/// A key as a segment of a JSON pointer.
pub fn segment(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_its_word() {
        let fields = ["total", "status", "currency"];
        assert_eq!(nearest("totl", fields), Some("total"));
        assert_eq!(nearest("Total", fields), Some("total"));
        assert_eq!(nearest("=>", ["=", ">", ">="]), Some(">="));
        assert_eq!(nearest("colour", fields), None);
        assert_eq!(did_you_mean("totl", fields).as_deref(), Some("did you mean `total`?"));
        assert_eq!(did_you_mean("colour", fields).as_deref(), Some("there are: currency, status, total"));
    }

    #[test]
    fn machines_get_the_documented_keys() {
        let json =
            serde_json::to_value(Diagnostic::error("cycle", "a -> b -> a").node("a")).expect("serialises");
        let mut keys: Vec<_> = json.as_object().expect("an object").keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["code", "edge", "help", "message", "node", "path", "severity"]);
        assert_eq!(json["severity"], "error");
    }
}
