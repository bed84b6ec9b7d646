//! The engine: an event's way from the queue to what it changed.

pub mod advance;
