//! Other people's servers: requests to them, and which of them may be asked at all.

mod answers;
mod guard;
mod masks;
pub mod requests;
pub mod signing;
