//! Mail: from an effect to a message on the wire, or in the mailbox folder.

pub mod bounces;
pub mod compose;
pub mod content;
mod dkim;
mod links;
mod server;
pub mod smtp;
pub mod tracking;
pub mod transport;
pub mod unsubscribe;
