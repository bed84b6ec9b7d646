//! The words of the house: ids, events, executions, effects, money, settings. No I/O.

pub mod alert;
pub mod delivery;
pub mod effect;
pub mod event;
pub mod execution;
pub mod ids;
pub mod keys;
pub mod mail;
pub mod money;
pub mod retry;
pub mod settings;
pub mod veiled;
pub mod word;
