//! The words of the house: ids, events, executions, effects, money, settings. No I/O.

pub mod alert;
pub mod effect;
pub mod event;
pub mod execution;
pub mod ids;
pub mod money;
pub mod settings;
pub mod word;
