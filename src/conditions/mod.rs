//! Conditions: one file per kind, one line in the list.

use crate::workflow::catalogue::ConditionKind;

pub mod condition;
mod names;
pub mod split;
pub mod switch;

/// Every kind of condition.
pub const ALL: &[ConditionKind] = &[condition::KIND, switch::KIND, split::KIND];

#[cfg(test)]
mod tests {
    //! Conditions built as the compiler builds them.
    use serde_json::Value;

    use super::*;
    use crate::workflow::catalogue::{Catalogue, Condition};
    use crate::workflow::config::Reader;
    use crate::workflow::scope::Scope;
    use crate::workflow::subjects::ORDER;

    fn read(kind: &ConditionKind, node: &str, config: &Value) -> Result<Box<dyn Condition>, Vec<String>> {
        let scope = Scope { subjects: vec![&ORDER], ..Scope::default() };
        let schema = (kind.about.schema)();
        let mut reader = Reader::new(node, config, "", &schema, &scope, &Catalogue::EMPTY);
        let built = (kind.build)(&mut reader);
        let place = |path: &Option<String>| path.clone().unwrap_or_default();
        let faults: Vec<String> =
            reader.faults.iter().map(|fault| format!("{} {}", fault.code, place(&fault.path))).collect();
        match built {
            Some(built) if faults.is_empty() => Ok(built),
            _ => Err(faults),
        }
    }

    pub(super) fn built(kind: &ConditionKind, config: &Value) -> Box<dyn Condition> {
        built_as(kind, "node", config)
    }

    pub(super) fn built_as(kind: &ConditionKind, node: &str, config: &Value) -> Box<dyn Condition> {
        read(kind, node, config).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    /// Codes and places of what is wrong with the settings of a node behind an order's trigger.
    pub(super) fn faults(kind: &ConditionKind, config: &Value) -> Vec<String> {
        read(kind, "node", config).expect_err("faults")
    }

    #[test]
    fn the_examples_work() {
        for kind in ALL {
            let example: Value = serde_json::from_str(kind.about.example).expect("JSON");
            let built = read(kind, "node", &example).unwrap_or_else(|faults| panic!("{faults:?}"));
            assert!(!built.branches().is_empty() && built.always().is_none(), "{}", kind.about.name);
        }
    }
}
