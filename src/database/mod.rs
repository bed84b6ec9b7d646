//! The database: how it is found, reached and brought up to date, and the private server of `up`.

pub mod adopt;
pub mod attach;
pub mod connect;
pub mod describe;
pub mod find;
pub mod limits;
pub mod migrate;
pub mod pooler;
mod query;
pub mod role;
pub mod rows;
pub mod server;
mod tls;
