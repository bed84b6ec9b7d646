//! The catalogue, assembled from the lists of the folders.

use crate::workflow::catalogue::Catalogue;

/// Every kind that this thendo knows.
pub fn catalogue() -> Catalogue {
    Catalogue {
        triggers: crate::triggers::ALL,
        conditions: crate::conditions::ALL,
        controls: crate::controls::ALL,
        actions: crate::actions::ALL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_kind_explains_itself() {
        let mut names: Vec<_> = catalogue().names().collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        for kind in catalogue().kinds() {
            let about = kind.about();
            assert!(about.docs.ends_with('.') && !about.label.is_empty(), "{}", about.name);
            assert!((about.schema)().is_object(), "{}", about.name);
        }
    }
}

// The compiler's own tests need kinds, so they stand here.
#[cfg(test)]
pub(crate) mod compile_properties;
#[cfg(test)]
mod compile_tests;
#[cfg(test)]
mod control_tests;
#[cfg(test)]
mod describe_tests;
#[cfg(test)]
mod diff_tests;
#[cfg(test)]
mod drawing_tests;
#[cfg(test)]
mod event_file_tests;
#[cfg(test)]
mod flow_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod name_tests;
#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod retry_tests;
#[cfg(test)]
mod tables_tests;
#[cfg(test)]
mod trigger_tests;
