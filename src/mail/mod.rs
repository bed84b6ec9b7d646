//! Mail: from an effect to a message on the wire, or in the mailbox folder.

pub mod content;
pub mod render;
mod server;
pub mod smtp;
pub mod transport;
