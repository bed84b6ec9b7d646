//! thendo: when something happens in the database, then do something about it.
//!
//! ARCHITECTURE.md walks an event through these rooms.

pub mod actions;
pub mod app;
pub mod cli;
pub mod conditions;
pub mod controls;
pub mod database;
pub mod domain;
pub mod engine;
pub mod http;
pub mod kinds;
pub mod mail;
pub mod operations;
pub mod outside;
pub mod seed;
pub mod store;
pub mod testrun;
pub mod triggers;
pub mod workflow;
