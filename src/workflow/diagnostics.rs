//! Diagnostics: what is wrong with a workflow, where, and how to mend it.

use std::cell::Cell;
use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Whether a workflow can be published in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No plan comes of it.
    Error,
    /// It works, but hardly as meant.
    Warning,
}

/// One fault, for people and for machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What kind of fault, for machines: `unknown-field`.
    #[schema(value_type = String)]
    #[serde(deserialize_with = "kept")]
    pub code: Code,
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

/// A kind of fault. A name of its own, or the derived reader would want to borrow it from what is read.
pub type Code = &'static str;

/// Only a command that asks a daemon elsewhere reads codes; it reads a few, and ends.
fn kept<'de, D: Deserializer<'de>>(from: D) -> Result<&'static str, D::Error> {
    String::deserialize(from).map(|code| &*code.leak())
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

/// How much may be compared in one search: letters of the one name times those of the other.
const ONE_SEARCH: usize = 500_000;

/// The looking for similar names in one compilation, which is bounded: a file may have thousands of names that are
/// none, and thousands that they might be.
#[derive(Debug)]
pub struct Searches {
    left: Cell<usize>,
}

impl Default for Searches {
    fn default() -> Self {
        Self { left: Cell::new(ONE_SEARCH) }
    }
}

impl Searches {
    /// As [`did_you_mean`], and `None` once the compilation has looked long enough.
    pub fn did_you_mean<'a>(
        &self,
        name: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<String> {
        let mut left = self.left.get();
        if left == 0 {
            return None;
        }
        let all: Vec<&str> = candidates.into_iter().take(left).collect();
        let found = closest(name, all.iter().copied(), &mut left);
        self.left.set(left);
        told(found, all)
    }
}

/// The candidate that someone who wrote `name` most likely meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    closest(name, candidates, &mut ONE_SEARCH.clone())
}

/// The nearest of those that can be compared with what is `left`, which becomes less.
fn closest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    left: &mut usize,
) -> Option<&'a str> {
    if name.len() > 100 {
        return None;
    }
    let lower = name.to_lowercase();
    let length = lower.chars().count();
    let allowed = (length / 3).max(1);
    let letters = letters(&lower);
    let mut best: Option<((usize, usize), &str)> = None;
    for candidate in candidates {
        *left = left.saturating_sub(1);
        // No more than four bytes to a letter.
        if *left == 0 || candidate.len() > 4 * (length + allowed) {
            continue;
        }
        let apart = candidate.chars().count().abs_diff(length);
        // Each letter that the other has not takes one change at least.
        let other = self::letters(candidate);
        let missing = (letters & !other).count_ones().max((other & !letters).count_ones());
        if apart > allowed || missing as usize > allowed {
            continue;
        }
        *left = left.saturating_sub(length * candidate.len());
        let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
        let key = (distance, apart);
        // Where nothing of a name would stay, it is no slip of the pen.
        if distance <= allowed && distance < length && best.is_none_or(|(best, _)| key < best) {
            best = Some((key, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Which letters a name has, in whatever case; several letters may share a bit.
fn letters(name: &str) -> u64 {
    name.chars().flat_map(char::to_lowercase).fold(0, |bits, letter| bits | 1 << (u32::from(letter) % 64))
}

/// "did you mean `total`?", else the list of what is there.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let all: Vec<&str> = candidates.into_iter().collect();
    told(nearest(name, all.iter().copied()), all)
}

fn told(found: Option<&str>, mut all: Vec<&str>) -> Option<String> {
    if let Some(found) = found {
        return Some(format!("did you mean `{found}`?"));
    }
    // More than a few are no help, and few are there more than once.
    if all.len() > 1_000 {
        return None;
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

/// Diagnostics of one file that are told.
pub const MAX_DIAGNOSTICS: usize = 500;

/// The first of many, errors rather than warnings, in their order; the last one says how many more there are, and is
/// as grave as the gravest of them.
pub fn first_of(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if diagnostics.len() <= MAX_DIAGNOSTICS {
        return diagnostics;
    }
    let is_error = |fault: &Diagnostic| fault.severity == Severity::Error;
    let all_errors = diagnostics.iter().filter(|fault| is_error(fault)).count();
    let mut errors_left = all_errors.min(MAX_DIAGNOSTICS - 1);
    let mut warnings_left = MAX_DIAGNOSTICS - 1 - errors_left;
    let all = diagnostics.len();
    diagnostics.retain(|fault| {
        let left = if is_error(fault) { &mut errors_left } else { &mut warnings_left };
        let told = *left > 0;
        *left = left.saturating_sub(1);
        told
    });
    let rest = all - diagnostics.len();
    let errors = all_errors.saturating_sub(MAX_DIAGNOSTICS - 1);
    let message = match (errors, rest - errors) {
        (0, warnings) => format!("and {warnings} more warnings"),
        (errors, 0) => format!("and {errors} more errors"),
        (errors, warnings) => format!("and {} more, {errors} of them errors", errors + warnings),
    };
    let last = match errors {
        0 => Diagnostic::warning("too-many", message),
        _ => Diagnostic::error("too-many", message),
    };
    diagnostics.push(last.at("").help("mend those that are told, and look again"));
    diagnostics
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
        assert_eq!(nearest("x", ["a", "y"]), None, "of one letter nothing would stay");
        assert_eq!(nearest("A", ["ab", "a"]), Some("a"));
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
