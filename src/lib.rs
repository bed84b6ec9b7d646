//! thendo: when something happens in the database, then do something about it.
//!
//! ARCHITECTURE.md walks an event through these rooms.

pub mod app;
pub mod cli;
pub mod database;
pub mod domain;
pub mod engine;
pub mod http;
pub mod store;
