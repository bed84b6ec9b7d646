//! The scope of a node: which names its settings may use, and what types they have.

use super::diagnostics::did_you_mean;
use super::subjects::{CUSTOMER, EVENT, Field, FieldType, Subject};

/// What a node before another one leaves for it.
#[derive(Debug, Clone, Copy)]
pub struct StepScope<'a> {
    /// The node's id.
    pub node: &'a str,
    /// What its kind gives; `None` if the kind is unknown.
    pub result: Option<&'static [Field]>,
    /// Whether it comes before the node whose scope this is.
    pub before: bool,
}

/// The names that one node's settings may use.
#[derive(Debug, Default)]
pub struct Scope<'a> {
    /// What the trigger's events are about. Empty: no trigger is known, every name passes.
    pub subjects: Vec<&'static Subject>,
    /// All nodes of the workflow.
    pub steps: Vec<StepScope<'a>>,
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
    /// The type of what a dotted path names; a whole row is [`FieldType::Json`].
    ///
    /// # Errors
    /// [`NameFault`] for names that never have a value here.
    pub fn resolve(&self, path: &str) -> Result<FieldType, NameFault> {
        let mut parts = path.split('.');
        let root = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        match root {
            "vars" => return Ok(FieldType::Json),
            "now" => return leaf(root, FieldType::Time, &rest),
            "event" => return in_fields(root, &[EVENT], &rest),
            "steps" => return self.step(&rest),
            _ if self.subjects.is_empty() => return Ok(FieldType::Json),
            "customer" if self.has_customer() => return in_fields(root, &[CUSTOMER.fields], &rest),
            _ => {}
        }
        let named: Vec<_> =
            self.subjects.iter().filter(|s| root == "old" || s.name == root).map(|s| s.fields).collect();
        if named.is_empty() {
            return Err(self.unknown_root(root));
        }
        in_fields(root, &named, &rest)
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
        NameFault::unknown(format!("there is no `{root}` here"), did_you_mean(root, known))
    }

    fn step(&self, rest: &[&str]) -> Result<FieldType, NameFault> {
        let Some((node, rest)) = rest.split_first() else { return Ok(FieldType::Json) };
        let Some(step) = self.steps.iter().find(|step| step.node == *node) else {
            let before = self.steps.iter().filter(|step| step.before).map(|step| step.node);
            return Err(NameFault::unknown(format!("there is no node `{node}`"), did_you_mean(node, before)));
        };
        if !step.before {
            return Err(NameFault {
                code: "step-not-before",
                message: format!("the node `{node}` does not come before this one"),
                help: Some(format!("draw a way from `{node}` to this node, or leave its result out")),
            });
        }
        match step.result {
            None => Ok(FieldType::Json),
            Some(fields) => in_fields(&format!("steps.{node}"), &[fields], rest),
        }
    }
}

fn in_fields(root: &str, choices: &[&'static [Field]], rest: &[&str]) -> Result<FieldType, NameFault> {
    let Some((name, rest)) = rest.split_first() else { return Ok(FieldType::Json) };
    let all = || choices.iter().flat_map(|fields| fields.iter());
    match all().find(|field| field.name == *name) {
        Some(field) => leaf(&format!("{root}.{name}"), field.ty, rest),
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
