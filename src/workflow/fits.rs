//! Whether a workflow fits a database's tables: what starts it, what its actions need, and what carries them out.

use std::collections::HashSet;

use super::build::CUSTOMER_OF_EVENT;
use super::catalogue::{Kind, Source, Trigger};
use super::compile::{Compiler, written};
use super::config::Reader;
use super::diagnostics::Diagnostic;
use super::plan::Work;
use super::react_flow::DrawnNode;
use super::resolve::Resolved;
use super::scope::{NameFault, Scope};
use super::subjects::Subject;
use super::tables::OF_TABLES;
use crate::domain::effect::EffectKind;

impl Compiler<'_> {
    /// Says which tables that start it are not there, or tell nothing.
    pub(super) fn started_by(&mut self, node: &DrawnNode, sources: &[Source], trigger: Option<&dyn Trigger>) {
        let Some(tables) = self.tables else { return };
        let found = tables.unheard(sources, trigger);
        self.diagnostics.extend(found.into_iter().map(|fault| fault.node(&node.id).at(&node.path)));
    }

    /// Says which columns an action needs that are not there; any of `choices` will do.
    pub(super) fn needed_columns(&mut self, node: &DrawnNode, choices: &[&str], scope: &Scope<'_>) {
        let lacks = |choice: &&str| {
            if *choice == CUSTOMER_OF_EVENT {
                return scope.lacks_customer();
            }
            let (of, column) = choice.split_once('.')?;
            let mut subjects = scope.subjects.iter().filter(|subject| of == "*" || of == subject.name);
            subjects.find_map(|subject| scope.lacks(subject, column))
        };
        let faults: Vec<_> = choices.iter().filter_map(lacks).collect();
        if faults.len() == choices.len() {
            self.diagnostics.extend(faults.into_iter().next().map(|fault| fault.of_node(node)));
        }
    }

    /// Says what nodes do that the database can't carry out as it is.
    pub(super) fn carried_out(&mut self, resolved: &Resolved<'_>, works: &[Option<Work>]) {
        let Some(tables) = self.tables else { return };
        for ((node, kind), work) in resolved.nodes.iter().zip(works) {
            let Some(kind) = kind else { continue };
            let written = written(kind, work.as_ref());
            let mut faults: Vec<_> =
                written.iter().filter_map(|write| tables.without(&write.table)).collect();
            faults.dedup();
            if faults.is_empty() {
                faults.extend(effect_of(kind, work.as_ref()).and_then(|effect| tables.refuses(effect)));
            }
            if let Some(Work::Action(action)) = work {
                let set = action.sets();
                faults.extend(action.writes().iter().filter_map(|write| tables.refuses_row(write, &set)));
            }
            self.diagnostics.extend(faults.into_iter().map(|fault| fault.of_node(node)));
        }
    }

    /// Notes the nodes that never run: whatever the tables are, nothing breaks there.
    pub(super) fn idle_nodes(&mut self, resolved: &Resolved<'_>, live: &[bool]) {
        if self.tables.is_some() {
            let nodes = resolved.nodes.iter().zip(live);
            let idle = nodes.filter(|((node, _), live)| !node.enabled || !**live);
            self.idle = idle.map(|((node, _), _)| node.id.clone()).collect();
        }
    }
}

/// Whether a fault is of the tables, and of a node that never runs.
pub(super) fn is_idle(fault: &Diagnostic, idle: &HashSet<String>) -> bool {
    OF_TABLES.contains(&fault.code) && fault.node.as_ref().is_some_and(|node| idle.contains(node))
}

/// What carries out what a node does, if it does anything.
fn effect_of(kind: &Kind<'_>, work: Option<&Work>) -> Option<EffectKind> {
    match (kind, work) {
        (Kind::Action(kind), _) => Some(kind.effect),
        (_, Some(Work::Control(control))) => control.starts().map(|_| EffectKind::StartWorkflow),
        _ => None,
    }
}

impl Scope<'_> {
    /// What is wrong with finding the customer of the trigger's rows: none of the columns by which it is found is there.
    pub(super) fn lacks_customer(&self) -> Option<NameFault> {
        self.subjects.iter().find_map(|subject| self.lacks_customer_of(subject))
    }

    /// The same, of one subject's rows.
    pub(super) fn lacks_customer_of(&self, subject: &Subject) -> Option<NameFault> {
        let columns = subject.customer_columns();
        let faults: Vec<_> = columns.iter().filter_map(|column| self.lacks(subject, column)).collect();
        if faults.len() == columns.len() { faults.into_iter().next() } else { None }
    }
}

impl Reader<'_> {
    /// Says which tables and columns of the events that a setting names are not there, or tell nothing.
    pub fn unheard(&mut self, trigger: &dyn Trigger, setting: &str) {
        let Some(tables) = self.scope.tables else { return };
        for fault in tables.unheard(&trigger.sources(), Some(trigger)) {
            let path = format!("{}/{setting}", self.path);
            self.fault(fault.at(path));
        }
    }

    /// Says so where the rows of a setting's events don't tell their customer any more, or the trigger's own.
    pub fn customerless(&mut self, subjects: &[&'static Subject], setting: &str) {
        let own = self.scope.lacks_customer();
        let fault = own.or_else(|| subjects.iter().find_map(|subject| self.scope.lacks_customer_of(subject)));
        if let Some(fault) = fault {
            let path = format!("{}/{setting}", self.path);
            self.fault(Diagnostic::from(fault).at(path));
        }
    }
}

impl NameFault {
    /// The same, said of a node as a whole.
    pub(super) fn of_node(self, node: &DrawnNode) -> Diagnostic {
        Diagnostic::from(self).node(&node.id).at(&node.path)
    }
}
