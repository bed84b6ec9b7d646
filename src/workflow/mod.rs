//! What admins draw, read and checked: a React Flow save becomes a plan or a list of faults.
//!
//! Nothing here does I/O, reads a clock or knows a single kind: the catalogue is handed in.

pub mod anchor;
mod bounds;
mod branches;
pub mod build;
pub mod calendar;
pub mod catalogue;
pub mod columns;
pub mod compile;
pub mod config;
pub mod context;
pub mod control;
pub mod cycles;
pub mod describe;
pub mod diagnostics;
pub mod diff;
pub mod event_file;
pub mod expression;
mod filters;
pub mod flow;
mod graph;
mod guarded;
pub mod hash;
pub mod index;
pub mod mails;
mod meaning;
pub mod plan;
pub mod react_flow;
pub mod reads;
pub mod regions;
pub mod report;
mod resolve;
pub mod retry;
pub mod rules;
pub mod scope;
pub mod secrets;
pub mod shape;
pub mod slack;
pub mod span;
mod spelling;
mod storable;
pub mod subjects;
pub mod template;
pub mod variables;
mod wants;
mod ways;
