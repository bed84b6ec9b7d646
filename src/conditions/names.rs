//! Names of branches that an admin chooses: the handles of the edges that leave the node.

use crate::workflow::config::Reader;

/// Branches of one node.
pub(super) const MAX_BRANCHES: usize = 50;
const MAX_LETTERS: usize = 60;

/// Checks one name after those before it; faults are noted at `path`. `taken` are names that have a meaning already.
pub(super) fn check(
    reader: &mut Reader<'_>,
    name: &str,
    before: &[String],
    taken: &[&str],
    path: &str,
) -> Option<String> {
    let same = |other: &str| other.eq_ignore_ascii_case(name);
    let (code, message) = match name {
        _ if name.is_empty() || name.trim() != name => {
            ("bad-branch-name", "a branch needs a name, without space around it".to_owned())
        }
        _ if name.chars().count() > MAX_LETTERS || name.chars().any(char::is_control) => {
            ("bad-branch-name", format!("a branch's name has at most {MAX_LETTERS} letters, in one line"))
        }
        _ if taken.iter().any(|taken| same(taken)) => {
            ("bad-branch-name", format!("a branch can't be called `{name}`: that branch is there already"))
        }
        _ if before.iter().any(|before| same(before)) => {
            ("duplicate-branch", format!("there are two branches `{name}`"))
        }
        _ => return Some(name.to_owned()),
    };
    reader.fault_below(path, code, "name", message);
    None
}

/// A list of settings within bounds: at least one, at most [`MAX_BRANCHES`].
pub(super) fn list<'v>(
    reader: &mut Reader<'_>,
    value: &'v serde_json::Value,
    name: &str,
) -> Option<&'v [serde_json::Value]> {
    let items = value.get(name).and_then(serde_json::Value::as_array)?;
    if items.is_empty() || items.len() > MAX_BRANCHES {
        let message = format!("`{name}` needs between 1 and {MAX_BRANCHES} items, not {}", items.len());
        reader.fault_at("out-of-range", name, message);
        return None;
    }
    Some(items)
}
