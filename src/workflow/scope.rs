//! The scope of a node: which names its settings may use, and what types they have.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use super::diagnostics::{Searches, did_you_mean};
use super::graph::Graph;
use super::reads::shown;
use super::spelling;
use super::subjects::{CUSTOMER, EVENT, Field, FieldType, Subject};
use super::tables::Tables;
use super::variables::Variables;

/// The nodes of a workflow as one of them sees them.
#[derive(Debug, Clone)]
pub struct StepsBefore<'a> {
    /// Who leads to whom.
    pub graph: &'a Graph,
    /// All nodes by their ids.
    pub index: &'a HashMap<&'a str, usize>,
    /// What each node's kind gives; `None` if the kind is unknown.
    pub results: &'a [Option<&'static [Field]>],
    /// The node that looks.
    pub at: usize,
    /// Which nodes come before it: asked for when a name speaks of one.
    pub before: OnceCell<Vec<bool>>,
    /// What is left of looking for similar names.
    pub searches: &'a Searches,
    /// Whether some node before it could not be read: asked for when a name speaks of a variable.
    pub unread: OnceCell<bool>,
}

impl StepsBefore<'_> {
    /// Whether a node comes before the one that looks.
    pub(super) fn is_before(&self, node: usize) -> bool {
        let before = self.before.get_or_init(|| self.graph.ancestors(self.at));
        node != self.at && before.get(node).copied().unwrap_or(false)
    }

    /// Whether any of `nodes` comes before the one that looks; asked once, always of the same.
    pub(super) fn any_before(&self, nodes: &HashSet<usize>) -> bool {
        *self.unread.get_or_init(|| nodes.iter().any(|node| self.is_before(*node)))
    }
}

/// The names that one node's settings may use.
#[derive(Debug, Default, Clone)]
pub struct Scope<'a> {
    /// What the trigger's events are about. Empty: no trigger is known, every name passes.
    pub subjects: Vec<&'static Subject>,
    /// No event of the trigger changes a row: there are no former values.
    pub nothing_former: bool,
    /// The other nodes of the workflow.
    pub steps: Option<StepsBefore<'a>>,
    /// The variables that nodes of the workflow set; `None`: not known.
    pub vars: Option<&'a Variables>,
    /// In the body of a loop: `item` and `index` are there.
    pub in_loop: bool,
    /// The row of an event that is matched with what the execution waits for.
    pub awaited: Vec<&'static Subject>,
    /// In a mail: `unsubscribe_url` is there.
    pub in_mail: bool,
    /// The tables of the database, where a workflow is checked against one.
    pub tables: Option<&'a Tables>,
    /// The table of a trigger's rows that thendo knows nothing of.
    pub row_table: Option<String>,
    /// The same, of the event that is matched.
    pub awaited_table: Option<String>,
}

/// Why a name can't be used.
#[derive(Debug, Clone, PartialEq)]
pub struct NameFault {
    /// `unknown-name` or `step-not-before`.
    pub code: &'static str,
    /// In words.
    pub message: String,
    /// The mend.
    pub help: Option<String>,
}

impl NameFault {
    fn unknown(message: String, help: Option<String>) -> Self {
        Self { code: "unknown-name", message, help }
    }
}

impl Scope<'_> {
    /// The type of what a path names; a whole row is [`FieldType::Json`].
    ///
    /// # Errors
    /// [`NameFault`] for names that never have a value here.
    pub fn resolve<S: AsRef<str>>(&self, path: &[S]) -> Result<FieldType, NameFault> {
        let mut parts = path.iter().map(AsRef::as_ref);
        let root = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        match root {
            "vars" => return self.variable(&rest),
            "item" if self.in_loop => return Ok(FieldType::Json),
            "index" if self.in_loop => return leaf(root, FieldType::Integer, &rest),
            "awaited" if !self.awaited.is_empty() => {
                let ty = in_subjects(root, &self.awaited, &rest)?;
                let its =
                    Scope { tables: self.tables, row_table: self.awaited_table.clone(), ..Scope::default() };
                return its.in_tables(&self.awaited, &rest, ty);
            }
            "unsubscribe_url" if self.in_mail => return leaf(root, FieldType::Text, &rest),
            "now" => return leaf(root, FieldType::Time, &rest),
            "event" => return in_fields(root, &[EVENT], &rest),
            "steps" => return self.step(&rest),
            "old" if self.nothing_former && !self.subjects.is_empty() && !rest.is_empty() => {
                let message = "`old` is always empty here: no event of this trigger changes a row";
                let help = "leave it out, or start with a trigger of changes, such as `order_updated`";
                return Err(NameFault::unknown(message.into(), Some(help.into())));
            }
            _ if self.subjects.is_empty() => return Ok(FieldType::Json),
            "customer" if self.has_customer() => {
                if let Some(fault) = self.lacks_customer() {
                    return Err(fault);
                }
                return self.in_tables(&[&CUSTOMER], &rest, in_fields(root, &[CUSTOMER.fields], &rest)?);
            }
            _ => {}
        }
        let named: Vec<&Subject> =
            self.subjects.iter().filter(|s| root == "old" || s.name == root).copied().collect();
        if named.is_empty() {
            return Err(self.unknown_root(root));
        }
        self.in_tables(&named, &rest, in_subjects(root, &named, &rest)?)
    }

    /// What a path names, unless the database lacks the column; of several tables, all of those that should have it.
    fn in_tables(
        &self,
        choices: &[&'static Subject],
        rest: &[&str],
        ty: FieldType,
    ) -> Result<FieldType, NameFault> {
        let Some(column) = rest.first() else { return Ok(ty) };
        let mut should =
            choices.iter().filter(|subject| subject.open || subject.field(column).is_some()).peekable();
        let first = should.peek().and_then(|subject| self.lacks(subject, column));
        match first {
            Some(fault) if should.all(|subject| self.lacks(subject, column).is_some()) => Err(fault),
            _ => Ok(ty),
        }
    }

    /// What is wrong with a column of a subject's table in the database at hand.
    pub(super) fn lacks(&self, subject: &Subject, column: &str) -> Option<NameFault> {
        let table = if subject.table.is_empty() { self.row_table.as_deref()? } else { subject.table };
        self.table_lacks(table, subject, column)
    }

    /// The same, where the settings name the table.
    pub(super) fn table_lacks(&self, table: &str, subject: &Subject, column: &str) -> Option<NameFault> {
        self.tables?.lacks(table, column, subject.field(column).map(|field| field.ty))
    }

    fn variable(&self, rest: &[&str]) -> Result<FieldType, NameFault> {
        let (Some(name), Some(known)) = (rest.first(), &self.vars) else { return Ok(FieldType::Json) };
        let Some(help) = known.lacking(name, self.steps.as_ref()) else { return Ok(FieldType::Json) };
        Err(NameFault::unknown(format!("no node before this one sets the variable `{name}`"), help))
    }

    fn has_customer(&self) -> bool {
        self.subjects.iter().any(|subject| subject.has_customer())
    }

    fn unknown_root(&self, root: &str) -> NameFault {
        if root == "customer" {
            return NameFault::unknown("this trigger's events belong to no customer".into(), None);
        }
        let mut known = vec!["event", "old", "steps", "vars", "now"];
        known.extend(self.subjects.iter().map(|subject| subject.name));
        if self.has_customer() {
            known.push("customer");
        }
        if self.in_mail {
            known.push("unsubscribe_url");
        }
        if self.in_loop {
            known.extend(["item", "index"]);
        } else if matches!(root, "item" | "index") {
            let message = format!("`{root}` is there in the body of a loop only");
            return NameFault::unknown(
                message,
                Some("draw this node behind the branch `each` of a loop".into()),
            );
        }
        let help = spelling::of_name(root).or_else(|| did_you_mean(root, known));
        NameFault::unknown(format!("there is no `{root}` here"), help)
    }

    fn step(&self, rest: &[&str]) -> Result<FieldType, NameFault> {
        let Some((node, rest)) = rest.split_first() else { return Ok(FieldType::Json) };
        let Some(steps) = &self.steps else {
            return Err(NameFault::unknown("no node comes before this one".into(), None));
        };
        let Some(&at) = steps.index.get(node) else {
            let before = steps.index.iter().filter(|(_, at)| steps.is_before(**at)).map(|(name, _)| *name);
            let before: Vec<&str> = before.collect();
            let help = subscript(node, &before).or_else(|| steps.searches.did_you_mean(node, before));
            return Err(NameFault::unknown(format!("there is no node `{node}`"), help));
        };
        if !steps.is_before(at) {
            return Err(NameFault {
                code: "step-not-before",
                message: format!("the node `{node}` does not come before this one"),
                help: Some(format!("draw a way from `{node}` to this node, or leave its result out")),
            });
        }
        match steps.results.get(at).copied().flatten() {
            None => Ok(FieldType::Json),
            // Behind its branch `error`.
            Some(_) if rest == ["error"] => Ok(FieldType::Text),
            Some(fields) => in_fields(&shown(&["steps", node]), &[fields], rest),
        }
    }
}

/// `steps.node-1` takes 1 from `steps.node`: a name with other signs in it is written as a subscript.
fn subscript(node: &str, before: &[&str]) -> Option<String> {
    let goes_on = |name: &&&str| {
        let rest = name.strip_prefix(node)?;
        rest.starts_with(|c: char| !c.is_alphanumeric() && c != '_').then_some(())
    };
    let mut meant: Vec<&str> = before.iter().filter(|name| goes_on(name).is_some()).copied().collect();
    meant.sort_unstable();
    let written = shown(&["steps", meant.first()?]);
    Some(format!("write `{written}`"))
}

fn in_subjects(root: &str, choices: &[&Subject], rest: &[&str]) -> Result<FieldType, NameFault> {
    let fields: Vec<_> = choices.iter().map(|subject| subject.fields).collect();
    match in_fields(root, &fields, rest) {
        Err(_) if choices.iter().any(|subject| subject.open) => Ok(FieldType::Json),
        known => known,
    }
}

fn in_fields(root: &str, choices: &[&'static [Field]], rest: &[&str]) -> Result<FieldType, NameFault> {
    let Some((name, rest)) = rest.split_first() else { return Ok(FieldType::Json) };
    let all = || choices.iter().flat_map(|fields| fields.iter());
    match all().find(|field| field.name == *name) {
        Some(field) => leaf(&format!("{root}{}", &shown(&["", name])), field.ty, rest),
        None => Err(NameFault::unknown(
            format!("`{root}` has no field `{name}`"),
            did_you_mean(name, all().map(|field| field.name)),
        )),
    }
}

fn leaf(path: &str, ty: FieldType, rest: &[&str]) -> Result<FieldType, NameFault> {
    match (ty, rest) {
        (ty, []) => Ok(ty),
        (FieldType::Json | FieldType::List, _) => Ok(FieldType::Json),
        (ty, _) => Err(NameFault::unknown(format!("`{path}` is {}: it has no fields", ty.described()), None)),
    }
}
